"""Service keys: who is let through, how often, and what is counted."""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from django.db import connection, connections
from django.http import HttpResponse
from django.test import Client
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from tests.images import png_bytes
from tests.services import ModelServer, free_ports
from tests.webapp.rollouts.conftest import CHEST, canary, chest, versions
from tests.webapp.rollouts.two_versions import TwoVersions
from webapp.accounts.models import User
from webapp.core import clock
from webapp.gateway import issuing
from webapp.gateway.admission import Outcome, admit
from webapp.gateway.models import ServiceKey
from webapp.rollouts import steps

__all__ = ["chest", "versions"]
PATH = "/api/v1/internal/inference-key/"
GATEWAY = {"X-Gateway-Secret": "what-only-nginx-knows"}


@pytest.fixture(autouse=True)
def gateway_secret(settings: Any) -> None:
    settings.GATEWAY_SECRET = GATEWAY["X-Gateway-Secret"]


def issued(administrator: User, service: str = "ris", **fields: Any) -> str:
    """A key as its service has it."""
    return issuing.issue(ServiceKey(service=service, **fields), administrator)


def ask(key: str, headers: dict[str, str] = GATEWAY) -> HttpResponse:
    """Ask as nginx does, for a call with this key."""
    response = Client().get(PATH, headers=headers | {"Authorization": f"Bearer {key}"})
    assert isinstance(response, HttpResponse)
    return response


def why(answer: HttpResponse) -> str:
    """The code of a refusal, of which nginx reads the header alone and others the body."""
    code: str = answer.headers["X-Key-Refusal"]
    assert json.loads(answer.content)["error"]["code"] == code
    return code


def test_a_service_is_let_through_to_the_model_server(predicting: ModelServer, administrator: User) -> None:
    answer = ask(issued(administrator))
    assert (answer.status_code, answer.content) == (204, b"")
    assert "no-store" in answer.headers["Cache-Control"]
    passed_on = requests.post(
        f"{predicting.inference_url}/predictions/retina-oct",
        headers={"Authorization": answer.headers["X-Model-Authorization"], "Content-Type": "image/png"},
        data=png_bytes(),
        timeout=60,
    )
    assert "prediction" in passed_on.json()


def test_either_header_carries_the_key(away: None, administrator: User) -> None:
    key = issued(administrator)
    assert ask(key).status_code == 204
    assert Client().post(PATH, headers=GATEWAY | {"X-Api-Key": key}).status_code == 204
    assert ServiceKey.objects.get().calls == 2


@pytest.mark.parametrize("key", ["", "rtn_00000000_guessed", "x" * 101, "naïve", '{"$ne": ""}'])
def test_an_unknown_key_is_refused(away: None, administrator: User, key: str) -> None:
    issued(administrator)
    answer = ask(key)
    assert (answer.status_code, why(answer)) == (401, "key_unknown")
    assert "X-Model-Authorization" not in answer.headers
    assert ServiceKey.objects.get().calls == 0


