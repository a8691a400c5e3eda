"""Predicting later, again, and never twice at once."""

from __future__ import annotations

import errno
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.services import ModelServer
from tests.webapp.conftest import Clients, Upload
from tests.webapp.scans.model_answers import answering
from webapp.accounts.models import User
from webapp.api.errors import StorageAway
from webapp.inference.model_server import ModelUnavailable
from webapp.inference.torchserve import TorchServeClient
from webapp.scans import prediction, storage
from webapp.scans.models import MOST_ATTEMPTS, Prediction, Scan, Status


def point_at(settings: Any, server: ModelServer) -> None:
    settings.MODEL_URL = server.inference_url
    settings.MODEL_MANAGEMENT_URL = server.management_url
    settings.MODEL_KEY_FILE = str(server.key_file)


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


def test_scans_whose_images_can_not_be_reached_now_wait_for_a_moment(
    away: None,
    model_server: ModelServer,
    settings: Any,
    clinician: User,
    upload: Upload,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for seed in range(3):
        upload(clinician, seed=seed)
    point_at(settings, model_server)
    first = Scan.objects.order_by("next_attempt_at", "pk")[0]
    read = storage.read
    tried = Counter[str]()

    def from_bucket(name: str) -> bytes:
        tried[name] += 1
        if name != first.image_name:
            raise StorageAway(errno.EIO, "the bucket does not answer")
        return read(name)

    monkeypatch.setattr(storage, "read", from_bucket)
    prediction.predict_queued()
    # Each try of a bucket that is away may take a minute, in which the worker does nothing else.
    assert len(tried) == 2
    waiting = Scan.objects.filter(status=Status.QUEUED, attempts=first.attempts)
    assert (waiting.count(), Scan.objects.get(status=Status.PREDICTED)) == (2, first)
    assert max(scan.claimed_until for scan in waiting) <= timezone.now()

    monkeypatch.setattr(storage, "read", read)
    Scan.objects.update(next_attempt_at=timezone.now())
    prediction.predict_queued()
    assert not waiting.all().exists()


def try_until_due(times: int) -> None:
    """Let the worker try as often, each time after the pause that the scan waits."""
    for _ in range(times):
        Scan.objects.update(next_attempt_at=timezone.now())
        assert prediction.predict_queued() == 1


def test_a_scan_is_predicted_once_a_fault_of_the_model_server_has_passed(
    out_of_memory: str, clinician: User, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (upload(clinician).status_code, Scan.objects.get().status) == (202, Status.QUEUED)
    try_until_due(3)
    assert Scan.objects.get().status == Status.QUEUED

    answering(monkeypatch)
    try_until_due(1)

    assert Scan.objects.get().status == Status.PREDICTED


def test_a_scan_that_the_model_server_fails_at_each_time_has_failed_in_the_end(
    out_of_memory: str, clinician: User, upload: Upload, api: Clients
) -> None:
    scan = upload(clinician).json()["id"]
    try_until_due(MOST_ATTEMPTS - 1)

    failed = api(clinician).get(f"/api/v1/scans/{scan}/").json()
    assert (failed["status"], failed["failure"]["code"]) == ("failed", "internal_error")
    assert prediction.predict_queued() == 0


@pytest.fixture
def hanging(away: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A model server that takes pictures and lets them wait until the test is over; it says which it has given up."""
    over = threading.Event()
    given_up: list[str] = []

    def predict(_: TorchServeClient, image: bytes, *, deadline_s: float, request_id: str, **__: str) -> None:
        over.wait(timeout=20)
        given_up.append(request_id)
        raise ModelUnavailable

    monkeypatch.setattr(TorchServeClient, "predict", predict)
    yield given_up
    over.set()


def test_a_picture_is_taken_in_time_while_the_model_server_hangs(
    hanging: list[str], clinician: User, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction, "INTERACTIVE_DEADLINE_S", 0.2)
    assert upload(clinician).status_code == 202
    assert not hanging


def test_a_picture_does_not_wait_for_volumes_that_the_model_server_hangs_over(
    hanging: list[str], clinician: User, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    volumes = [
        prediction.ask(b"", prediction.BACKGROUND_DEADLINE_S, str(number), "oct") for number in range(64)
    ]
    answering(monkeypatch)
    assert upload(clinician).status_code == 201
    assert not hanging
    for asked in volumes:
        asked.cancel()


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
