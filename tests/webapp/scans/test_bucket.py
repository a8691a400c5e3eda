"""Images in S3, kept by a real server (SeaweedFS): stored, sent, exported, swept and deleted as on a disk."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ResponseStreamingError
from botocore.httpsession import URLLib3Session
from botocore.response import StreamingBody
from django.conf import settings as django_settings

from serving.shared.s3 import S3Objects
from tests.images import png_bytes
from tests.seaweedfs import Seaweedfs, needs_seaweedfs
from tests.webapp.conftest import Clients, Predicted, Upload
from webapp.accounts.models import User
from webapp.gates.replay import write_scans
from webapp.reviews import reading
from webapp.scans import storage
from webapp.scans.bucket import IN_MEMORY_BYTES
from webapp.scans.models import Scan, Status
from webapp.scans.sweep import sweep

pytestmark = needs_seaweedfs


@pytest.fixture
def images(bucket: str, settings: Any) -> S3Objects:
    """The bucket in which the images are."""
    settings.MEDIA = f"s3://{bucket}/clinic/images"
    return S3Objects(bucket, "clinic/images")


def on_disk() -> list[Path]:
    return [path for path in Path(django_settings.MEDIA_ROOT).rglob("*") if path.is_file()]


def body(answer: Any) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def test_an_upload_is_stored_and_sent_from_s3(
    images: S3Objects, away: None, upload: Upload, api: Clients, clinician: User
) -> None:
    answer = upload(clinician)
    assert answer.status_code in (201, 202), answer.content
    scan = Scan.objects.get()

    assert images.names("") == [f"scans/{scan.image_name[:2]}/{scan.image_name}"]
    assert on_disk() == []
    stored = images.read(images.names("")[0])
    sent = api(clinician).get(f"/api/v1/scans/{scan.pk}/image/")
    assert stored and body(sent) == stored.content == storage.read(scan.image_name)
    assert sent.headers["Content-Length"] == str(len(stored.content))
    assert sent.headers["Content-Type"] == "image/png"
    thumbnail = api(clinician).get(f"/api/v1/scans/{scan.pk}/thumbnail/")
    assert body(thumbnail).startswith(b"\xff\xd8\xff")
    again = upload(clinician)
    assert again.json()["id"] == str(scan.pk), "the same picture was stored twice"

    assert api(clinician).delete(f"/api/v1/scans/{scan.pk}/").status_code == 204
    assert images.names("") == []
    assert not storage.exists(scan.image_name)
    with pytest.raises(FileNotFoundError):
        storage.read(scan.image_name)


def test_an_export_takes_pictures_from_s3(
    images: S3Objects, away: None, upload: Upload, api: Clients, clinician: User
) -> None:
    upload(clinician)
    scan = Scan.objects.get()

    wanted = {"format": "coco", "with_text": True}
    exported = api(clinician).post("/api/v1/exports/", wanted, format="json")

    assert exported.status_code == 200, exported.content
    with zipfile.ZipFile(io.BytesIO(body(exported))) as opened:
        [name] = [name for name in opened.namelist() if name.endswith(".png")]
        assert opened.read(name) == storage.read(scan.image_name)


@pytest.mark.parametrize("export_format", ["coco", "folders"])
def test_an_export_asks_s3_once_for_each_picture(
    images: S3Objects,
    api: Clients,
    clinician: User,
    predicted: Predicted,
    monkeypatch: pytest.MonkeyPatch,
    export_format: str,
) -> None:
    def export() -> dict[str, bytes]:
        exported = api(clinician).post("/api/v1/exports/", {"format": export_format}, format="json")
        assert exported.status_code == 200, exported.content
        with zipfile.ZipFile(io.BytesIO(body(exported))) as opened:
            return {name: opened.read(name) for name in opened.namelist()}

    def pictures(files: dict[str, bytes]) -> list[bytes]:
        return sorted(content for name, content in files.items() if name.endswith(".png"))

    scans = [predicted(clinician, "CNV") for _ in range(12)]
    for scan in scans:
        reading.record(scan, clinician, "agree")
        reading.settle(scan, clinician, "CNV")
    contents = {scan.image_name: storage.read(scan.image_name) for scan in scans}
    # It looks for text in the pictures, which is remembered. The rule takes the speckle of some for text.
    without_text = pictures(export())
    names = [name for name, content in contents.items() if content in without_text]
    *there, gone = names
    storage.delete(gone)
    asked: list[str] = []
    send = URLLib3Session.send

    def send_and_note(session: URLLib3Session, request: Any) -> Any:
        asked.append(urlsplit(request.url).path.rpartition("/")[2])
        return send(session, request)

    monkeypatch.setattr(URLLib3Session, "send", send_and_note)
    found = export()

    assert sorted(asked) == sorted(names)
    assert pictures(found) == sorted(contents[name] for name in there) != []
    if export_format == "folders":
        assert len(found["manifest.csv"].splitlines()) == 1 + len(there)


def test_a_large_picture_comes_in_parts(images: S3Objects) -> None:
    content = os.urandom(IN_MEMORY_BYTES + 1)
    name = storage.save(content)
    with storage.open_file(name) as opened:
        assert opened.read() == content


def test_a_picture_that_breaks_off_is_fetched_again(
    images: S3Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = storage.save(b"a picture")
    read = StreamingBody.read

    def break_off(body: StreamingBody, amt: int | None = None) -> bytes:
        monkeypatch.setattr(StreamingBody, "read", read)
        raise ResponseStreamingError(error="connection broken")

    monkeypatch.setattr(StreamingBody, "read", break_off)
    assert storage.read(name) == b"a picture"


def test_a_sweep_removes_what_nobody_names_and_keeps_the_rest(
    images: S3Objects, away: None, upload: Upload, clinician: User
) -> None:
    upload(clinician)
    orphan = storage.save(png_bytes(seed=9))
    assert len(list(storage.all_files())) == 2

    assert sweep().files_removed == 0, "it might belong to an upload that goes on"
    assert sweep(grace_s=0).files_removed == 1

    assert not storage.exists(orphan)
    assert storage.exists(Scan.objects.get().image_name)


def test_a_file_that_was_gathered_here_is_taken_along(images: S3Objects, tmp_path: Path) -> None:
    name = storage.new_name(storage.INSTANCE)
    gathered = tmp_path / "gathered"
    gathered.write_bytes(b"DICM" * 2**20)

    storage.take(gathered, name)

    assert not gathered.exists()
    assert storage.beginning(name, 4) == (b"DICM", 2**22)


def test_while_s3_is_away_nothing_is_lost_and_callers_are_told(
    images: S3Objects,
    away: None,
    upload: Upload,
    api: Clients,
    clinician: User,
    seaweedfs: Seaweedfs,
) -> None:
    upload(clinician)
    scan = Scan.objects.get()
    seaweedfs.stop()
    try:
        sent = api(clinician).get(f"/api/v1/scans/{scan.pk}/image/")
        exported = api(clinician).post("/api/v1/exports/", {"format": "coco"}, format="json")
        refused = upload(clinician, seed=2)
        with pytest.raises(OSError, match="can't be reached"):
            sweep()
    finally:
        seaweedfs.start()

    for answer in (sent, exported, refused):
        assert answer.status_code == 503, answer.content
        assert answer.json()["error"]["message"].startswith("The images can't be reached at the moment")
    assert Scan.objects.get().status != Status.FAILED
    assert storage.exists(scan.image_name)


def test_a_gate_gets_files_of_what_is_in_s3(
    images: S3Objects, predicted: Predicted, clinician: User, tmp_path: Path
) -> None:
    scan, gone = predicted(clinician), predicted(clinician)
    storage.delete(gone.image_name)

    assert write_scans(scan.model_name, tmp_path / "stored.jsonl") == 2

    lines = [json.loads(line) for line in (tmp_path / "stored.jsonl").read_text().splitlines()]
    files = {line["scan"]: Path(line["image"]) for line in lines}
    assert files[str(scan.pk)].read_bytes() == storage.read(scan.image_name)
    assert not files[str(gone.pk)].exists()
