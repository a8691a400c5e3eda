"""Predicting later, again, and never twice at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.utils import timezone
from rest_framework.response import Response

from tests.services import ModelServer
from tests.webapp.conftest import Clients
from webapp.accounts.models import User
from webapp.scans import prediction, storage
from webapp.scans.models import Prediction, Scan, Status

Upload = Callable[..., Response]


def point_at(settings: Any, server: ModelServer) -> None:
    settings.MODEL_URL = server.inference_url
    settings.MODEL_MANAGEMENT_URL = server.management_url
    settings.MODEL_KEY_FILE = str(server.key_file)


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


def test_a_scan_is_claimed_by_one(away: None, clinician: User, upload: Upload) -> None:
    upload(clinician)
    key = Scan.objects.get().pk
    assert prediction.claim(key) is not None
    assert prediction.claim(key) is None


def test_a_claim_of_a_worker_that_died_runs_out(away: None, clinician: User, upload: Upload) -> None:
    upload(clinician)
    Scan.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    assert Scan.objects.due().count() == 1


def test_each_failed_attempt_waits_longer(away: None, clinician: User, upload: Upload) -> None:
    upload(clinician)
    waits = []
    for _ in range(4):
        scan = Scan.objects.get()
        prediction.predict_claimed(scan, b"", deadline_s=1)
        scan.refresh_from_db()
        waits.append(scan.next_attempt_at - timezone.now())
    assert waits == sorted(waits)
    assert waits[-1] > timedelta(seconds=30)


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
    scan = upload(clinician).json()
    path = f"/api/v1/scans/{scan['id']}/predictions/"
    for wrong in ({"version": "9.9.9"}, {"label": "GLAUCOMA"}, {"version": "../x"}):
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
