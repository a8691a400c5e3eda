"""What the model says beside a label is stored with the scan and reaches the reader."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from tests.webapp.conftest import Clients, Upload
from tests.webapp.scans.model_answers import answering
from webapp.accounts.models import User
from webapp.scans import storage, stored_answers
from webapp.scans.models import Prediction, Scan


@pytest.fixture
def warning(monkeypatch: pytest.MonkeyPatch) -> str:
    """The model server finds CSR, of which its model's card has this to say."""
    caveat = "CSR: Rests on simulated scans alone."
    answering(monkeypatch, caveats=[caveat])
    return caveat


def test_the_models_caveats_reach_the_reader(
    warning: str, clinician: User, upload: Upload, api: Clients
) -> None:
    client = api(clinician)
    scan = upload(clinician).json()
    assert scan["caveats"] == [warning]
    assert warning in scan["recommendation"]["reasons"]
    assert client.get(f"/api/v1/scans/{scan['id']}/").json()["caveats"] == [warning]
    for path in ("scans", "history"):
        (record,) = client.get(f"/api/v1/{path}/").json()["results"]
        assert record["caveats"] == [warning]
    assert Prediction.objects.get().caveats == [warning]


def test_a_scan_that_was_stored_before_caveats_has_none(
    away: None, clinician: User, upload: Upload, api: Clients
) -> None:
    scan = upload(clinician).json()
    scans = connection.database[Scan._meta.db_table]  # type: ignore[attr-defined]
    assert scans.update_many({}, {"$unset": {"caveats": ""}}).modified_count == 1
    for path in (f"scans/{scan['id']}", "scans", "history"):
        answer = api(clinician).get(f"/api/v1/{path}/").json()
        (record,) = answer.get("results", [answer])
        assert record["caveats"] == []


STRANGE = {
    "familiarity": 0.02, "known": False, "prediction_set": ["CSR"], "state": "not_answered", "because": "unfamiliar",
    "group": None, "nearest": ["A wide frame with serous fluid"], "calibration": "east-1",
}  # fmt: skip
SURE = STRANGE | {"familiarity": 0.6, "known": True, "state": "answered", "because": "one_label"}


def test_how_far_an_answer_goes_is_stored_with_it_and_with_earlier_ones(
    monkeypatch: pytest.MonkeyPatch, clinician: User, upload: Upload, api: Clients
) -> None:
    answering(monkeypatch, **STRANGE)
    first = upload(clinician).json()
    assert {name: first[name] for name in STRANGE} == STRANGE
    assert first["recommendation"]["action"] == "A clinician has to read it."
    assert first["urgency_rank"] == 3

    answering(monkeypatch, **SURE)
    again = api(clinician).post(f"/api/v1/scans/{first['id']}/predictions/", {}).json()

    assert {name: again[name] for name in SURE} == SURE
    assert again["recommendation"]["urgency"] == "Soon, by the local pathway"
    kept = Prediction.objects.order_by("predicted_at")
    assert [(one.state, one.known, one.calibration) for one in kept] == [
        ("not_answered", False, "east-1"),
        ("answered", True, "east-1"),
    ]


def test_an_earlier_prediction_that_went_less_far_is_not_taken_for_the_same(
    monkeypatch: pytest.MonkeyPatch, clinician: User, upload: Upload, api: Clients
) -> None:
    answering(monkeypatch, **STRANGE)
    key = upload(clinician).json()["id"]
    answering(monkeypatch, **SURE)
    for times, same in ((1, False), (2, True)):
        for _ in range(times):
            api(clinician).post(f"/api/v1/scans/{key}/predictions/", {})
        assert stored_answers.restore(lost(Scan.objects.get())) is same


def lost(scan: Scan) -> Scan:
    """Its newest heat map is gone, and those of its earlier predictions are there."""
    storage.delete(scan.heatmap_name)
    return scan


def test_an_answer_of_an_earlier_handler_says_nothing_of_how_far_it_goes(
    warning: str, clinician: User, upload: Upload
) -> None:
    scan = upload(clinician).json()
    assert {scan[name] for name in ("state", "because", "group", "calibration", "familiarity", "known")} == {
        None
    }
    assert scan["recommendation"]["urgency"] == "Soon, by the local pathway"


@pytest.mark.parametrize("more", [{"state": "certain"}, {"state": ["answered"]}])
def test_an_answer_of_no_known_state_is_none(monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        answering(monkeypatch, **more)
