"""nginx with the project's configuration: who is let through to what, with what."""

from __future__ import annotations

import http.client
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from handlers.request import CARD_HEADER, HEADERS
from tests.deployment.nginx import (
    BROKEN,
    CHALLENGE,
    EXPIRED,
    FLOODING,
    GATEWAY_SECRET,
    GOOD,
    HOST,
    IN_CANARY,
    LIMITED,
    NEEDS_NGINX,
    REVOKED,
    Dying,
    Echo,
    Gateway,
    Starting,
    named,
    running,
)
from tests.waiting import wait_for

pytestmark = NEEDS_NGINX


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_plain_http_is_sent_on_with_its_method(gateway: Gateway, method: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.http, timeout=20)
    connection.request(method, "/scans/1?x=2", headers={"Host": HOST})
    answer = connection.getresponse()

    assert answer.status == 308
    assert answer.headers["Location"] == f"https://{HOST}:{gateway.https}/scans/1?x=2"


def test_another_name_gets_no_answer(gateway: Gateway) -> None:
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        gateway.ask("/", host="other.example.org")


def test_the_web_app_hears_from_whom_a_request_is(gateway: Gateway) -> None:
    told = json.load(
        gateway.ask("/scans?q=1", headers={"X-Forwarded-For": "203.0.113.9", "X-Gateway-Secret": "guess"})
    )

    assert told["port"] == gateway.web
    assert told["path"] == "/scans?q=1"
    assert told["headers"]["x-forwarded-for"] == told["headers"]["x-real-ip"] == "127.0.0.1"
    assert told["headers"]["x-forwarded-proto"] == "https"
    assert told["headers"]["host"] == f"{HOST}:{gateway.https}"
    assert "x-gateway-secret" not in told["headers"]


@pytest.mark.parametrize(("given", "kept"), [("scan-0001", True), ("a b", False), ("<script>alert", False)])
def test_a_request_has_one_id(gateway: Gateway, given: str, kept: bool) -> None:
    told = json.load(gateway.ask("/", headers={"X-Request-Id": given}))

    assert (told["headers"]["x-request-id"] == given) is kept
    assert len(told["headers"]["x-request-id"]) >= 8


@pytest.mark.parametrize(
    "path",
    [
        "/metrics",
        "/metrics/",
        "/readyz/",
        "/api/v1/internal/inference-key/",
        "/api/v1/internal/inference-key",
        "/api/v1/internal/",
        "/api/v1//internal/inference-key/",
        "/api/v1/x/../internal/inference-key/",
        "/_inference_key",
        "/_key_over_limit",
        "/_refused",
    ],
)
def test_what_is_for_inside_is_not_found(gateway: Gateway, path: str) -> None:
    assert gateway.ask(path, headers={"X-Gateway-Secret": GATEWAY_SECRET}).status == 404


def test_large_bodies_are_for_uploads_alone(gateway: Gateway) -> None:
    three_mb = b"x" * 3 * 2**20

    refused = gateway.ask("/api/v1/auth/token/", method="POST", body=three_mb)
    assert refused.status == 413
    assert json.load(refused)["error"]["code"] == "too_large"
    for path in ("/api/v1/scans/", "/api/v1/scans", "/api/v1/volumes/"):
        assert json.load(gateway.ask(path, method="POST", body=three_mb))["length"] == len(three_mb)


@pytest.mark.parametrize(
    ("path", "headers"),
    [("/api/v1/scans/", {}), ("/api/v1/scans", {}), ("/inference/retina-oct", {"Authorization": GOOD})],
)
def test_a_body_in_chunks_comes_through_whole(gateway: Gateway, path: str, headers: dict[str, str]) -> None:
    told = json.load(gateway.ask(path, method="POST", body=[b"x" * 2**20] * 3, headers=headers))

    assert told["length"] == 3 * 2**20
    assert "transfer-encoding" not in told["headers"]


