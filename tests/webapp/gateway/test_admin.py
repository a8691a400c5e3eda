"""Service keys in the admin."""

from __future__ import annotations

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from tests.webapp.conftest import make_user, signed_in
from webapp.accounts.abilities import Role
from webapp.accounts.models import User
from webapp.audit.models import WaitingRecord
from webapp.gateway import issuing
from webapp.gateway.admission import Outcome, admit
from webapp.gateway.models import ServiceKey

LIST = "/admin/gateway/servicekey/"
FORM = {"service": "Reporting system", "calls_per_minute": "30", "expires_0": "", "expires_1": ""}


@pytest.fixture
def key(administrator: User) -> ServiceKey:
    made = ServiceKey(service="ris")
    issuing.issue(made, administrator)
    return made


def test_a_key_is_shown_once(browser: Client, administrator: User) -> None:
    page = browser.post(f"{LIST}add/", FORM)
    found = re.search(r'<code id="issued-key">(\S+)</code>', page.content.decode())
    assert found and "no-store" in page.headers["Cache-Control"]
    text = found[1]
    assert "sessionid" not in page.cookies and "messages" not in page.cookies
    made = ServiceKey.objects.get()
    assert (made.service, made.calls_per_minute, made.issued_by) == ("Reporting system", 30, administrator)
    assert admit(text).outcome is Outcome.ALLOWED
    secret = text.removeprefix(made.prefix)
    for later in (LIST, f"{LIST}{made.pk}/change/", f"{LIST}{made.pk}/history/", "/admin/"):
        shown = browser.get(later).content.decode()
        assert secret not in shown and made.key_sha256 not in shown
    assert made.prefix in browser.get(LIST).content.decode()


@pytest.mark.parametrize("limit", ["0", "-1", "100001", "many"])
def test_a_limit_is_a_number_of_calls(browser: Client, limit: str) -> None:
    assert browser.post(f"{LIST}add/", FORM | {"calls_per_minute": limit}).status_code == 200
    assert not ServiceKey.objects.exists()


def test_a_key_is_limited_and_given_an_end_without_losing_counts(browser: Client, key: ServiceKey) -> None:
    ServiceKey.objects.update(calls=7)
    forged = {"calls": "0", "key_sha256": "0" * 64, "revoked_at": ""}
    changed = FORM | {"calls_per_minute": "5", "expires_0": "2031-01-01", "expires_1": "00:00:00"} | forged
    assert browser.post(f"{LIST}{key.pk}/change/", changed).status_code == 302
    after = ServiceKey.objects.get()
    assert (after.calls_per_minute, after.calls, after.key_sha256) == (5, 7, key.key_sha256)
    assert after.expires and after.expires.year == 2031


def test_a_key_is_revoked_for_good(browser: Client, key: ServiceKey, administrator: User) -> None:
    chosen = {"action": "revoke", "_selected_action": [str(key.pk)]}
    assert browser.post(LIST, chosen).status_code == 302
    key.refresh_from_db()
    assert key.revoked_at and key.revoked_by == administrator
    assert LogEntry.objects.get().change_message == "Revoked."
    assert "revoked" in browser.get(LIST).content.decode()
    assert browser.post(f"{LIST}{key.pk}/change/", FORM).status_code == 403


def test_who_issued_limited_and_revoked_a_key_is_recorded(browser: Client, administrator: User) -> None:
    browser.post(f"{LIST}add/", FORM)
    key = ServiceKey.objects.get()
    browser.post(f"{LIST}{key.pk}/change/", FORM | {"calls_per_minute": "5"})
    for _ in range(2):  # a key that is revoked already is not revoked again
        browser.post(LIST, {"action": "revoke", "_selected_action": [str(key.pk)]})
    records = list(WaitingRecord.objects.filter(kind="service key").order_by("time"))
    assert [record.action for record in records] == ["key.issue", "key.change", "key.revoke"]
    assert {record.actor for record in records} == {str(administrator.pk)}
    assert {record.object_id for record in records} == {str(key.pk)}
    hashes = ["", *(record.after for record in records)]
    assert [record.before for record in records] == hashes[:-1]
    assert len(set(hashes)) == 4


def test_a_key_is_not_deleted(browser: Client, key: ServiceKey) -> None:
    assert browser.post(f"{LIST}{key.pk}/delete/", {"post": "yes"}).status_code == 403
    browser.post(LIST, {"action": "delete_selected", "_selected_action": [str(key.pk)], "post": "yes"})
    assert ServiceKey.objects.exists()


@pytest.mark.parametrize("role", [Role.CLINICIAN, Role.RESEARCHER])
def test_keys_are_for_administrators(db: None, role: str) -> None:
    visitor = signed_in(make_user("someone", role))
    for path in (LIST, f"{LIST}add/"):
        assert visitor.get(path).status_code == 302
    assert visitor.post(f"{LIST}add/", FORM).headers["Location"].startswith("/admin/login/")
    assert not ServiceKey.objects.exists()