@pytest.mark.parametrize("headers", [{}, {"X-Gateway-Secret": ""}, {"X-Gateway-Secret": "a guess"}])
def test_only_the_gateway_is_answered(away: None, administrator: User, headers: dict[str, str]) -> None:
    answer = ask(issued(administrator), headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert ServiceKey.objects.get().calls == 0


def test_without_a_gateway_nobody_is_answered(away: None, administrator: User, settings: Any) -> None:
    settings.GATEWAY_SECRET = ""
    for headers in ({}, {"X-Gateway-Secret": ""}, GATEWAY):
        assert ask(issued(administrator), headers).status_code == 404


def test_a_revoked_key_is_refused_from_the_next_call_on(away: None, administrator: User) -> None:
    text = issued(administrator)
    assert ask(text).status_code == 204
    key = ServiceKey.objects.get()
    assert issuing.revoke(key, administrator)
    assert not issuing.revoke(key, administrator)
    answer = ask(text)
    assert (answer.status_code, why(answer)) == (401, "key_revoked")
    key.refresh_from_db()
    assert (key.calls, key.refused_calls, key.revoked_by) == (1, 1, administrator)


def test_a_key_ends_when_it_expires(away: None, administrator: User) -> None:
    text = issued(administrator, expires=clock.now() + timedelta(hours=1))
    assert ask(text).status_code == 204
    ServiceKey.objects.update(expires=clock.now() - timedelta(seconds=1))
    answer = ask(text)
    assert (answer.status_code, why(answer)) == (401, "key_expired")


def test_calls_over_the_limit_wait_for_the_next_minute(away: None, administrator: User) -> None:
    text = issued(administrator, calls_per_minute=3)
    other = issued(administrator, service="pacs", calls_per_minute=3)
    assert [ask(text).status_code for _ in range(5)] == [204, 204, 204, 429, 429]
    refused = ask(text)
    assert why(refused) == "key_limit_reached"
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert ask(other).status_code == 204
    # As if a minute had passed.
    began = ServiceKey.objects.get(service="ris").minute_began
    assert began
    ServiceKey.objects.filter(service="ris").update(minute_began=began - timedelta(minutes=1))
    assert ask(text).status_code == 204
    key = ServiceKey.objects.get(service="ris")
    assert (key.calls, key.refused_calls) == (4, 3)


def test_of_calls_at_the_same_moment_none_is_lost_and_none_slips_through(administrator: User) -> None:
    text = issued(administrator, calls_per_minute=100)

    def call(_: int) -> Outcome:
        try:
            return admit(text).outcome
        finally:
            connections.close_all()

    with ThreadPoolExecutor(16) as callers:
        outcomes = list(callers.map(call, range(160)))
    assert (outcomes.count(Outcome.ALLOWED), outcomes.count(Outcome.LIMITED)) == (100, 60)
    key = ServiceKey.objects.get()
    assert (key.calls, key.refused_calls) == (100, 60)


def test_without_the_model_servers_key_nobody_is_let_through(
    away: None, administrator: User, settings: Any, tmp_path: Path
) -> None:
    settings.MODEL_KEY_FILE = str(tmp_path / "key_file.json")
    answer = ask(issued(administrator))
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")


def test_without_the_database_nobody_is_let_through(
    away: None, administrator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = issued(administrator)
    (port,) = free_ports(1)
    nobody: MongoClient[dict[str, Any]] = MongoClient(port=port, serverSelectionTimeoutMS=50)
    with nobody, monkeypatch.context() as cut:
        cut.setattr(connection, "get_collection", lambda name: nobody["retinote"][name])
        with pytest.raises(PyMongoError):
            admit(text)
        answer = ask(text)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")


def test_a_key_is_neither_kept_nor_logged(
    predicting: ModelServer, administrator: User, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    text = issued(administrator, calls_per_minute=1)
    for _ in range(2):
        ask(text)
    issuing.revoke(ServiceKey.objects.get(), administrator)
    ask(text)
    ask(f"{text}-mistyped")
    secret = text.split("_", 2)[2]
    kept = str(ServiceKey.objects.values().get())
    for seen in (kept, caplog.text):
        assert secret not in seen
        assert predicting.key() not in seen
        assert GATEWAY["X-Gateway-Secret"] not in seen
    assert "ris" in kept and "ris" in caplog.text


def test_the_address_is_in_no_description(administrator: User) -> None:
    assert "internal" not in Client().get("/api/schema/").content.decode()


def routed(key: str, uri: str = "/inference/retina-oct", **headers: str) -> str:
    """What the gateway adds to the address of a call with this key."""
    asked = {"X-Original-URI": uri, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return str(ask(key, GATEWAY | asked).headers["X-Model-Route"])


def test_a_canary_answers_its_share_of_direct_calls_too(versions: TwoVersions, administrator: User) -> None:
    key = issued(administrator, calls_per_minute=1000)
    assert routed(key) == ""
    canary(40)

    routes = {subject: routed(key, X_Subject=subject) for subject in map(str, range(60))}

    assert 10 < list(routes.values()).count("/2.0.0") < 40
    assert set(routes.values()) == {"", "/2.0.0"}
    assert all(routed(key, X_Subject=subject) == route for subject, route in routes.items())
    # Without a subject each call is one: its id decides.
    assert len({routed(key, X_Request_Id=f"call-{number:04}") for number in range(40)}) == 2
    canary(80)
    grown = {subject for subject in routes if routed(key, X_Subject=subject)}
    assert grown > {subject for subject, route in routes.items() if route}


def test_a_canary_answers_calls_of_its_own_model_alone(
    versions: TwoVersions, chest: TwoVersions, administrator: User
) -> None:
    key = issued(administrator)
    steps.start_canary(CHEST, "2.0.0", 99.999)

    assert routed(key, f"/inference/{CHEST}") == "/2.0.0"
    assert routed(key, f"/inference/{CHEST}/1.0.0") == ""
    assert routed(key) == ""


@pytest.mark.parametrize(
    "uri", ["/inference/retina-oct/1.0.0", "/inference/retina-oct/2.0.0", "/inference/chest", "/x", ""]
)
def test_whoever_names_a_version_or_another_model_is_left_alone(
    versions: TwoVersions, administrator: User, uri: str
) -> None:
    canary(99.999)

    assert routed(issued(administrator), uri) == ""


def test_a_canary_of_the_web_app_alone_leaves_direct_calls_to_the_default(
    versions: TwoVersions, administrator: User
) -> None:
    canary(99.999, web_app_only=True)

    assert routed(issued(administrator)) == ""
