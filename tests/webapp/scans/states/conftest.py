"""Scans of which the model says one label, several, or none; and one of a version that did not say how far it went."""

from __future__ import annotations

from typing import Any

import pytest

from tests.webapp.conftest import Predicted
from webapp.accounts.models import User
from webapp.recommendations.rules import recommend
from webapp.scans.models import Scan

GROUP = "macular degeneration, stage open"
NEAREST = ["A wide frame with serous fluid below the retina"]
STRANGER = {
    "state": "not_answered", "because": "unfamiliar", "familiarity": 0.01, "known": False, "prediction_set": ["CNV"],
    "group": "", "nearest": NEAREST, "calibration": "east-1",
}  # fmt: skip
BETWEEN = {
    "state": "undecided", "because": "one_group", "familiarity": 0.7, "known": True,
    "prediction_set": ["AMD", "CNV"], "group": GROUP, "nearest": [], "calibration": "",
}  # fmt: skip
ANSWERED = {
    "state": "answered", "because": "one_label", "familiarity": 0.9, "known": True, "prediction_set": ["DME"],
    "group": "", "nearest": [], "calibration": "",
}  # fmt: skip


def with_answer(scan: Scan, limits: dict[str, Any]) -> Scan:
    """The scan as it is stored when the model server says this of it."""
    for name, value in limits.items():
        setattr(scan, name, value)
    given = recommend("retina-oct", scan.probabilities, {}, answer=scan.answer)
    Scan.objects.filter(pk=scan.pk).update(**limits, recommendation=given.to_dict(), urgency_rank=given.rank)
    scan.refresh_from_db()
    return scan


@pytest.fixture
def stranger_scan(clinician: User, predicted: Predicted) -> Scan:
    """A picture that the model does not know; the most probable of its labels is CSR with 98 %."""
    return with_answer(predicted(clinician, "CSR", 0.98, patient_ref="P-1"), STRANGER)


@pytest.fixture
def open_scan(clinician: User, predicted: Predicted) -> Scan:
    """A scan of which the model says that it is AMD or CNV."""
    return with_answer(predicted(clinician, "AMD", 0.6, patient_ref="P-1"), BETWEEN)


@pytest.fixture
def answered_scan(clinician: User, predicted: Predicted) -> Scan:
    return with_answer(predicted(clinician, "DME", 0.9, patient_ref="P-1"), ANSWERED)


@pytest.fixture
def old_scan(clinician: User, predicted: Predicted) -> Scan:
    """A scan predicted by a version that did not say how far its answer goes."""
    return predicted(clinician, "NORMAL", 0.7, patient_ref="P-1")
