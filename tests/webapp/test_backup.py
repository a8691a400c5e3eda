"""Backup and restore of what people do in the web app, over its own database and images."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event

import bson
import pytest
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection
from django.test import Client
from PIL import Image

from operations.backup import audit, rights
from operations.backup.archive import ArchiveWriter, unpack
from operations.backup.backup import make_backup
from operations.backup.documents import AnyDatabase, forget_loaded
from operations.backup.errors import BackupError, DamagedArchive
from operations.backup.manifest import Manifest
from operations.backup.restore import Restored, restore_backup
from operations.stack.folder import DataFolder
from serving.changes import actor
from serving.registry import Registry
from tests.images import answered_png
from tests.services import ModelServer
from tests.waiting import wait_for
from tests.webapp.conftest import PASSWORD, Clients, Upload
from webapp.accounts.models import RefreshSession, User
from webapp.audit import sealing
from webapp.audit.models import Action, Head, Record, WaitingRecord
from webapp.audit.objects import Comparison
from webapp.audit.verification import Verification
from webapp.gateway import issuing
from webapp.gateway.models import ServiceKey
from webapp.scans import storage
from webapp.scans.models import Scan

pytestmark = pytest.mark.django_db(transaction=True)

BOX = {"target": {"selector": {"type": "FragmentSelector", "value": "xywh=pixel:120,88,64,40"}}}


def nothing(*_: object) -> None:
    """Progress that nobody watches."""


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    """The data folder whose media folder the web app uses (see `own_folders`)."""
    return DataFolder(tmp_path)


def backup_of(data: DataFolder, database: AnyDatabase) -> tuple[Manifest, bytes]:
    out = io.BytesIO()
    return make_backup(data, database, out, nothing), out.getvalue()


def content(database: AnyDatabase, media: Path) -> dict[str, object]:
    """All documents, indexes and files; but for sign-ins, what was shown to whom, and the audit's waiting records."""
    apart = {*rights.SESSIONS, rights.SHOWN, audit.WAITING}
    names = sorted({*database.list_collection_names()} - apart)
    return {
        "documents": {name: sorted(map(bson.encode, database[name].find())) for name in names},
        "indexes": {name: database[name].index_information() for name in names},
        "files": {path.relative_to(media): path.read_bytes() for path in media.rglob("*") if path.is_file()},
    }


def test_everything_comes_back_into_an_empty_installation(
    predicting: ModelServer,
    clinician: User,
    upload: Upload,
    api: Clients,
    data: DataFolder,
    database: AnyDatabase,
) -> None:
    client = api(clinician)
    scans = [
        upload(clinician, file, patient_ref=f"P-{number}").json()
        for number, file in ((1, answered_png()), (2, None))
    ]
    address = f"/api/v1/scans/{scans[0]['id']}/"
    assert client.post(f"{address}annotations/", BOX | {"comment": "fluid"}).status_code == 201
    assert client.post(f"{address}review/", {"verdict": "agree"}).status_code == 201
    data.registry.parent.mkdir()
    Registry(data.registry).promoted("retina-oct", "1.0.0", "ab" * 32)
    before = content(database, data.media)

    manifest, archive = backup_of(data, database)
    database.client.drop_database(database.name)
    data.media.rename(data.media.with_name("lost"))
    data.registry.unlink()
    restored = restore_backup(data, database, io.BytesIO(archive), replace=False, progress=nothing)

    assert content(database, data.media) == before
    assert restored.manifest == manifest
    assert (manifest.media.count, manifest.missing_media) == (6, ())
    assert Registry(data.registry).choice("retina-oct").promoted == ["1.0.0"]
    client = api(clinician)  # signed in anew: a restore ends all sign-ins
    for scan in scans:
        for path in (scan["image_path"], scan["annotation_path"], scan["heatmap_path"]):
            picture = client.get(path)
            size = Image.open(io.BytesIO(picture.getvalue())).size
            assert size == (scan["width"], scan["height"])
    assert client.get(f"{address}annotations/").json()[0]["comment"] == "fluid"
    assert client.get(f"{address}reviews/").json()[0]["verdict"] == "agree"
    assert upload(clinician, answered_png()).json()["duplicate"] is True


def test_what_is_there_is_replaced_only_when_asked(
    away: None, clinician: User, upload: Upload, data: DataFolder, database: AnyDatabase
) -> None:
    upload(clinician, seed=1)
    before = content(database, data.media)
    _, archive = backup_of(data, database)
    upload(clinician, seed=2)
    grown = content(database, data.media)

    with pytest.raises(BackupError, match=r"documents in the database .* and 2 files .* --replace"):
        restore_backup(data, database, io.BytesIO(archive), replace=False, progress=nothing)
    assert content(database, data.media) == grown

    database["left_over"].insert_one({"of": "another time"})
    restore_backup(data, database, io.BytesIO(archive), replace=True, progress=nothing)
    assert content(database, data.media) == before


