"""Which labels are urgent, by the file of recommendations that the web app answers with."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import yaml

import modalities
from modalities import ProfileError
from training.data.manifest import DataError


def urgent_thresholds(
    model: str, tiers: Collection[str], file: Path | None = None
) -> dict[str, float] | None:
    """By label of one of the tiers, the probability (0 to 1) from which it counts; None without a file for the model.

    Raises DataError when the file can't be read.
    """
    try:
        path = file or _guideline_of(model)
    except ProfileError as error:
        raise DataError(str(error)) from error
    if path is None or not path.is_file():
        return None
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return {
            str(label): float(entry["threshold"])
            for label, entry in content["labels"].items()
            if entry["tier"] in tiers
        }
    except (
        OSError,
        UnicodeDecodeError,
        yaml.YAMLError,
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
    ) as error:
        raise DataError(f"{path}: the recommendations can't be read ({error})") from error


def _guideline_of(model: str) -> Path | None:
    found = modalities.of_model(model)
    return found.guideline_path if found else None
