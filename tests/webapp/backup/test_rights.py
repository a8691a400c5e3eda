"""What a restore takes from nobody: sign-ins, accounts and keys that ended after the backup stay ended."""

from __future__ import annotations

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from operations.backup import audit, rights
from operations.backup.documents import AnyDatabase
from operations.stack.folder import DataFolder
from tests.services import ModelServer
from tests.webapp.backup.conftest import Restore, backup_of
from tests.webapp.conftest import PASSWORD, Clients, Upload
from webapp.accounts.models import RefreshSession, User
from webapp.audit import sealing
from webapp.audit.models import Action, Head, Record, WaitingRecord
from webapp.audit.objects import Comparison
from webapp.gateway import issuing
from webapp.gateway.models import ServiceKey

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_names_that_a_restore_knows_are_those_of_the_models() -> None:
    assert rights.SESSIONS == (RefreshSession._meta.db_table, Session._meta.db_table)
    assert (User._meta.db_table, ServiceKey._meta.db_table) == (rights.ACCOUNTS, rights.SERVICE_KEYS)
    assert audit.RECORDS == (Record._meta.db_table, WaitingRecord._meta.db_table)
    assert Head._meta.db_table == audit.HEAD
    assert {audit.BACKUP, audit.RESTORE} <= set(Action.values)
    assert rights.DELETED["action"] == Action.USER_DELETE


def test_nobody_is_signed_in_after_a_restore(
    clinician: User, administrator: User, data: DataFolder, database: AnyDatabase, restore: Restore
) -> None:
    signed_in = Client().post(
        "/api/v1/auth/token/", {"username": clinician.username, "password": PASSWORD}, "application/json"
    )
    refresh = signed_in.json()["refresh"]
    admin = Client()
    admin.force_login(administrator)
    _, archive = backup_of(data, database)
    assert admin.get("/admin/").status_code == 200

    restore(archive)

    again = Client().post("/api/v1/auth/token/refresh/", {"refresh": refresh}, "application/json")
    assert again.status_code == 401
    assert admin.get("/admin/").status_code == 302
    assert not RefreshSession.objects.exists()


def test_a_sign_in_that_was_ended_after_the_backup_stays_ended(
    clinician: User, data: DataFolder, database: AnyDatabase, restore: Restore
) -> None:
    credentials = {"username": clinician.username, "password": PASSWORD}
    refresh = Client().post("/api/v1/auth/token/", credentials, "application/json").json()["refresh"]
    _, archive = backup_of(data, database)
    Client().post("/api/v1/auth/logout/", {"refresh": refresh}, "application/json")

    restore(archive)

    again = Client().post("/api/v1/auth/token/refresh/", {"refresh": refresh}, "application/json")
    assert again.status_code == 401


def test_who_was_deactivated_or_deleted_after_the_backup_stays_out(
    clinician: User, administrator: User, data: DataFolder, database: AnyDatabase, restore: Restore
) -> None:
    gone = User.objects.create_user("gone", password=PASSWORD)
    key = gone.pk
    sealing.seal()
    _, archive = backup_of(data, database)
    clinician.is_active = False
    clinician.save()
    gone.delete()

    restored = restore(archive)

    assert {*restored.withheld.accounts} == {str(clinician.pk), str(key)}
    assert (restored.withheld.service_keys, restored.withheld.knew) == ((), True)
    sealing.seal()
    assert [*Comparison().differences()] == []  # the audit knows who changed the accounts
    assert not User.objects.get(pk=clinician.pk).is_active
    assert not User.objects.get(pk=key).is_active
    assert User.objects.get(pk=administrator.pk).is_active
    for name in (clinician.username, "gone"):
        credentials = {"username": name, "password": PASSWORD}
        assert Client().post("/api/v1/auth/token/", credentials, "application/json").status_code == 401


def test_what_was_shown_after_the_backup_counts_as_shown(
    predicting: ModelServer,
    clinician: User,
    upload: Upload,
    api: Clients,
    data: DataFolder,
    database: AnyDatabase,
    restore: Restore,
) -> None:
    assert api(clinician).patch("/api/v1/auth/me/", {"reads_blind": True}).status_code == 200
    scan = upload(clinician, seed=1).json()
    reading = f"/api/v1/scans/{scan['id']}/reading/"
    assert api(clinician).get(reading).json()["would_be_blind"]
    _, archive = backup_of(data, database)

    restore(archive)

    assert not api(clinician).get(reading).json()["would_be_blind"]


def test_a_service_key_that_was_revoked_after_the_backup_stays_revoked(
    administrator: User, data: DataFolder, database: AnyDatabase, restore: Restore
) -> None:
    revoked, good = ServiceKey(service="one"), ServiceKey(service="two")
    for key in (revoked, good):
        issuing.issue(key, administrator)
    _, archive = backup_of(data, database)
    later = User.objects.create_user("later", password=PASSWORD, role="administrator")
    assert issuing.revoke(revoked, later)
    revoked.refresh_from_db()

    restored = restore(archive)

    assert restored.withheld == rights.Withheld(accounts=(), service_keys=(str(revoked.pk),), knew=True)
    found = ServiceKey.objects.get(pk=revoked.pk)
    assert found.revoked_at == revoked.revoked_at
    assert found.revoked_by is None  # who revoked it came after the backup
    assert ServiceKey.objects.get(pk=good.pk).revoked_at is None


def test_without_the_later_documents_it_is_said_that_nothing_is_known(
    clinician: User, data: DataFolder, database: AnyDatabase, restore: Restore
) -> None:
    _, archive = backup_of(data, database)
    clinician.is_active = False
    clinician.save()
    for name in database.list_collection_names():
        database[name].delete_many({})

    restored = restore(archive, replace=False)

    assert restored.withheld == rights.Withheld(accounts=(), service_keys=(), knew=False)
    assert User.objects.get(pk=clinician.pk).is_active
