"""Sign-ins, and what happens to accounts, leave one record each."""

from __future__ import annotations

import io
import json
import os

import pytest
from django.core.management import call_command
from django.test import Client
from rest_framework.test import APIClient

from serving.changes import actor
from tests.webapp.audit.conftest import NewRecords, actions_of
from tests.webapp.conftest import PASSWORD, signed_in
from webapp.accounts import tokens
from webapp.accounts.models import RefreshSession, User
from webapp.audit.hashing import document_sha256
from webapp.audit.models import Record
from webapp.mongodb.transactions import all_or_nothing

TOKEN, LOGOUT, SESSION = (f"/api/v1/auth/{name}/" for name in ("token", "logout", "session"))


def test_signing_in_and_out(clinician: User, new_records: NewRecords) -> None:
    new_records()
    client = APIClient()
    given = {"username": "clara", "password": PASSWORD}
    refresh = client.post(TOKEN, given).json()["refresh"]
    assert actions_of(new_records()) == [("account.sign_in", str(clinician.pk))]
    assert client.post(LOGOUT, {"refresh": refresh}).status_code == 204
    assert client.post(LOGOUT, {"refresh": refresh}).status_code == 204  # there is nothing left to end
    assert actions_of(new_records()) == [("account.sign_out", str(clinician.pk))]


def test_signing_out_of_page_and_administration_is_one_end(
    administrator: User, new_records: NewRecords
) -> None:
    client = APIClient()
    given = {"username": "anna", "password": PASSWORD, "cookie": True}
    access = client.post(TOKEN, given).json()["access"]
    bearer = {"Authorization": f"Bearer {access}"}
    assert client.post(SESSION, {"password": PASSWORD}, headers=bearer).status_code == 204
    new_records()
    assert client.post(LOGOUT, {}).status_code == 204
    assert actions_of(new_records()) == [("account.sign_out", str(administrator.pk))]
    assert client.get("/admin/").status_code == 302


def test_signing_in_and_out_of_the_administration(administrator: User, new_records: NewRecords) -> None:
    new_records()
    browser = Client()
    browser.post("/admin/login/", {"username": "anna", "password": PASSWORD})
    browser.post("/admin/logout/")
    assert actions_of(new_records()) == [
        ("account.sign_in", str(administrator.pk)),
        ("account.sign_out", str(administrator.pk)),
    ]


def test_signing_somebody_out(clinician: User, administrator: User, new_records: NewRecords) -> None:
    browser = Client()
    browser.force_login(administrator)
    tokens.issue(clinician)
    everywhere = {"action": "sign_out_everywhere", "_selected_action": [str(clinician.pk)]}
    new_records()

    before = document_sha256(User.objects.get(pk=clinician.pk))
    assert browser.post("/admin/accounts/user/", everywhere).status_code == 302
    (by_user,) = new_records()
    after = document_sha256(User.objects.get(pk=clinician.pk))
    assert (by_user.before, by_user.after) == (before, after) and before != after

    tokens.issue(clinician)
    session = RefreshSession.objects.get(user=clinician, revoked_at=None)
    one = {"action": "revoke", "_selected_action": [str(session.pk)]}
    for _ in range(2):  # the second time there is nothing left to end
        assert browser.post("/admin/accounts/refreshsession/", one).status_code == 302
    (by_session,) = new_records()

    for record in (by_user, by_session):
        assert actions_of([record]) == [("account.sign_out", str(administrator.pk))]
        assert record.object_id == str(clinician.pk)


@pytest.mark.parametrize(("path", "client"), [(TOKEN, APIClient), ("/admin/login/", Client)])
def test_a_failed_sign_in_tells_who_but_not_what_was_typed(
    clinician: User, new_records: NewRecords, path: str, client: type[Client]
) -> None:
    new_records()
    for name in ("clara", "my-secret-password", "my-secret-password", "another"):
        client().post(path, {"username": name, "password": "wrong-9"})

    records = new_records()

    assert actions_of(records) == [("account.sign_in_failed", "anonymous")] * 4
    assert [record.kind for record in records] == ["user", *["unknown name"] * 3]
    known, first, second, other = (record.object_id for record in records)
    assert known == str(clinician.pk)
    assert first == second != other
    stored = json.dumps(list(Record.objects.values()), default=str)
    assert "my-secret-password" not in stored and "wrong-9" not in stored


def test_a_failed_sign_in_of_somebody_who_is_locked_out(clinician: User, new_records: NewRecords) -> None:
    new_records()
    answers = [
        APIClient().post(TOKEN, {"username": "clara", "password": "wrong-9"}).status_code for _ in range(10)
    ]
    assert answers[-1] == 429
    assert actions_of(new_records()) == [("account.sign_in_failed", "anonymous")] * 10


def test_users_made_changed_and_deleted_in_the_administration(
    administrator: User, new_records: NewRecords
) -> None:
    browser = signed_in(administrator)
    new_records()
    password = "green-otter-42-x"
    new = {"username": "dora", "usable_password": "true", "password1": password, "password2": password}
    browser.post("/admin/accounts/user/add/", {**new, "role": "clinician", "clinic": "east"})
    dora = User.objects.get(username="dora")
    change = f"/admin/accounts/user/{dora.pk}/"
    before = document_sha256(dora)
    assert browser.post(f"{change}change/", {"username": "dora", "role": "researcher"}).status_code == 302
    after = document_sha256(User.objects.get(pk=dora.pk))
    browser.post(
        f"{change}password/",
        {"usable_password": "true", "password1": f"{password}2", "password2": f"{password}2"},
    )
    browser.post(f"{change}delete/", {"post": "yes"})
    assert not User.objects.filter(pk=dora.pk).exists()

    records = new_records()

    actor = str(administrator.pk)
    actions = ["user.create", "user.change", "user.change", "user.delete"]
    assert actions_of(records) == [(action, actor) for action in actions]
    assert {record.object_id for record in records} == {str(dora.pk)}
    assert (records[1].before, records[1].after) == (before, after)
    assert before != after


def test_a_user_made_by_the_command_line(
    new_records: NewRecords, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("green-otter-42-x\n"))
    call_command("create_user", "dora", "--role", "clinician")
    assert actions_of(new_records()) == [("user.create", actor(os.getuid()))]


def test_what_is_undone_leaves_no_record(clinician: User, new_records: NewRecords) -> None:
    new_records()

    def fail() -> None:
        clinician.clinic = "west"
        clinician.save()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        all_or_nothing(fail)
    assert new_records() == []
    assert User.objects.get().clinic == "east"
