"""What Prometheus reads of the web app, and who may."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from tests.images import encoded, png_bytes
from tests.services import ModelServer
from tests.webapp.conftest import PASSWORD, SEEN, Clients, Predicted, Upload
from webapp.accounts.models import User
from webapp.core import clock
from webapp.gateway import issuing
from webapp.gateway.models import ServiceKey
from webapp.metrics import instruments
from webapp.metrics.middleware import route
from webapp.recommendations.answers import Answer
from webapp.scans import prediction
from webapp.scans.models import Scan

Count = Callable[..., float]
TOKEN = "what-only-prometheus-knows"
READER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(autouse=True)
def metrics_token(settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN


def scrape() -> str:
    """What Prometheus gets."""
    answer = Client().get("/metrics", headers=READER)
    assert answer.status_code == 200
    return answer.content.decode()


def value(name: str, **labels: str) -> float:
    """The sum of a metric's samples with these labels, as Prometheus reads it now."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(scrape())
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


@pytest.fixture
def rise(db: None) -> Count:
    """How far a metric has risen since the test began: `rise("retinote_uploads_total", outcome="queued")`."""
    before = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(scrape())
        for sample in family.samples
    }

    def risen(name: str, **labels: str) -> float:
        known = (found for (other, of), found in before.items() if other == name and labels.items() <= of)
        return value(name, **labels) - sum(known)

    return risen


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer a-guess"}, {"Authorization": "Bearer "}])
def test_only_prometheus_finds_it(db: None, headers: dict[str, str]) -> None:
    nothing, unknown = (Client().get(path, headers=headers) for path in ("/metrics", "/no-such-address"))
    assert (nothing.status_code, nothing.content) == (
        404,
        unknown.content.replace(b"no-such-address", b"metrics"),
    )


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer a-guess"}])
def test_only_prometheus_finds_the_model_servers(
    db: None, settings: Any, model_server: ModelServer, headers: dict[str, str]
) -> None:
    settings.MODEL_METRICS_SOCKET = str(model_server.metrics_socket)
    assert Client().get("/metrics/model-server", headers=headers).status_code == 404


def test_the_model_servers_metrics_are_read_beside_it(
    db: None, settings: Any, model_server: ModelServer
) -> None:
    settings.MODEL_METRICS_SOCKET = str(model_server.metrics_socket)
    answer = Client().get("/metrics/model-server", headers=READER)
    assert answer.status_code == 200
    assert "# TYPE ts_inference_requests_total counter" in answer.content.decode()


def test_a_model_server_that_is_away_is_down(db: None, settings: Any, tmp_path: Path) -> None:
    settings.MODEL_METRICS_SOCKET = str(tmp_path / "metrics.sock")
    answer = Client().get("/metrics/model-server", headers=READER)
    assert answer.status_code == 503
    assert answer.content.decode().startswith("The model server's metrics can't be read: ")


def test_a_model_server_with_a_port_of_its_own_is_not_read_here(db: None, settings: Any) -> None:
    settings.MODEL_METRICS_SOCKET = ""
    assert Client().get("/metrics/model-server", headers=READER).status_code == 404


def test_an_administrator_is_not_prometheus(administrator: User, api: Clients) -> None:
    assert api(administrator).get("/metrics").status_code == 404


def test_without_a_token_nobody_finds_it(db: None, settings: Any) -> None:
    settings.METRICS_TOKEN = ""
    for headers in ({}, {"Authorization": "Bearer "}, READER):
        assert Client().get("/metrics", headers=headers).status_code == 404


def test_it_is_read_under_any_host_name(db: None) -> None:
    assert Client().get("/metrics", headers=READER | {"Host": "web:8000"}).status_code == 200
    assert Client().get("/healthz/", headers={"Host": "web:8000"}).status_code == 400


