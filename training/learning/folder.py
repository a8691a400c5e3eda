"""The folder of a fine-tuning: what it makes there, and how it begins anew without deleting anything else."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from training.data.manifest import DataError
from training.learning.progress import PROGRESS_NAME

SIMULATED_NAME, TRAINING_NAME, MODEL_NAME = "simulated", "training", "model"
REPORT_NAME, MAPS_NAME = "report", "explanations"
MADE = (PROGRESS_NAME, SIMULATED_NAME, TRAINING_NAME, MODEL_NAME, REPORT_NAME, MAPS_NAME)
"""All that a fine-tuning makes; the progress goes first, so that what is left of a folder never looks whole."""


def refuse_to_empty(folder: Path, needed: Sequence[Path]) -> None:
    """Raise DataError where to begin anew would delete what is no fine-tuning's, or what this one learns from."""
    if not folder.exists():
        return
    if not folder.is_dir() or (any(folder.iterdir()) and not (folder / PROGRESS_NAME).is_file()):
        raise DataError(f"{folder} holds no fine-tuning that could begin anew; choose another --out")
    made = [(folder / name).resolve() for name in MADE]
    for path in needed:
        if any(path.resolve().is_relative_to(own) for own in made):
            raise DataError(
                f"{path} is part of the fine-tuning in {folder}, and would be deleted; choose another --out"
            )


def empty(folder: Path) -> None:
    """Delete what a fine-tuning has made in the folder, and nothing else."""
    for made in (folder / name for name in MADE):
        if made.is_dir() and not made.is_symlink():
            shutil.rmtree(made, ignore_errors=True)
        else:
            made.unlink(missing_ok=True)
