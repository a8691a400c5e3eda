"""What a data set holds, as lines for people."""

from __future__ import annotations

from webapp.learning.models import DataSet
from webapp.learning.settled import counted, sentences

LEAST_LEARNT = 2
"""Scans of a label outside of the test set: one to learn from, one to validate on."""


def lines(made: DataSet) -> list[str]:
    """What it holds, what was left out and what is still missing."""
    counts = made.counts
    held = (
        f"{counted(counts['scans'], 'scan')} of {counted(counts['patients'], 'patient')}, {counts['test_patients']} of "
        f"them in the test set; {counted(counts['masks'], 'mask')}"
    )
    told = [f"Data set {made.number} for {made.model_name}: {held}.", f"sha256 {made.sha256}"]
    for label, sides in counts["labels"].items():
        told.append(
            f"{label}: "
            + ", ".join(f"{split} {sides[split]}" for split in ("train", "val", "test") if split in sides)
        )
    return [*told, *sentences(counts.get("left_out", {}), counts.get("unknown_labels", {})), *warnings(made)]


def warnings(made: DataSet) -> list[str]:
    """What keeps a model from being trained or judged on it, a sentence for each label."""
    told = []
    for label, sides in made.counts["labels"].items():
        if not sides.get("test"):
            told.append(f"{label} has no scan in the test set yet: what is learnt of it can't be judged.")
        if not (sides.get("train") and sides.get("val")):
            told.append(
                f"{label} has too few patients outside of the test set to learn it: at least {LEAST_LEARNT}, one of them "
                "to validate on."
            )
    return told