def test_requests_are_counted_by_their_route(clinician: User, api: Clients, rise: Count) -> None:
    for key in ("a" * 24, "b" * 24):
        api(clinician).get(f"/api/v1/scans/{key}/")
    asked = {"method": "GET", "route": "/api/v1/scans/<pk>/"}
    assert rise("retinote_http_requests_total", status="404", **asked) == 2
    assert rise("retinote_http_request_duration_seconds_count", **asked) == 2
    assert rise("retinote_errors_total", code="not_found") == 2


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/", "/"),
        ("/scans/abc", "/scans/<scan>"),
        ("/healthz/", "/healthz/"),
        ("/api/v1/scans/" + "a" * 24 + "/overlay/", "/api/v1/scans/<pk>/overlay/"),
        ("/api/v1/annotations/abc/", "/api/v1/annotations/<id>/"),
        ("/admin/scans/scan/abc/change/", "/admin/scans/scan/<path:object_id>/change/"),
        ("/nothing/here", "unmatched"),
        ("/static/nothing.css", "static"),
    ],
)
def test_a_route_names_no_object(db: None, path: str, name: str) -> None:
    request = Client().get(path).wsgi_request
    assert route(request) == name.replace("path:", "")


def test_made_up_methods_and_addresses_make_no_new_series(db: None) -> None:
    Client().generic("BREW", "/coffee-0/")
    before = scrape().count("\n")
    for number in range(5):
        Client().generic(f"BREW{number}", f"/coffee-{number}/?milk={number}")
    assert scrape().count("\n") == before


def test_uploads_are_counted_by_what_became_of_them(
    away: None, clinician: User, upload: Upload, rise: Count
) -> None:
    for _ in range(2):
        upload(clinician)
    upload(clinician, b"not an image")
    outcomes = {
        name: rise("retinote_uploads_total", outcome=name) for name in ("queued", "duplicate", "refused")
    }
    assert outcomes == {"queued": 1, "duplicate": 1, "refused": 1}
    assert rise("retinote_errors_total", code="unreadable_image") == 1


def test_predictions_are_counted_by_label_and_version(
    predicting: ModelServer, clinician: User, upload: Upload, rise: Count
) -> None:
    both = [upload(clinician).json(), upload(clinician, encoded(255 - _grey(png_bytes()))).json()]
    # Of a model that has not answered with one label neither label nor confidence is counted.
    named = [said for said in both if said["state"] in (None, "answered")]
    model = {"model_name": "retina-oct", "model_version": both[0]["model"]["version"]}
    assert rise("retinote_uploads_total", outcome="predicted") == 2
    assert rise("retinote_predictions_total", **model) == 2
    assert rise("retinote_predictions_total", label="", **model) == 2 - len(named)
    for label in {said["prediction"] for said in named}:
        counted = rise("retinote_predictions_total", label=label, **model)
        assert counted == sum(said["prediction"] == label for said in named)
    assert rise("retinote_prediction_confidence_ratio_count", **model) == len(named)
    sure = sum(said["confidence"] for said in named)
    assert rise("retinote_prediction_confidence_ratio_sum", **model) == pytest.approx(sure)
    assert rise("retinote_image_quality_reasons_total", reason="The image is mostly bright") == 1


def _grey(png: bytes) -> Any:
    import cv2
    import numpy as np

    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)


def test_the_queue_is_told_with_its_age(away: None, clinician: User, upload: Upload) -> None:
    assert (value("retinote_queued_scans"), value("retinote_oldest_queued_scan_age_seconds")) == (0, 0)
    for seed in range(2):
        upload(clinician, seed=seed)
    Scan.objects.filter(pk=Scan.objects.first().pk).update(  # type: ignore[union-attr]
        timestamp=clock.now() - timedelta(hours=2)
    )
    assert value("retinote_queued_scans") == 2
    assert value("retinote_oldest_queued_scan_age_seconds") == pytest.approx(7200, abs=120)
    assert value("retinote_database_up") == 1
    assert 0 < value("retinote_storage_free_bytes") <= value("retinote_storage_size_bytes")


