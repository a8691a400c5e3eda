"""Scans that a tiny network learns in seconds: a bright spot, a dark spot, or none.

Their source shows in the background, and strangers look like none of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from tests.training.tables import write_table

SIDE = 96
LABELS = ("BRIGHT", "DARK", "PLAIN")
SOURCES = ("octdl", "kermany")


def write_set(
    folder: Path,
    patients: int,
    seed: int,
    *,
    split: str = "test",
    strangers: int = 0,
    confounded: bool = False,
) -> Path:
    """Write a data set with a scan of each patient and a mask of its spot; returns the folder.

    With `confounded` most of a source's scans have one label.
    """
    random = np.random.default_rng(seed)
    rows = []
    for patient in range(patients):
        label = LABELS[patient % len(LABELS)]
        source = SOURCES[_source(patient, label, confounded)]
        rows.append(_row(folder, random, f"{split}{seed}-{patient}", label, source, split))
    for stranger in range(strangers):
        name = f"images/stranger-{stranger}.png"
        noise = random.integers(0, 256, (SIDE, SIDE), np.uint8)
        cv2.imwrite(str(folder / name), cv2.blur(noise, (1 + stranger % 5, 1)))
        rows.append(
            {"file": name, "label": "OTHER", "patient_id": f"s{stranger}", "source": "octdl", "split": split}
        )
    write_table(folder / "manifest.csv", rows)
    return folder


def _source(patient: int, label: str, confounded: bool) -> int:
    if not confounded:
        return patient // len(LABELS) % 2
    usual = label == "BRIGHT"
    return int(usual if patient // len(LABELS) % 5 else not usual)


def _row(
    folder: Path, random: np.random.Generator, name: str, label: str, source: str, split: str
) -> dict[str, str]:
    picture = random.normal(102, 6, (SIDE, SIDE))
    if source == "kermany":
        picture[: SIDE // 3 : 4] += 25  # the stripes of another device
    mask = np.zeros((SIDE, SIDE), np.uint8)
    if label != "PLAIN":
        # Never in the upper left, where one of the bad candidates looks.
        row, column = (int(value) for value in random.integers(SIDE // 2, SIDE - 16, 2))
        cv2.circle(mask, (column, row), int(random.integers(15, 21)), 255, -1)
        picture += mask * (0.6 if label == "BRIGHT" else -0.6) * random.uniform(0.45, 0.75)
    for kind, values in (("images", picture), ("masks", mask)):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / kind / f"{name}.png"), np.clip(values, 0, 255).astype(np.uint8))
    return {
        "file": f"images/{name}.png",
        "mask": f"masks/{name}.png",
        "label": label,
        "patient_id": name,
        "source": source,
        "split": split,
    }


def names(checks: Sequence[dict[str, object]]) -> list[str]:
    """The names of the checks that are not passed."""
    return [str(check["name"]) for check in checks if check["passed"] is False]
