"""Which labels are urgent, by the file of recommendations that the web app answers with; data, and none of its code."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import yaml

from training.data.manifest import DataError

RECOMMENDATIONS = Path(__file__).resolve().parents[2] / "webapp" / "recommendations"


def urgent_thresholds(
    model: str, tiers: Collection[str], file: Path | None = None
) -> dict[str, float] | None:
    """By label of one of the tiers, the probability (0 to 1) from which it counts; None without a file for the model.

    Raises DataError when the file can't be read.
    """
    path = file or RECOMMENDATIONS / f"{model}.yaml"
    if path.parent != RECOMMENDATIONS and file is None or not path.is_file():
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