LONG = "a" * 9000
REFUSALS: dict[str, tuple[int, str, dict[str, Any]]] = {
    "a large body": (413, "too_large", {"method": "POST", "body": b"x" * 3 * 2**20}),
    "a long address": (414, "address_too_long", {"path": f"/api/v1/scans/?q={LONG}"}),
    "a long header": (431, "headers_too_large", {"headers": {"X-Long": LONG}}),
    "a method of no use": (405, "method_not_allowed", {"method": "TRACE"}),
    "an unknown coding": (
        501,
        "not_implemented",
        {"method": "POST", "headers": {"Transfer-Encoding": "cow"}},
    ),
    "a length that is none": (400, "bad_request", {"method": "POST", "headers": {"Content-Length": "x"}}),
    "a large image": (
        413,
        "too_large",
        {"path": "/inference/retina-oct", "method": "POST", "body": b"x" * 49 * 2**20},
    ),
}


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_refusal_of_the_gateway_says_why_as_the_api_does(gateway: Gateway, kind: str) -> None:
    status, code, request = REFUSALS[kind]

    answer = gateway.ask(**({"path": "/api/v1/auth/token/"} | request))

    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/json")
    error = json.load(answer)["error"]
    assert error["code"] == code
    assert error["message"].endswith(".")


def test_what_stands_behind_is_away(gateway: Gateway) -> None:
    answer = gateway.ask("/api/v1/hang-up/?patient_ref=P-4711")

    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert json.load(answer)["error"]["code"] == "unavailable"
    line = '"path":"/api/v1/hang-up/","status":503,'
    wait_for(lambda: line in gateway.log.read_text(), what="the line of the log")


def test_what_should_take_a_large_upload_is_away(gateway: Gateway) -> None:
    answer = gateway.ask("/api/v1/scans/?hang-up", method="POST", body=bytes(3_000_000))

    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert json.load(answer)["error"]["code"] == "unavailable"


def test_a_key_opens_predictions(gateway: Gateway) -> None:
    told = json.load(gateway.infer(Authorization=GOOD, Cookie="refresh=secret"))

    assert told["port"] == gateway.model_server
    assert told["path"] == "/predictions/retina-oct"
    assert told["length"] == len(b"image")
    assert told["headers"]["authorization"] == "Bearer key-of-torchserve"


def test_the_model_server_hears_of_no_other_headers_than_it_needs(gateway: Gateway) -> None:
    options = {option: "some" for option in (*HEADERS, CARD_HEADER)}
    given = {name: "True" for name in ("describe", "Explain", "url_path", "ts_request_sequence_id", "X-Any")}

    told = json.load(
        gateway.infer(
            **options, **given, **{"Authorization": GOOD, "X-Api-Key": "key", "Cookie": "refresh=secret"},
            **{"Content-Type": "image/png", "X-Request-Id": "scan-0001", "Accept": "*/*", "Expect": "nothing"},
        )
    )  # fmt: skip

    assert told["headers"] == options | {
        "authorization": "Bearer key-of-torchserve",
        "content-length": "5",
        "content-type": "image/png",
        "host": f"{HOST}:{gateway.https}",
        "x-request-id": "scan-0001",
    }


def test_whoever_judges_keys_hears_of_the_key_alone(gateway: Gateway) -> None:
    gateway.infer(
        **{"Authorization": GOOD, "X-Api-Key": "key", "describe": "True", "Cookie": "refresh=secret"}
    )

    assert set(Echo.judged) == {
        "authorization",
        "x-api-key",
        "host",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-gateway-secret",
        "x-original-method",
        "x-original-uri",
        "x-real-ip",
        "x-request-id",
    }
    assert Echo.judged["x-original-uri"] == "/inference/retina-oct"
    assert Echo.judged["x-forwarded-for"] == "127.0.0.1", "by which requests of an address are counted"


def test_whom_a_picture_is_of_decides_on_the_version_and_stays_here(gateway: Gateway) -> None:
    told = json.load(gateway.infer(**{"Authorization": IN_CANARY, "X-Subject": "patient 7"}))

    assert told["path"] == "/predictions/retina-oct/2.0.0"
    assert "x-subject" not in told["headers"]
    assert Echo.judged["x-subject"] == "patient 7"


def test_a_caller_can_not_choose_the_route_by_a_header(gateway: Gateway) -> None:
    told = json.load(gateway.infer(**{"Authorization": GOOD, "X-Model-Route": "/2.0.0"}))

    assert told["path"] == "/predictions/retina-oct"


def test_a_version_may_be_named(gateway: Gateway) -> None:
    told = json.load(gateway.infer("/inference/retina-oct/1.0.0", Authorization=GOOD))

    assert told["path"] == "/predictions/retina-oct/1.0.0"


