"""A backup of an installation whose images are in S3, and its restore there (a real server, SeaweedFS)."""

from __future__ import annotations

import os
from typing import Any

import pytest

from operations.backup.documents import AnyDatabase
from operations.backup.errors import BackupError
from operations.stack.folder import DataFolder, write_state
from operations.stack.state import State
from serving.shared.s3 import S3Objects
from tests.seaweedfs import needs_seaweedfs
from tests.webapp.backup.conftest import Restore, backup_of
from tests.webapp.conftest import Upload
from webapp.accounts.models import User
from webapp.scans import storage
from webapp.scans.models import Scan

pytestmark = needs_seaweedfs


def test_images_in_s3_are_backed_up_and_restored(
    bucket: str,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    away: None,
    upload: Upload,
    clinician: User,
    data: DataFolder,
    database: AnyDatabase,
    restore: Restore,
) -> None:
    settings.MEDIA = f"s3://{bucket}/images"
    monkeypatch.setenv("RETINOTE_MEDIA", settings.MEDIA)
    images = S3Objects(bucket, "images")
    upload(clinician)
    kept = Scan.objects.get()
    before = storage.read(kept.image_name)

    manifest, archive = backup_of(data, database)
    assert (manifest.media.count, manifest.missing_media) == (1, ())
    upload(clinician, seed=2)
    storage.delete(kept.image_name)
    with pytest.raises(BackupError, match=rf"1 files in s3://{bucket}/images already"):
        restore(archive, replace=False)
    restore(archive)

    assert Scan.objects.get().pk == kept.pk
    assert storage.read(kept.image_name) == before
    assert len(images.names("scans/")) == 2, "what was there is left to the sweep"
    without, _ = backup_of(data, database)
    assert without.missing_media == ()
    storage.delete(kept.image_name)
    lacking, _ = backup_of(data, database)
    assert lacking.missing_media == (kept.image_name,)


def test_a_shell_that_does_not_know_the_bucket_backs_up_the_running_stacks(
    bucket: str,
    settings: Any,
    away: None,
    upload: Upload,
    clinician: User,
    data: DataFolder,
    database: AnyDatabase,
) -> None:
    settings.MEDIA = f"s3://{bucket}/images"
    upload(clinician)
    data.make()
    lock = data.hold(print)
    write_state(data, {"pid": os.getpid(), "where": {"RETINOTE_MEDIA": settings.MEDIA}})

    manifest, _ = backup_of(data, database)

    os.close(lock)
    assert (manifest.media.count, manifest.missing_media) == (1, ())


def test_such_a_shell_restores_into_the_bucket_of_the_stack_that_was_stopped(
    bucket: str,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    away: None,
    upload: Upload,
    clinician: User,
    data: DataFolder,
    database: AnyDatabase,
    restore: Restore,
) -> None:
    settings.MEDIA = f"s3://{bucket}/images"
    upload(clinician)
    name = Scan.objects.get().image_name
    before = storage.read(name)
    data.make()
    with monkeypatch.context() as shell:
        shell.setenv("RETINOTE_MEDIA", settings.MEDIA)
        State(data, {}).became_ready()
    data.state.unlink()
    _, archive = backup_of(data, database)
    with pytest.raises(BackupError, match=rf"1 files in s3://{bucket}/images already"):
        restore(archive, replace=False)
    storage.delete(name)

    restore(archive)

    assert storage.read(name) == before
