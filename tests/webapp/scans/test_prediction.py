"""Predicting later, again, and never twice at once."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from tests.images import png_bytes
from tests.services import ModelServer
from tests.webapp.conftest import Clients, Upload
from webapp.accounts.models import User
from webapp.inference.model_server import ModelAnswer
from webapp.inference.torchserve import TorchServeClient
from webapp.scans import prediction, storage
from webapp.scans.models import Prediction, Scan, Status


def point_at(settings: Any, server: ModelServer) -> None:
    settings.MODEL_URL = server.inference_url
    settings.MODEL_MANAGEMENT_URL = server.management_url
    settings.MODEL_KEY_FILE = str(server.key_file)


def answering(monkeypatch: pytest.MonkeyPatch, **more: Any) -> None:
    """The model server finds CSR, and says this beside it."""
    picture = base64.b64encode(png_bytes()).decode()
    answer = ModelAnswer.from_json(
        {
            "model": {"name": "retina-oct", "version": "1.0.0", "weights_sha256": "0" * 64},
            "prediction": {"label": "CSR", "confidence": 0.9},
            "probabilities": {"CSR": 0.9, "NORMAL": 0.1},
            "quality": {"acceptable": True, "reasons": []},
            "gradcam": {"label": "CSR", "heatmap": picture, "regions": []},
            **more,
        }
    )
    monkeypatch.setattr(TorchServeClient, "predict", lambda *_, **__: answer)


@pytest.fixture
def warning(monkeypatch: pytest.MonkeyPatch) -> str:
    """The model server finds CSR, of which its model's card has this to say."""
    caveat = "CSR: Rests on simulated scans alone."
    answering(monkeypatch, caveats=[caveat])
    return caveat


def queue(upload: Upload, user: User) -> None:
    """Upload a scan that nobody has predicted yet, though the model server is there."""
    upload(user)
    for kept in Prediction.objects.all():
        storage.delete(*kept.pictures)
    Prediction.objects.all().delete()
    now = timezone.now()
    Scan.objects.update(status=Status.QUEUED, attempts=0, next_attempt_at=now, claimed_until=now)


def try_in_vain(scan: Scan) -> timedelta:
    """Give the model server no time to answer; returns how long the scan waits then."""
    prediction.predict_claimed(scan, b"", deadline_s=0)
    waiting = Scan.objects.get()
    assert waiting.status == Status.QUEUED
    return waiting.next_attempt_at - timezone.now()


def test_a_queued_scan_is_predicted_when_the_model_server_is_back(
    away: None, model_server: ModelServer, settings: Any, clinician: User, upload: Upload, api: Clients
) -> None:
    queued = upload(clinician).json()
    assert prediction.predict_queued() == 0
    point_at(settings, model_server)
    assert prediction.predict_queued() == 1
    scan = api(clinician).get(f"/api/v1/scans/{queued['id']}/").json()
    assert scan["status"] == "predicted"
    assert scan["recommendation"]["urgency"]
    assert prediction.predict_queued() == 0


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
        assert prediction.restore(lost(Scan.objects.get())) is same


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


def test_a_scan_is_claimed_by_one(away: None, clinician: User, upload: Upload) -> None:
    upload(clinician)
    key = Scan.objects.get().pk
    assert prediction.claim(key) is not None
    assert prediction.claim(key) is None


def test_a_claim_of_a_worker_that_died_runs_out(away: None, clinician: User, upload: Upload) -> None:
    upload(clinician)
    Scan.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    assert Scan.objects.due().count() == 1


def test_what_a_ready_server_cannot_answer_waits_longer_each_time(
    predicting: ModelServer, clinician: User, upload: Upload
) -> None:
    queue(upload, clinician)
    waits = [try_in_vain(Scan.objects.get()) for _ in range(5)]
    assert waits[0] <= timedelta(0)
    assert waits == sorted(waits)
    assert waits[-1] > timedelta(seconds=30)
    assert prediction.predict_queued() == 0


def test_while_the_server_is_away_nothing_is_held_against_a_scan(
    away: None, clinician: User, upload: Upload
) -> None:
    upload(clinician)
    for _ in range(3):
        assert try_in_vain(Scan.objects.get()) <= timedelta(0)