@pytest.mark.parametrize(
    ("key", "status", "code"),
    [
        ("", 401, "key_unknown"),
        ("Bearer wrong", 401, "key_unknown"),
        (EXPIRED, 401, "key_expired"),
        (REVOKED, 401, "key_revoked"),
        (LIMITED, 429, "key_limit_reached"),
        (FLOODING, 429, "too_many_requests"),
        (BROKEN, 503, "unavailable"),
    ],
)
@pytest.mark.parametrize("size", [5, 3_000_000], ids=["small", "larger than other requests may be"])
def test_without_a_good_key_nothing_reaches_the_model_server(
    gateway: Gateway, key: str, status: int, code: str, size: int
) -> None:
    answer = gateway.ask(
        "/inference/retina-oct", method="POST", body=bytes(size), headers={"Authorization": key}
    )

    assert answer.status == status
    error = json.load(answer)["error"]
    assert error["code"] == code
    assert error["message"].endswith(".")
    assert answer.headers.get("Retry-After") == ("17" if status == 429 else None)
    assert answer.headers.get_all("WWW-Authenticate", []) == list(CHALLENGE.values()) * (status == 401)
    assert "X-Key-Refusal" not in answer.headers


@pytest.mark.parametrize("kind", [Starting, Dying])
def test_another_model_server_is_asked_where_one_can_not_answer(tmp_path: Path, kind: type[Echo]) -> None:
    with named(kind, Echo) as (names, servers), running(tmp_path, names, servers) as gateway:
        answers = [gateway.infer(Authorization=GOOD) for _ in range(8)]

        assert [answer.status for answer in answers] == [200] * 8
        assert {json.load(answer)["length"] for answer in answers} == {len(b"image")}


def test_a_model_that_no_server_has_is_not_found(tmp_path: Path) -> None:
    with named(Starting, Starting) as (names, servers), running(tmp_path, names, servers) as gateway:
        answer = gateway.infer(Authorization=GOOD)

        assert answer.status == 404
        assert json.load(answer)["type"] == "ModelNotFoundException"


def test_nothing_but_posting_is_taken(gateway: Gateway) -> None:
    assert gateway.ask("/inference/retina-oct", headers={"Authorization": GOOD}).status == 403


@pytest.mark.parametrize(
    "path",
    [
        "/inference/",
        "/inference/retina-oct/1.0.0/x",
        "/inference/../models",
        "/inference/%2e%2e/models",
        "/inference/..%2fmodels",
        "/inference/retina-oct%2f..%2f..%2fmodels",
        "/inference/retina-oct/..",
        "/models",
        "/predictions/retina-oct",
        "/explanations/retina-oct",
        "/ping",
    ],
)
def test_no_other_path_leads_to_the_model_server(gateway: Gateway, path: str) -> None:
    answer = gateway.infer(path, Authorization=GOOD)

    assert answer.status == 404 or json.load(answer)["port"] == gateway.web


def test_the_log_has_neither_queries_nor_keys(gateway: Gateway) -> None:
    gateway.ask("/api/v1/scans/?patient_ref=P-4711", headers={"X-Request-Id": "look-for-me-1"}).read()
    gateway.infer(Authorization=GOOD).read()

    lines = [json.loads(line) for line in gateway.log.read_text().splitlines()]
    (line,) = [line for line in lines if line["request_id"] == "look-for-me-1"]
    assert (line["path"], line["status"], line["source"]) == ("/api/v1/scans/", 200, "nginx")
    assert not [
        secret for secret in ("P-4711", "good", "key-of-torchserve") if secret in gateway.log.read_text()
    ]


@pytest.mark.parametrize("path", ["/api/v1/exports/", "/api/v1/exports"])
def test_an_export_may_take_longer_to_be_made_than_other_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    made = threading.Event()
    monkeypatch.setattr(Echo, "made", made)
    with running(tmp_path, patience="1s") as gateway, ThreadPoolExecutor(1) as page:
        try:
            export = page.submit(gateway.ask, f"{path}?slow", method="POST", body=b"{}")
            given_up = [gateway.ask("/api/v1/scans/?slow").status for _ in range(2)]
        finally:
            made.set()

        assert given_up == [503, 503]
        assert export.result().status == 200


def test_somebody_who_guesses_passwords_is_slowed_down(gateway: Gateway) -> None:
    statuses = [gateway.ask("/api/v1/auth/token/", method="POST", body=b"{}").status for _ in range(100)]

    assert statuses[:40] == [200] * 40, "a clinic whose day begins"
    assert statuses[-1] == 429


def test_pages_of_a_clinic_refresh_as_often_as_they_are_opened(gateway: Gateway) -> None:
    statuses = [gateway.ask("/api/v1/auth/token/refresh/", method="POST").status for _ in range(120)]

    assert statuses == [200] * 120
