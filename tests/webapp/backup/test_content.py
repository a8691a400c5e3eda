"""A backup holds all that people did, whole; a restore brings it back or changes nothing."""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Event

import bson
import pytest
from django.db import connection
from PIL import Image

from operations.backup.archive import FOLDERS, ArchiveWriter, unpack
from operations.backup.backup import make_backup
from operations.backup.documents import AnyDatabase, drop_loaded
from operations.backup.errors import BackupError, DamagedArchive
from operations.backup.manifest import Manifest
from operations.backup.restore import restore_backup
from operations.stack.folder import DataFolder
from serving.registry import Registry
from tests.images import answered_png
from tests.services import ModelServer
from tests.waiting import wait_for
from tests.webapp.backup.conftest import backup_of, content, nothing
from tests.webapp.conftest import Clients, Upload
from webapp.accounts.models import User
from webapp.scans import storage
from webapp.scans.models import Scan

pytestmark = pytest.mark.django_db(transaction=True)

MODEL_FILES = (
    *("model.json", "weights.safetensors", "statistics.safetensors", "findings.safetensors"),
    *("int8.safetensors", "gate.json"),
)
BOX = {"target": {"selector": {"type": "FragmentSelector", "value": "xywh=pixel:120,88,64,40"}}}


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
    Registry(data.registry).note_promoted("retina-oct", "1.0.0", "ab" * 32)
    model = data.model_store / "retina-oct" / "1.0.0"
    model.mkdir(parents=True)
    for name in MODEL_FILES:
        (model / name).write_text(name)
    before = content(database, data.media)

    manifest, archive = backup_of(data, database)
    database.client.drop_database(database.name)
    data.media.rename(data.media.with_name("lost"))
    data.registry.unlink()
    shutil.rmtree(data.model_store)
    restored = restore_backup(data, database, io.BytesIO(archive), replace=False, progress=nothing)

    assert content(database, data.media) == before
    assert restored.manifest == manifest
    assert (manifest.media.count, manifest.missing_media) == (6, ())
    assert Registry(data.registry).choice("retina-oct").promoted == ["1.0.0"]
    assert {path.name: path.read_text() for path in model.iterdir()} == {name: name for name in MODEL_FILES}
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
    for name in FOLDERS:
        writer.add_folder(folder / name, name)
    writer.close()
    before = content(database, data.media)

    with pytest.raises(BackupError, match=f"{first.name} does not have the {first.documents + 1} documents"):
        restore_backup(data, database, io.BytesIO(out.getvalue()), replace=True, progress=nothing)

    assert content(database, data.media) == before


def _patient_backup(data: DataFolder, database: AnyDatabase) -> tuple[Manifest, bytes]:
    """A backup, tried again where scans were deleted during each of its own attempts, as its message says."""
    for _ in range(9):
        with suppress(BackupError):
            return backup_of(data, database)
    return backup_of(data, database)


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
                backups.append(_patient_backup(data, database))
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
    """The documents name its image, which is gone when the backup copies images: the documents are read again."""
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
    drop_loaded(database)
