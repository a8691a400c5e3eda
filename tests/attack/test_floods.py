"""Too much of anything is answered 429, and others go on."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from rest_framework.test import APIClient

from tests.attack.people import People
from tests.images import png_bytes
from tests.webapp.conftest import Clients
from webapp.accounts import tokens


@pytest.fixture
def rates(settings: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Rates that are soon reached, in a minute that doesn't end."""
    monkeypatch.setattr("webapp.api.throttling._now", lambda: 60_000_000.0)
    settings.RATES_PER_MINUTE = dict.fromkeys(settings.RATES_PER_MINUTE, 0)
    rates: dict[str, int] = settings.RATES_PER_MINUTE
    return rates


def test_an_address_that_floods_is_stopped_before_its_token_is_looked_at(
    rates: dict[str, int], db: None
) -> None:
    rates["address"] = 5
    flood = APIClient(REMOTE_ADDR="203.0.113.1", HTTP_AUTHORIZATION="Bearer a.b.c")
    answers = [flood.get("/api/v1/scans/") for _ in range(7)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 2
    assert answers[-1].json()["error"]["code"] == "too_many_requests"
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    for path in ("/", "/admin/login/", "/api/schema/", "/nothing/"):
        assert flood.get(path).status_code == 429, path
    assert flood.get("/healthz/").status_code == 200, "whoever watches over the app is never refused"
    assert APIClient(REMOTE_ADDR="203.0.113.2").get("/api/v1/scans/").status_code == 401


def test_a_user_that_floods_is_stopped_from_any_address(
    rates: dict[str, int], people: People, api: Clients
) -> None:
    rates["user"] = 5
    access = tokens.issue(people.owner).access
    answers = [
        APIClient(REMOTE_ADDR=f"203.0.113.{number}", HTTP_AUTHORIZATION=f"Bearer {access}").get(
            "/api/v1/scans/count/"
        )
        for number in range(7)
    ]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
    assert answers[-1].json()["error"]["code"] == "too_many_requests"
    assert "Retry-After" in answers[-1].headers
    assert api(people.colleague).get("/api/v1/scans/count/").status_code == 200


def test_uploads_have_their_own_rate_and_looking_goes_on(
    rates: dict[str, int], people: People, api: Clients, away: None
) -> None:
    rates["upload"] = 2
    client = api(people.owner)
    statuses = []
    for seed in range(3):
        image = SimpleUploadedFile("scan.png", png_bytes(64, 48, seed=seed))
        statuses.append(client.post("/api/v1/scans/", {"image": image}, format="multipart").status_code)
    assert statuses == [202, 202, 429]
    assert client.get("/api/v1/scans/").status_code == 200


def test_sign_ins_and_refreshes_share_a_rate_per_address(rates: dict[str, int], db: None) -> None:
    rates["sign_in"] = 4
    client = APIClient(REMOTE_ADDR="203.0.113.1")
    tries = [
        ("token", {"username": "a", "password": "b"}),
        ("token/refresh", {"refresh": "x"}),
        ("logout", {}),
    ] * 2
    statuses = [client.post(f"/api/v1/auth/{path}/", body).status_code for path, body in tries]
    assert statuses == [401, 401, 204, 401, 429, 429]


def test_exports_have_their_own_rate(rates: dict[str, int], people: People, api: Clients) -> None:
    rates["export"] = 1
    client = api(people.researcher)
    answers = [client.post("/api/v1/exports/", {"format": "csv"}).status_code for _ in range(2)]
    assert answers == [400, 429]


def test_the_next_minute_begins_anew(
    rates: dict[str, int], db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates["address"] = 1
    assert [Client().get("/api/schema/").status_code for _ in range(2)] == [200, 429]
    monkeypatch.setattr("webapp.api.throttling._now", lambda: 60_000_060.0)
    assert Client().get("/api/schema/").status_code == 200