def test_a_server_without_the_model_is_one_that_cannot_answer_yet(
    predicting: ModelServer, settings: Any, clinician: User, upload: Upload
) -> None:
    settings.MODEL_NAME = "not-registered-yet"
    assert upload(clinician).status_code == 202
    assert prediction.predict_queued() == 0
    settings.MODEL_NAME = "retina-oct"
    assert prediction.predict_queued() == 1
    assert Scan.objects.get().status == Status.PREDICTED


def test_who_comes_second_drops_the_answer(
    predicting: ModelServer, clinician: User, upload: Upload, settings: Any
) -> None:
    queue(upload, clinician)
    first = prediction.claim(Scan.objects.get().pk)
    assert first is not None
    prediction.predict_again(Scan.objects.get())
    shown = Scan.objects.get()
    prediction.predict_claimed(first, storage.read(first.image_name), deadline_s=60)
    assert Scan.objects.get().predicted_at == shown.predicted_at == first.predicted_at
    assert Prediction.objects.count() == 1
    assert len(list(storage.all_files())) == 3


def test_a_claim_that_ran_out_while_the_server_worked_changes_nothing(
    predicting: ModelServer, clinician: User, upload: Upload
) -> None:
    queue(upload, clinician)
    key = Scan.objects.get().pk
    late = prediction.claim(key)
    Scan.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    current = prediction.claim(key)
    assert late is not None and current is not None
    prediction.predict_claimed(late, storage.read(late.image_name), deadline_s=60)
    assert Scan.objects.get().status == Status.QUEUED
    prediction.predict_claimed(current, storage.read(current.image_name), deadline_s=60)
    assert Scan.objects.get().status == Status.PREDICTED
    assert Prediction.objects.count() == 1


def test_a_scan_whose_image_is_gone_fails_with_a_reason(
    away: None, model_server: ModelServer, settings: Any, clinician: User, upload: Upload
) -> None:
    upload(clinician)
    storage.delete(Scan.objects.get().image_name)
    point_at(settings, model_server)
    prediction.predict_queued()
    scan = Scan.objects.get()
    assert scan.status == Status.FAILED
    assert scan.failure["code"] == "image_missing"


def test_another_labels_heat_map_and_the_earlier_answers_are_kept(
    predicting: ModelServer, clinician: User, upload: Upload, api: Clients
) -> None:
    scan = upload(clinician).json()
    least = min(scan["probabilities"], key=scan["probabilities"].get)
    again = api(clinician).post(f"/api/v1/scans/{scan['id']}/predictions/", {"label": least})
    assert again.status_code == 201
    assert again.json()["heatmap_label"] == least
    assert again.json()["prediction"] == scan["prediction"]
    assert Prediction.objects.count() == 2


def test_a_version_can_be_asked_by_name(
    predicting: ModelServer, clinician: User, upload: Upload, api: Clients
) -> None:
    scan = upload(clinician).json()
    path = f"/api/v1/scans/{scan['id']}/predictions/"
    named = api(clinician).post(path, {"version": scan["model"]["version"]})
    assert named.json()["model"] == scan["model"]


def test_an_unknown_version_or_label_is_named_and_changes_nothing(
    predicting: ModelServer, clinician: User, upload: Upload, api: Clients
) -> None:
    path = f"/api/v1/scans/{upload(clinician).json()['id']}/predictions/"
    scan = api(clinician).get(path.removesuffix("predictions/")).json()
    for wrong in ({"version": "9.9.9"}, {"label": "GLAUCOMA"}, {"version": "../x"}, {"version": "."}):
        answer = api(clinician).post(path, wrong)
        assert answer.status_code == 400
        assert set(answer.json()["error"]["fields"]) == set(wrong)
    assert api(clinician).get(f"/api/v1/scans/{scan['id']}/").json() == scan


def test_predicting_again_needs_the_model_server(
    predicting: ModelServer, settings: Any, clinician: User, upload: Upload, api: Clients
) -> None:
    scan = upload(clinician).json()
    settings.MODEL_URL = "http://127.0.0.1:9"
    answer = api(clinician).post(f"/api/v1/scans/{scan['id']}/predictions/", {})
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "unavailable"
    assert api(clinician).get(f"/api/v1/scans/{scan['id']}/").json()["status"] == "predicted"
