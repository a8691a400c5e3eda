"""What a model may say of how far its answer goes, as it is stored with a scan."""

from __future__ import annotations

from typing import Any

PROBABILITIES = {
    "AMD": 0.48,
    "CNV": 0.4,
    "DRUSEN": 0.06,
    "CSR": 0.02,
    "DME": 0.01,
    "DR": 0.01,
    "MH": 0.01,
    "NORMAL": 0.01,
}
GIVEN: dict[str, Any] = {
    "label": "AMD",
    "confidence": 0.48,
    "probabilities": PROBABILITIES,
    "gradcam_label": "AMD",
    "model_version": "2.0.0",
}
NEAREST = ["drusen of a spectral-domain device", "a large drusen with fluid", "wet AMD, swept source"]
UNTOLD = {"known": None, "familiarity": None, "prediction_set": None, "nearest": []}
ANSWERS: dict[str, dict[str, Any]] = {
    "answered": {
        **GIVEN,
        "state": "answered",
        "because": "one_label",
        "prediction_set": ["AMD"],
        "familiarity": 0.62,
        "known": True,
        "nearest": NEAREST,
        "calibration": "east clinic 2026-11",
    },
    "undecided": {
        **GIVEN,
        "state": "undecided",
        "because": "one_group",
        "prediction_set": ["AMD", "CNV"],
        "group": "macular degeneration, stage open",
        "familiarity": 0.3,
        "known": True,
        "nearest": NEAREST[:1],
    },
    "not_answered": {
        **GIVEN,
        "state": "not_answered",
        "because": "unfamiliar",
        "prediction_set": [],
        "familiarity": 0.001,
        "known": False,
        "nearest": [],
    },
    # Of a model without statistics, and of a version that did not say how far it went.
    "unable": {**GIVEN, "state": "answered", "because": "no_statistics", **UNTOLD},
    "old": {**GIVEN, "state": "", "because": "", **UNTOLD},
}