def test_a_scan_predicted_later_is_counted_once(
    predicting: ModelServer, clinician: User, upload: Upload, settings: Any, rise: Count
) -> None:
    there = settings.MODEL_URL
    settings.MODEL_URL = settings.MODEL_MANAGEMENT_URL.replace("http://127.0.0.1", "http://127.0.0.2")
    assert upload(clinician).status_code == 202
    settings.MODEL_URL = there
    assert prediction.predict_queued() == 1
    assert rise("retinote_predictions_total") == 1
    assert value("retinote_queued_scans") == 0


def test_verdicts_are_counted(
    predicted: Predicted, clinician: User, colleague: User, api: Clients, rise: Count
) -> None:
    scan = predicted(clinician)
    path = f"/api/v1/scans/{scan.pk}/review/"
    api(clinician).post(path, {"verdict": "agree", "prediction_seen": SEEN})
    api(colleague).post(path, {"verdict": "disagree", "label": "DME", "prediction_seen": SEEN})
    api(colleague).post(path, {"verdict": "nonsense"})
    counted = {
        verdict: rise(
            "retinote_reviews_total", verdict=verdict, model_name="retina-oct", model_version="1.0.0"
        )
        for verdict in ("agree", "disagree", "unsure")
    }
    assert counted == {"agree": 1, "disagree": 1, "unsure": 0}


def test_failed_sign_ins_are_counted_in_the_api_and_in_the_admin(
    administrator: User, api: Clients, rise: Count
) -> None:
    wrong = {"username": "anna", "password": "wrong"}
    api(None).post("/api/v1/auth/token/", wrong)
    Client().post("/admin/login/", wrong)
    api(None).post("/api/v1/auth/token/", wrong | {"password": PASSWORD})
    assert rise("retinote_sign_in_failures_total") == 2


def test_calls_with_service_keys_are_counted(
    away: None, administrator: User, settings: Any, rise: Count
) -> None:
    settings.GATEWAY_SECRET = "what-only-nginx-knows"
    key = issuing.issue(ServiceKey(service="ris", calls_per_minute=1), administrator)
    for text in (key, key, "made-up-1", "made-up-2"):
        headers = {"X-Gateway-Secret": settings.GATEWAY_SECRET, "X-Api-Key": text}
        Client().get("/api/v1/internal/inference-key/", headers=headers)
    counted = {
        (service, outcome): rise("retinote_service_key_calls_total", service=service, outcome=outcome)
        for service, outcome in (("ris", "allowed"), ("ris", "limited"), ("", "unknown"))
    }
    assert counted == {("ris", "allowed"): 1, ("ris", "limited"): 1, ("", "unknown"): 2}


def test_no_person_is_in_the_metrics(
    away: None, clinician: User, upload: Upload, api: Clients, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    key = upload(clinician, patient_ref="P-4711", note="Jane Doe").json()["id"]
    api(clinician).get("/api/v1/scans/?patient_ref=P-4711")
    shown = scrape()
    for secret in ("P-4711", "Jane", "clara", str(clinician.pk), key, TOKEN):
        assert secret not in shown
    assert TOKEN not in caplog.text


def test_what_is_not_answered_is_counted_by_its_reason_and_neither_by_label_nor_by_confidence(
    rise: Count,
) -> None:
    model = {"model_name": "retina-oct", "model_version": "2.0.0"}
    for answer in (
        Answer("CNV", "not_answered", "unfamiliar"),
        Answer("AMD", "undecided", "one_group", ("AMD", "CNV")),
        Answer("DME", "answered", "one_label", ("DME",)),
        Answer("MH"),
    ):
        instruments.count_prediction(answer, 0.9, *model.values(), reasons=[])

    assert rise("retinote_predictions_total", **model) == 4
    strange = {"state": "not_answered", "because": "unfamiliar", "label": ""}
    assert rise("retinote_predictions_total", **strange, **model) == 1
    assert rise("retinote_predictions_total", state="unknown", label="MH", **model) == 1
    assert [rise("retinote_predictions_total", label=name, **model) for name in ("CNV", "AMD", "DME")] == [
        0,
        0,
        1,
    ]
    assert rise("retinote_prediction_confidence_ratio_count", **model) == 2
