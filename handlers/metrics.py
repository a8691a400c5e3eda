"""What is measured of the model's own work, and how it is declared. Knows nothing of TorchServe."""

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
    """A counter or a histogram by its name; a value of it goes with a word for each of its dimensions."""

    name: str
    kind: str
    unit: str
    dimensions: tuple[str, ...]


PREDICTIONS = Instrument("retinote_model_predictions_total", "counter", "count", ("model_version", "label"))
REFUSALS = Instrument("retinote_model_refusals_total", "counter", "count", ("model_version", "code"))
ANSWERS = Instrument("retinote_model_answers_total", "counter", "count", ("model_version", "state", "known"))
FAMILIARITY = Instrument("retinote_model_familiarity", "histogram", "ratio", ("model_version",))
"""Of TorchServe's buckets, which are made for seconds, those from 0.005 to 1 tell something."""
STEP_SECONDS = Instrument("retinote_model_step_duration_seconds", "histogram", "s", ("model_version", "step"))
INSTRUMENTS = (PREDICTIONS, ANSWERS, FAMILIARITY, REFUSALS, STEP_SECONDS)
KNOWN = {True: "true", False: "false", None: "unknown"}
"""How it is said whether a model knows a scan."""

Outcome = Answer | ExplanationAnswer | CodedError
Measurement = tuple[Instrument, float, list[str]]


def measurements(outcome: Outcome, version: str) -> Iterator[Measurement]:
    """What one request adds: its label, how far the answer goes, the time of each step; or why it was refused.

    Callers that name no version are counted under the one that answers, where TorchServe's own metrics say "default".
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
