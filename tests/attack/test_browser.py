"""What protects a browser: from other sites, from scripts, from frames, from what lies in its own cache."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project_settings
from django.test import Client
from rest_framework.test import APIClient

from tests.attack.people import People
from tests.webapp.conftest import PASSWORD, Clients, Predicted, signed_in
from webapp.accounts.models import User
from webapp.scans.models import Scan

TOKEN, REFRESH, LOGOUT = (f"/api/v1/auth/{name}/" for name in ("token", "token/refresh", "logout"))
OTHER_SITES: dict[str, dict[str, str]] = {
    "another site": {"Sec-Fetch-Site": "cross-site"},
    "a neighbour below the same domain": {"Sec-Fetch-Site": "same-site"},
    "another site, in an older browser": {"Origin": "https://evil.example.org"},
    "a page without an origin": {"Origin": "null"},
    "a name that begins alike": {"Origin": "http://testserver.evil.example.org"},
}


@pytest.fixture
def answers(predicted: Predicted, people: People, api: Clients, settings: Any) -> dict[str, Any]:
    """One answer of every kind."""
    scan = predicted(people.owner)
    owner, nobody = api(people.owner), Client()
    administration = signed_in(people.administrator)
    image = f"/api/v1/scans/{scan.pk}/image/"
    picture = owner.get(image)
    found = {
        "the page": nobody.get("/"),
        "an address of the page": nobody.get("/scans/1"),
        "an API answer": owner.get("/api/v1/scans/"),
        "a refused API call": nobody.get("/api/v1/scans/"),
        "a wrong API address": nobody.get("/api/v1/nothing/"),
        "a wrong method": owner.put("/api/v1/scans/"),
        "a wrong address": nobody.get("/nothing/"),
        "a wrong host": nobody.get("/", headers={"Host": "evil.example.org"}),
        "a body too large": owner.generic("POST", "/api/v1/scans/", CONTENT_LENGTH=str(2**40)),
        "a picture": picture,
        "a picture that is known": owner.get(image, headers={"If-None-Match": picture.headers["ETag"]}),
        "a thumbnail": owner.get(f"/api/v1/scans/{scan.pk}/thumbnail/"),
        "a report": owner.get(f"/api/v1/scans/{scan.pk}/report/"),
        "an export": owner.post("/api/v1/exports/", {"format": "csv"}),
        "the administration": administration.get("/admin/"),
        "its sign-in": nobody.get("/admin/login/"),
        "a redirect": nobody.get("/admin/"),
        "the API's description": nobody.get("/api/schema/"),
        "the API's documentation": nobody.get("/api/docs/"),
        "a static file": nobody.get("/static/admin/css/base.css"),
        "the health": nobody.get("/healthz/"),
    }
    settings.RATES_PER_MINUTE = {**settings.RATES_PER_MINUTE, "address": 1}
    found["a flood"] = [Client(REMOTE_ADDR="203.0.113.9").get("/api/v1/scans/") for _ in range(2)][-1]
    return found


def test_every_kind_of_answer_forbids_frames_guesses_and_strange_scripts(answers: dict[str, Any]) -> None:
    statuses = {kind: answer.status_code for kind, answer in answers.items()}
    assert set(statuses.values()) == {200, 302, 304, 400, 401, 404, 405, 413, 429}
    for kind, answer in answers.items():
        headers = answer.headers
        assert headers["X-Content-Type-Options"] == "nosniff", kind
        assert headers["X-Frame-Options"] == "DENY", kind
        assert headers["Referrer-Policy"] == "same-origin", kind
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin", kind
        assert "camera=()" in headers["Permissions-Policy"], kind
        assert "Access-Control-Allow-Origin" not in headers, kind
        policy = headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy and "object-src 'none'" in policy, kind
        assert "unsafe-eval" not in policy and "http:" not in policy and "*" not in policy, kind
        if kind != "the API's documentation":
            assert "script-src 'self' 'unsafe-inline'" not in policy, kind


def test_what_is_about_people_stays_in_no_shared_cache(answers: dict[str, Any]) -> None:
    for kind, answer in answers.items():
        kept = answer.headers.get("Cache-Control", "")
        if kind in ("a picture", "a picture that is known", "a thumbnail"):
            assert kept == "private, no-cache", kind
        elif kind.startswith(("an API", "a refused", "a report", "an export", "the administration", "its")):
            assert "no-store" in kept, kind


def test_an_error_names_no_version_and_shows_no_trace(answers: dict[str, Any]) -> None:
    for kind, answer in answers.items():
        assert "Server" not in answer.headers and "X-Powered-By" not in answer.headers, kind
        if answer.status_code >= 400:
            assert b"Traceback" not in answer.content and b"Django" not in answer.content, kind


def test_behind_tls_everything_stays_there(
    monkeypatch: pytest.MonkeyPatch, settings: Any, administrator: User
) -> None:
    monkeypatch.setenv("RETINOTE_HTTPS", "1")
    behind_tls = runpy.run_path(str(Path(project_settings.BASE_DIR) / "webapp" / "settings.py"))
    for name in (
        "HTTPS",
        "SECURE_HSTS_SECONDS",
        "SECURE_HSTS_INCLUDE_SUBDOMAINS",
        "SECURE_PROXY_SSL_HEADER",
        "SESSION_COOKIE_SECURE",
        "SESSION_COOKIE_NAME",
        "CSRF_COOKIE_SECURE",
        "CSRF_COOKIE_NAME",
    ):
        setattr(settings, name, behind_tls[name])
    client = APIClient(HTTP_X_FORWARDED_PROTO="https")

    answer = client.post(TOKEN, {"username": "anna", "password": PASSWORD, "cookie": True})
    assert answer.status_code == 200
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert client.post(REFRESH, {}).status_code == 200
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {answer.json()['access']}")
    assert client.post("/api/v1/auth/session/", {"password": PASSWORD}).status_code == 204
    client.get("/admin/password_change/")
    for name in ("__Secure-retinote_refresh", "__Host-sessionid", "__Host-csrftoken"):
        assert client.cookies[name]["secure"], name
        assert client.cookies[name]["samesite"] in ("Strict", "Lax"), name


def test_no_other_site_uses_the_cookie(clinician: User, subtests: pytest.Subtests) -> None:
    for kind, headers in OTHER_SITES.items():
        with subtests.test(kind):
            browser = APIClient()
            signed_in = {"username": "clara", "password": PASSWORD, "cookie": True}
            assert browser.post(TOKEN, signed_in).status_code == 200
            cookie = browser.cookies["retinote_refresh"].value

            for address in (REFRESH, LOGOUT):
                refused = browser.post(address, {}, headers=headers)
                assert refused.status_code == 403
                assert refused.json()["error"]["code"] == "other_origin"
            # Nor does it sign a browser in as somebody else.
            assert browser.post(TOKEN, signed_in, headers=headers).status_code == 403
            written = "username=clara&password=x&cookie=1"
            kind_of_form = "application/x-www-form-urlencoded"
            form = browser.generic("POST", TOKEN, written, kind_of_form, headers=headers)
            assert form.status_code == 415, "what a page can send without asking is no JSON"
            assert browser.cookies["retinote_refresh"].value == cookie

            assert browser.post(REFRESH, {}, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200


def test_the_page_itself_uses_the_cookie_from_any_browser(clinician: User) -> None:
    browser = APIClient()
    for headers in ({"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://testserver"}, {}):
        signed_in = {"username": "clara", "password": PASSWORD, "cookie": True}
        assert browser.post(TOKEN, signed_in, headers=headers).status_code == 200
        assert browser.post(REFRESH, {}, headers=headers).status_code == 200


def test_a_session_changes_nothing_without_its_token(
    predicted: Predicted, people: People, subtests: pytest.Subtests
) -> None:
    for method, path in [
        ("post", "/api/v1/scans/{id}/review/"),
        ("patch", "/api/v1/scans/{id}/"),
        ("delete", "/api/v1/scans/{id}/"),
        ("post", "/api/v1/exports/"),
        ("post", "/admin/accounts/user/add/"),
        ("post", "/admin/logout/"),
    ]:
        with subtests.test(str(path)[:60]):
            scan = predicted(people.owner)
            client = APIClient(enforce_csrf_checks=True)
            client.force_login(people.administrator, backend="django.contrib.auth.backends.ModelBackend")
            assert client.get("/admin/").status_code == 200
            answer = getattr(client, method)(
                path.replace("{id}", str(scan.pk)), {"format": "csv", "verdict": "agree"}
            )
            assert answer.status_code == 403
            assert Scan.objects.filter(pk=scan.pk).exists()


ELSEWHERE = (
    "https://evil.example.org/",
    "//evil.example.org/",
    "/\\evil.example.org",
    "javascript:alert(1)",
    "http:///x",
)


def test_no_address_leads_elsewhere(administrator: User, subtests: pytest.Subtests) -> None:
    for target in ELSEWHERE:
        with subtests.test(str(target)[:60]):
            for path in ("/admin/login/", "/api/auth/login/"):
                client = Client()
                answer = client.post(
                    f"{path}?next={target}", {"username": "anna", "password": PASSWORD, "next": target}
                )
                assert answer.status_code in (302, 400, 404)
                assert "evil" not in answer.headers.get(
                    "Location", ""
                ) and "javascript" not in answer.headers.get("Location", "")
                for away in ("/admin/logout/", "/api/auth/logout/"):
                    client.force_login(administrator, backend="django.contrib.auth.backends.ModelBackend")
                    left = client.post(f"{away}?next={target}", {"next": target})
                    assert "evil" not in left.headers.get("Location", "")


def test_a_path_that_looks_like_a_host_leads_nowhere(db: None) -> None:
    for path in ("//evil.example.org/admin", "//evil.example.org/%2e%2e", "/\\evil.example.org/admin"):
        answer = Client().get("/", PATH_INFO=path)
        assert not answer.headers.get("Location", "").startswith(("//", "http", "/\\"))


def test_no_answer_takes_its_host_from_the_caller(
    people: People, api: Clients, subtests: pytest.Subtests
) -> None:
    for header in ["Host", "X-Forwarded-Host"]:
        with subtests.test(str(header)[:60]):
            for path in ("/api/v1/", "/api/v1/scans/?page_size=1", "/admin/login/", "/api/schema/"):
                answer = api(people.owner).get(path, headers={header: "evil.example.org"})
                assert answer.status_code == 400 if header == "Host" else answer.status_code == 200
                assert b"evil.example.org" not in answer.content
