"""What the model server measures of its own work, request by request."""

from __future__ import annotations

from typing import Any

from handlers.metrics import INSTRUMENTS, declarations, measurements


def test_a_prediction_counts_its_label_its_state_and_its_steps() -> None:
    answer: Any = {
        "familiarity": 0.02,
        "known": False,
        "state": "not_answered",
        "prediction": {"label": "CNV", "confidence": 0.9},
        "timing_ms": {"decode": 3.1, "forward": 17.04, "explain": 0.0, "encode": 2.0},
    }
    measured = [(each.name, value, words) for each, value, words in measurements(answer, "1.0.0")]
    steps = "retinote_model_step_duration_seconds"
    assert measured == [
        ("retinote_model_predictions_total", 1, ["1.0.0", "CNV"]),
        ("retinote_model_answers_total", 1, ["1.0.0", "not_answered", "false"]),
        ("retinote_model_familiarity", 0.02, ["1.0.0"]),
        (steps, 0.0031, ["1.0.0", "decode"]),
        (steps, 0.01704, ["1.0.0", "forward"]),
        (steps, 0.0, ["1.0.0", "explain"]),
        (steps, 0.002, ["1.0.0", "encode"]),
    ]


def test_a_model_without_statistics_counts_no_familiarity() -> None:
    answer: Any = {
        "familiarity": None,
        "known": None,
        "state": "answered",
        "prediction": {"label": "CNV", "confidence": 0.9},
        "timing_ms": {},
    }
    assert [(each.name, value, words) for each, value, words in measurements(answer, "1.0.0")] == [
        ("retinote_model_predictions_total", 1, ["1.0.0", "CNV"]),
        ("retinote_model_answers_total", 1, ["1.0.0", "answered", "unknown"]),
    ]


def test_every_instrument_is_declared_under_its_kind() -> None:
    declared = {entry["name"]: kind for kind, entries in declarations().items() for entry in entries}
    assert declared == {each.name: each.kind for each in INSTRUMENTS}
