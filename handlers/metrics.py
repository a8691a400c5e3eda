"""The metrics of the model's own work, and their declaration. Knows nothing of TorchServe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from handlers.answer import Answer, ExplanationAnswer
from imaging.errors import CodedError

MS = 1000.0
SECONDS_DIGITS = 6


@dataclass(frozen=True)
class Instrument:
    """A counter or histogram. Each of its values comes with a word for each dimension."""

    name: str
    kind: str
    unit: str
    dimensions: tuple[str, ...]


PREDICTIONS = Instrument("retinote_model_predictions_total", "counter", "count", ("model_version", "label"))
REFUSALS = Instrument("retinote_model_refusals_total", "counter", "count", ("model_version", "code"))
ANSWERS = Instrument("retinote_model_answers_total", "counter", "count", ("model_version", "state", "known"))
FAMILIARITY = Instrument("retinote_model_familiarity", "histogram", "ratio", ("model_version",))
"""TorchServe's buckets are made for seconds; those from 0.005 to 1 are of use here."""
STEP_SECONDS = Instrument("retinote_model_step_duration_seconds", "histogram", "s", ("model_version", "step"))
INSTRUMENTS = (PREDICTIONS, ANSWERS, FAMILIARITY, REFUSALS, STEP_SECONDS)
KNOWN = {True: "true", False: "false", None: "unknown"}
"""The words for whether a model knows a scan."""

Outcome = Answer | ExplanationAnswer | CodedError
Measurement = tuple[Instrument, float, list[str]]


def measurements(outcome: Outcome, version: str) -> Iterator[Measurement]:
    """The measurements of one request: label, state of the answer and time of each step, or the code of its error.

    A request without a version counts for the version that answers. TorchServe's own metrics say "default" there.
    """
    if isinstance(outcome, CodedError):
        yield REFUSALS, 1, [version, outcome.code]
    elif "prediction" in outcome:
        answer = cast(Answer, outcome)
        yield PREDICTIONS, 1, [version, answer["prediction"]["label"]]
        yield ANSWERS, 1, [version, answer["state"], KNOWN[answer["known"]]]
        if answer["familiarity"] is not None:
            yield FAMILIARITY, answer["familiarity"], [version]
        for step, took_ms in cast(Mapping[str, float], answer["timing_ms"]).items():
            yield STEP_SECONDS, round(took_ms / MS, SECONDS_DIGITS), [version, step]


def declarations() -> dict[str, list[dict[str, Any]]]:
    """All instruments as TorchServe's metrics file names them, by kind."""
    declared: dict[str, list[dict[str, Any]]] = {}
    for instrument in INSTRUMENTS:
        entry = {"name": instrument.name, "unit": instrument.unit, "dimensions": list(instrument.dimensions)}
        declared.setdefault(instrument.kind, []).append(entry)
    return declared