@pytest.mark.parametrize("wanted", ["media/scans/", "documents/scans_scan.bson.gz"])
def test_a_damaged_archive_changes_nothing(
    away: None, clinician: User, upload: Upload, data: DataFolder, database: AnyDatabase, wanted: str
) -> None:
    upload(clinician)
    _, archive = backup_of(data, database)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        member = next(member for member in tar if member.name.startswith(wanted))
    spoilt = bytearray(archive)
    spoilt[member.offset_data + member.size // 2] ^= 1
    before = content(database, data.media)

    with pytest.raises(DamagedArchive, match=f"{member.name} is not what was written"):
        restore_backup(data, database, io.BytesIO(bytes(spoilt)), replace=True, progress=nothing)

    assert content(database, data.media) == before


def test_a_backup_that_the_database_does_not_take_changes_nothing(
    away: None, clinician: User, upload: Upload, data: DataFolder, database: AnyDatabase, tmp_path: Path
) -> None:
    """A backup with sound checksums that names more documents than it has."""
    upload(clinician)
    manifest, archive = backup_of(data, database)
    folder = tmp_path / "unpacked"
    folder.mkdir()
    unpack(io.BytesIO(archive), folder, nothing)
    first, *others = manifest.collections
    wrong = replace(manifest, collections=(replace(first, documents=first.documents + 1), *others))
    out = io.BytesIO()
    writer = ArchiveWriter(out, folder, wrong, nothing)
    for name in ("documents", "media", "models"):
        writer.add_folder(folder / name, name)
    writer.close()
    before = content(database, data.media)

    with pytest.raises(BackupError, match=f"{first.name} does not have the {first.documents + 1} documents"):
        restore_backup(data, database, io.BytesIO(out.getvalue()), replace=True, progress=nothing)

    assert content(database, data.media) == before


def test_backups_taken_while_people_upload_and_delete_hold_whole_scans(
    away: None,
    clinician: User,
    upload: Upload,
    api: Clients,
    data: DataFolder,
    database: AnyDatabase,
    tmp_path: Path,
) -> None:
    """Each scan in a backup has its image in it, whole, whatever was uploaded and deleted meanwhile."""
    enough = Event()
    uploaded: list[str] = []

    def work(first_seed: int) -> None:
        try:
            seed = first_seed
            while not enough.is_set():
                scan = upload(clinician, seed=seed).json()
                uploaded.append(scan["id"])
                if seed % 2:
                    assert api(clinician).delete(f"/api/v1/scans/{scan['id']}/").status_code == 204
                seed += 1
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        workers = [pool.submit(work, seed) for seed in (1000, 5000)]
        try:
            wait_for(lambda: len(uploaded) > 4 or any(worker.done() for worker in workers))
            backups = []
            for _ in range(4):
                known = len(uploaded)
                backups.append(backup_of(data, database))
                wait_for(
                    lambda known=known: len(uploaded) > known or any(worker.done() for worker in workers)
                )
        finally:
            enough.set()
        for worker in workers:
            worker.result()

    for index, (manifest, archive) in enumerate(backups):
        folder = tmp_path / f"unpacked-{index}"
        folder.mkdir()
        unpack(io.BytesIO(archive), folder, nothing)
        assert manifest.missing_media == ()
        names = scan_images(folder)
        assert names
        assert {path.name for path in (folder / "media").rglob("*.png")} == names
        for name in names:
            Image.open(folder / "media" / "scans" / name[:2] / name).load()


def scan_images(folder: Path) -> set[str]:
    """Names of the images of all scans in an unpacked backup."""
    with gzip.open(folder / "documents" / "scans_scan.bson.gz") as file:
        return {document["image_name"] for document in bson.decode_file_iter(file)}


def test_a_scan_deleted_while_documents_are_read_is_not_in_the_backup(
    away: None,
    clinician: User,
    upload: Upload,
    api: Clients,
    data: DataFolder,
    database: AnyDatabase,
    tmp_path: Path,
) -> None:
    """The documents of the moment name its image, which is gone when the backup comes to it: they are read again."""
    kept, deleted = (upload(clinician, seed=seed).json()["id"] for seed in (1, 2))

    rounds = 0

    def delete_once(what: str, done: int) -> None:
        """Called after each document; the first collections come before the scans."""
        nonlocal rounds
        if what == "documents" and done == 1:
            rounds += 1
            if rounds == 1:
                assert api(clinician).delete(f"/api/v1/scans/{deleted}/").status_code == 204

    out = io.BytesIO()
    manifest = make_backup(data, database, out, delete_once)
    folder = tmp_path / "unpacked"
    folder.mkdir()
    unpack(io.BytesIO(out.getvalue()), folder, nothing)

    assert rounds == 2
    assert manifest.missing_media == ()
    assert scan_images(folder) == {Scan.objects.get(pk=kept).image_name}


def test_an_image_that_was_lost_before_is_named(
    away: None, clinician: User, upload: Upload, data: DataFolder, database: AnyDatabase
) -> None:
    upload(clinician, seed=1)
    name = Scan.objects.get().image_name
    storage.delete(name)

    manifest, _ = backup_of(data, database)

    assert manifest.missing_media == (name,)


def test_nothing_is_left_beside_the_images(
    away: None, clinician: User, upload: Upload, data: DataFolder, database: AnyDatabase
) -> None:
    upload(clinician)
    _, archive = backup_of(data, database)
    restore_backup(data, database, io.BytesIO(archive), replace=True, progress=nothing)

    assert [path.name for path in data.media.iterdir()] == ["scans"]
    assert not [name for name in database.list_collection_names() if name.startswith("restoring")]
    forget_loaded(database)


@pytest.fixture
def restore(data: DataFolder, database: AnyDatabase) -> Callable[..., Restored]:
    """Restores a backup in the place of what is there."""

    def restored(archive: bytes, *, replace: bool = True) -> Restored:
        return restore_backup(data, database, io.BytesIO(archive), replace=replace, progress=nothing)

    return restored


Restore = Callable[..., Restored]


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
