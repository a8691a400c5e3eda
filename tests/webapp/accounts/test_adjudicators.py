"""Appointing adjudicators: in the administration and at the command line, with a record of who did it."""

from __future__ import annotations

import io
import os

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from serving.changes import actor
from tests.webapp.conftest import PASSWORD, Clients
from webapp.accounts.abilities import Ability
from webapp.accounts.models import User
from webapp.audit.models import WaitingRecord
from webapp.scans.models import Scan

USERS = "/admin/accounts/user/"


def settles(user: User) -> bool:
    return User.objects.get(pk=user.pk).may(Ability.ADJUDICATE)


def recorded() -> list[tuple[str, str, str]]:
    """What was recorded of users: the action, who did it, and with whom."""
    records = WaitingRecord.objects.filter(kind="user").order_by("pk")
    return list(records.values_list("action", "actor", "object_id"))


def command(*arguments: str) -> str:
    said = io.StringIO()
    call_command("appoint_adjudicator", *arguments, stdout=said)
    return said.getvalue()


def test_the_administration_appoints_and_dismisses_whom_it_chooses(
    clinician: User, colleague: User, administrator: User, browser: Client
) -> None:
    chosen = {"_selected_action": [str(clinician.pk), str(colleague.pk)]}

    browser.post(USERS, {**chosen, "action": "appoint"})
    assert settles(clinician) and settles(colleague)
    browser.post(USERS, {"_selected_action": [str(colleague.pk)], "action": "dismiss"})
    assert settles(clinician) and not settles(colleague)

    by, clara, colin = (str(user.pk) for user in (administrator, clinician, colleague))
    assert [record for record in recorded() if record[0] in ("user.appoint", "user.dismiss")] == [
        ("user.appoint", by, clara),
        ("user.appoint", by, colin),
        ("user.dismiss", by, colin),
    ]


def test_the_list_of_users_shows_who_settles_scans(clinician: User, browser: Client) -> None:
    assert "0 users" in browser.get(f"{USERS}?is_adjudicator__exact=1").content.decode()
    browser.post(USERS, {"_selected_action": [str(clinician.pk)], "action": "appoint"})
    page = browser.get(f"{USERS}?is_adjudicator__exact=1").content.decode()
    assert "Settles scans" in page and "1 user" in page and "clara" in page


def test_a_new_account_can_be_an_adjudicators(administrator: User, browser: Client) -> None:
    made = {"username": "ada", "usable_password": "true", "role": "clinician", "is_adjudicator": "on"}
    answer = browser.post(f"{USERS}add/", {**made, "password1": PASSWORD, "password2": PASSWORD})
    assert answer.status_code == 302
    ada = User.objects.get(username="ada")
    assert settles(ada)
    by = str(administrator.pk)
    assert recorded()[-2:] == [("user.create", by, str(ada.pk)), ("user.appoint", by, str(ada.pk))]


def test_a_role_that_gives_no_verdicts_settles_none(
    clinician: User, researcher: User, browser: Client
) -> None:
    chosen = {"_selected_action": [str(clinician.pk), str(researcher.pk)], "action": "appoint"}
    page = browser.post(USERS, chosen, follow=True).content.decode()
    assert "1 adjudicator(s) appointed" in page
    assert "The role researcher gives no verdicts, so that rita can" in page

    form = {"username": "rita", "is_active": "on", "role": "researcher", "is_adjudicator": "on"}
    answer = browser.post(f"{USERS}{researcher.pk}/change/", form)
    assert answer.status_code == 200 and "gives no verdicts" in answer.content.decode()
    assert not User.objects.get(pk=researcher.pk).is_adjudicator


def test_the_command_line_appoints_and_dismisses_and_says_who_did_it(clinician: User) -> None:
    assert command("clara") == "clara is an adjudicator now.\n"
    assert settles(clinician)
    assert command("clara") == "clara is an adjudicator already.\n"
    assert command("clara", "--dismiss") == "clara is no adjudicator any more.\n"
    assert not settles(clinician)

    by = actor(os.getuid())
    assert by.startswith("operator:")
    appointed = [record for record in recorded() if record[0] != "user.change"][-2:]
    assert appointed == [(f"user.{done}", by, str(clinician.pk)) for done in ("appoint", "dismiss")]


def test_what_can_not_be_is_said(researcher: User) -> None:
    with pytest.raises(CommandError, match="no user nora"):
        command("nora")
    with pytest.raises(CommandError, match="researcher gives no verdicts"):
        command("rita")


def test_an_account_is_made_an_adjudicators_at_once(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("green-otter-42-x\n"))
    call_command("create_user", "ada", "--role", "clinician", "--adjudicator", stdout=io.StringIO())
    assert User.objects.get(username="ada").may(Ability.ADJUDICATE)


def test_who_is_appointed_settles_what_is_read(
    clinician: User, colleague: User, api: Clients, predicted: object
) -> None:
    assert callable(predicted)
    scan: Scan = predicted(clinician)
    path = f"/api/v1/scans/{scan.pk}/"
    api(clinician).post(f"{path}review/", {"label": "DME"})
    assert api(colleague).post(f"{path}adjudication/", {"label": "DME"}).status_code == 403
    command("colin")
    assert api(colleague).get("/api/v1/auth/me/").json()["may_adjudicate"] is True
    assert api(colleague).post(f"{path}adjudication/", {"label": "DME"}).status_code == 201
