"""What is compared of stored answers: a few numbers and words of each, so that no picture has to be read again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

FAMILIARITY, CONFIDENCE, STATE, SIZE = "familiarity", "confidence", "state", "size"
PICTURE = ("black", "median", "white", "sharpness", "layered")
"""The measures of a picture's quality (`imaging.quality.Measures`)."""
PROBABILITY = "probability of "
"""Begins the name of a label's probability."""
FIELDS = (
    "confidence",
    "familiarity",
    "probabilities",
    "state",
    "quality",
    "width",
    "height",
)
"""The fields of a scan that these follow from."""

Value = float | str
Sample = dict[str, list[Value]]
"""By measure its values on some scans: numbers, or words. Scans on which it is not known are left out."""
Values = Mapping[str, Sequence[Value]]
"""The same to read."""

WORDS: Mapping[str, str] = {
    FAMILIARITY: "familiarity to the model",
    CONFIDENCE: "confidence of the model",
    STATE: "how far the model answers",
    SIZE: "size of the pictures",
    "black": "dark end of the grey levels",
    "median": "brightness",
    "white": "bright end of the grey levels",
    "sharpness": "sharpness",
    "layered": "layers that are seen",
}


def in_words(measure: str) -> str:
    """A measure's name for people."""
    return WORDS.get(measure, measure)


def values_of(scan: Mapping[str, Any]) -> dict[str, Value]:
    """The values of a scan with these `FIELDS`; those that its answer doesn't have are left out."""
    quality = scan["quality"] or {}
    measures = quality.get("measures") or {}
    numbers = {FAMILIARITY: scan["familiarity"], CONFIDENCE: scan["confidence"]}
    numbers |= {name: measures.get(name) for name in PICTURE}
    numbers |= {f"{PROBABILITY}{label}": value for label, value in (scan["probabilities"] or {}).items()}
    found: dict[str, Value] = {name: float(value) for name, value in numbers.items() if value is not None}
    if scan["state"]:
        found[STATE] = str(scan["state"])
    found[SIZE] = f"{scan['width']} × {scan['height']}"
    return found


def sample_of(scans: Iterable[Mapping[str, Value]]) -> Sample:
    """The values of several scans, by measure."""
    sample: Sample = {}
    for values in scans:
        for name, value in values.items():
            sample.setdefault(name, []).append(value)
    return sample


def joined(first: Sample, second: Sample) -> Sample:
    """The values of both."""
    return {name: [*first.get(name, []), *second.get(name, [])] for name in dict.fromkeys([*first, *second])}


def mean_confidence(sample: Values) -> float | None:
    """The mean of calibrated confidences, which is the accuracy to be expected (0 to 1); None without any."""
    values = numbers_of(sample, CONFIDENCE)
    return sum(values) / len(values) if values else None


def numbers_of(sample: Values, measure: str) -> Sequence[float]:
    """The numbers of a measure; none for one of words."""
    return [value for value in sample.get(measure, []) if isinstance(value, float)]
