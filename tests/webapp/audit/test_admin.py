"""The audit in the administration."""

from __future__ import annotations

from django.test import Client

from webapp.accounts.models import User
from webapp.audit import sealing
from webapp.audit.models import Record

LIST = "/admin/audit/record/"


def signed_in(user: User) -> Client:
    browser = Client()
    browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return browser


def test_administrators_read_filter_and_search(administrator: User, clinician: User) -> None:
    browser = signed_in(administrator)
    signed_in(clinician)
    sealing.seal()
    record = Record.objects.filter(actor=str(clinician.pk)).get()
    for query, shown in (
        ("", True),
        ("action__exact=account.sign_in", True),
        ("action__exact=scan.view", False),
        (f"q={clinician.pk}", True),
        (f"q={'0' * 24}", False),
    ):
        page = browser.get(f"{LIST}?{query}")
        assert page.status_code == 200
        assert (f"{LIST}{record.number}/change/" in page.content.decode()) is shown, query
    assert record.hash in browser.get(f"{LIST}{record.number}/change/").content.decode()


def test_nobody_changes_anything(administrator: User) -> None:
    browser = signed_in(administrator)
    sealing.seal()
    before = list(Record.objects.values())
    number = before[0]["number"]
    assert browser.get(f"{LIST}add/").status_code == 403
    assert browser.post(f"{LIST}{number}/change/", {"actor": "nobody"}).status_code == 403
    assert browser.post(f"{LIST}{number}/delete/", {"post": "yes"}).status_code == 403
    browser.post(LIST, {"action": "delete_selected", "_selected_action": [number], "post": "yes"})
    assert list(Record.objects.values()) == before


def test_others_see_nothing(clinician: User, researcher: User) -> None:
    for user in (clinician, researcher):
        assert signed_in(user).get(LIST).status_code == 302
