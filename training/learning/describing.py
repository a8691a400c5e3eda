"""The card of a fine-tuned version: what stays of the version before, and what the new scans change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from handlers.card import ModelCard
from training.data.manifest import Scan, of_split
from training.data.sources import is_simulated
from training.export import FEW_PATIENTS, describe_data
from training.learning.sources import Sources


def data_of(sources: Sources, before: ModelCard) -> dict[str, Any]:
    """The card's description of the data: the new scans and what was kept, and below `before` that of the version."""
    return {
        **describe_data([*sources.new, *sources.kept]),
        "before": {"version": before.version, **before.data},
    }


def caveats_of(sources: Sources, before: ModelCard) -> dict[str, str]:
    """By label the caveat of the version before, where the new scans don't make it obsolete."""
    return {
        label: caveat
        for label, text in before.caveats.items()
        if (caveat := _caveat(_patients(of_split(sources.new, "train"), label), before, label, text))
    }


def limits_of(sources: Sources, before: ModelCard, caveats: dict[str, str]) -> tuple[str, ...]:
    """The limits of the version before, with the caveats as they are now, and with what the new scans are."""
    counted = len(of_split(sources.new, "train"))
    own = (
        f"Fine-tuned from {before.version} on {counted} scans that readers of one installation verified; elsewhere it may "
        "be worse than that version."
    )
    told = {f"{label}: {caveat}" for label, caveat in before.caveats.items()}
    return (
        *(limit for limit in before.limits if limit not in told),
        *(f"{label}: {caveat}" for label, caveat in caveats.items()),
        own,
    )


def _caveat(new: int, before: ModelCard, label: str, text: str) -> str:
    patients = new + _patients_at_first(before.data, label)
    if not new or patients >= FEW_PATIENTS:
        return "" if new else text
    return f"Trained on real scans of {patients} patients only; it may well be wrong."


def _patients_at_first(data: dict[str, Any], label: str) -> int:
    """The patients of a label whom the first version learnt from, of those that were fine-tuned one from the other.

    Data sets grow: the patients of the versions in between are among the new ones, and would be counted twice.
    """
    while "before" in data:
        data = data["before"]
    counted: int = data.get("counts", {}).get("train", {}).get(label, {}).get("patients", 0)
    return counted


def _patients(scans: Sequence[Scan], label: str) -> int:
    own = [scan for scan in scans if scan.label == label and not is_simulated(scan)]
    return len({scan.patient or str(scan.path) for scan in own})
