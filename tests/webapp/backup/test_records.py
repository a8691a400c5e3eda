"""Backup and restore in the audit."""

from __future__ import annotations

import hashlib
import io
import os

import pytest
from django.core.management import call_command

from operations.backup import audit
from operations.backup.backup import make_backup
from operations.backup.documents import AnyDatabase
from operations.stack.folder import DataFolder
from serving.changes import actor
from tests.webapp.backup.conftest import Restore, backup_of, nothing
from webapp.accounts.models import User
from webapp.audit import sealing
from webapp.audit.models import Record
from webapp.audit.verification import Verification

pytestmark = pytest.mark.django_db(transaction=True)


def test_backup_and_restore_are_in_the_audit_chain(
    clinician: User, data: DataFolder, database: AnyDatabase, restore: Restore
) -> None:
    sealing.seal()
    manifest, archive = backup_of(data, database)
    digest = hashlib.sha256(archive).hexdigest()
    who = actor(os.getuid())
    sealing.seal()
    made = Record.objects.order_by("-number")[0]
    assert (made.action, made.actor, made.kind) == ("backup.create", who, "backup")
    assert (made.object_id, made.before, made.after) == (manifest.taken, "", digest)

    restored = restore(archive)

    assert restored.recorded
    sealing.seal()
    record = Record.objects.order_by("-number")[0]
    assert (record.action, record.actor, record.kind) == ("backup.restore", who, "backup")
    # The head of the chain that was cut off, so that what came after the backup can't be denied.
    assert (record.object_id, record.before, record.after) == (manifest.taken, made.hash, digest)
    assert list(Verification().findings()) == []


def test_a_backup_from_before_there_was_an_audit_is_restored_unrecorded(
    clinician: User, data: DataFolder, database: AnyDatabase, restore: Restore
) -> None:
    database.drop_collection(audit.WAITING)
    out = io.BytesIO()
    make_backup(data, database, out, nothing)
    database.drop_collection(audit.WAITING)

    assert not restore(out.getvalue()).recorded

    assert audit.WAITING not in database.list_collection_names()
    call_command("migrate", verbosity=0)
