"""What a shared store does, and what it says when it can't: the same for a folder and for S3."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from serving.shared.errors import Changed, StoreAway, StoreError, StoreFull
from serving.shared.folder import FolderObjects
from serving.shared.objects import ObjectDocument, Objects, Stored
from serving.shared.place import objects_at
from serving.shared.s3 import S3Objects, client, explained
from tests.seaweedfs import Seaweedfs, needs_seaweedfs


def test_objects_are_written_read_listed_and_deleted(objects: Objects, tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(os.urandom(9 * 2**20))  # which S3 takes in two parts

    objects.write("servers/a.json", b"first")
    objects.write("servers/a.json", b"second")
    objects.send(tmp_path / "weights", "models/oct/1.0.0/weights")
    objects.fetch("models/oct/1.0.0/weights", tmp_path / "fetched")

    assert (tmp_path / "fetched").read_bytes() == (tmp_path / "weights").read_bytes()
    assert [objects.names(prefix) for prefix in ("", "serv", "models/oct/1")] == [
        ["models/oct/1.0.0/weights", "servers/a.json"],
        ["servers/a.json"],
        ["models/oct/1.0.0/weights"],
    ]
    found = objects.read("servers/a.json")
    assert found and found.content == b"second"
    objects.delete("servers/a.json")
    objects.delete("servers/a.json")
    assert objects.read("servers/a.json") is None
    assert objects.names("servers/") == []
    with pytest.raises(StoreError, match="has no"):
        objects.fetch("models/none", tmp_path / "none")


def test_an_object_is_exchanged_only_for_the_one_that_was_read(objects: Objects) -> None:
    objects.exchange("registry.json", b"1", None)
    first = objects.read("registry.json")
    assert isinstance(first, Stored)

    with pytest.raises(Changed):
        objects.exchange("registry.json", b"2", None)
    objects.exchange("registry.json", b"3", first.tag)
    with pytest.raises(Changed):
        objects.exchange("registry.json", b"4", first.tag)
    with pytest.raises(Changed):
        objects.exchange("another.json", b"5", first.tag)

    found = objects.read("registry.json")
    assert found and found.content == b"3"


def test_of_many_who_exchange_at_once_one_does(objects: Objects) -> None:
    def exchange(number: int) -> bool:
        try:
            objects.exchange("registry.json", f"{number}".encode(), None)
        except Changed:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(exchange, range(4)))

    found = objects.read("registry.json")
    assert sum(done) == 1
    assert found and found.content == f"{done.index(True)}".encode()


def test_no_change_of_a_document_is_lost(objects: Objects) -> None:
    document = ObjectDocument(objects, "registry.json")

    def add(letter: str) -> None:
        document.change(lambda text: "".join(sorted(f"{text or ''}{letter}")))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(add, "cab"))

    assert document.read() == "abc"


def test_a_copy_stands_in_for_a_store_that_is_away(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    objects = FolderObjects(tmp_path / "store")
    document = ObjectDocument(objects, "registry.json", tmp_path / "copy.json", stands_in=True)
    document.change(lambda _: "decided")
    assert document.read() == "decided"

    shutil.rmtree(tmp_path / "store")

    assert document.read() == "decided"
    with pytest.raises(StoreAway, match="is its volume mounted"):
        document.change(lambda _: "another")
    with pytest.raises(StoreAway):
        ObjectDocument(objects, "registry.json").read()


@pytest.fixture
def full_folder(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for 64 KiB."""
    folder = tmp_path / "full"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], check=False).returncode:
        pytest.skip("needs the right to mount")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_folder_says_so_and_keeps_what_it_had(full_folder: Path) -> None:
    objects = FolderObjects(full_folder)
    objects.write("registry.json", b"decided")

    with pytest.raises(StoreFull, match="is full: nothing more was written"):
        objects.write("registry.json", os.urandom(2**17))

    found = objects.read("registry.json")
    assert found and found.content == b"decided"
    assert [path.name for path in full_folder.iterdir()] == ["registry.json"]


@needs_seaweedfs
@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("AWS_ACCESS_KEY_ID", "SOMEBODYELSE", "does not know the access key"),
        ("AWS_SECRET_ACCESS_KEY", "wrong", "the secret key is not the one of the access key"),
        ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9", "can't be reached"),
    ],
)
def test_wrong_keys_and_addresses_are_named(
    bucket: str, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(StoreAway, match=f"s3://{bucket}/models .*{sentence}"):
        S3Objects(bucket, "models").read("registry.json")


@needs_seaweedfs
def test_a_clock_that_is_wrong_is_named(bucket: str) -> None:
    """The client runs in a process whose clock is an hour slow; the age of objects goes by the store's own clock."""
    objects = S3Objects(bucket, "")
    objects.write("servers/a.json", b"{}")
    program = (
        "import datetime, botocore.auth, botocore.compat\n"
        "late = lambda *a, **k: datetime.datetime.now(datetime.UTC).replace(tzinfo=None) - datetime.timedelta(hours=1)\n"
        "botocore.auth.get_current_datetime = late\n"
        "from serving.shared.s3 import S3Objects\n"
        f"S3Objects({bucket!r}, '').read('servers/a.json')\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert "this machine's clock is too far from its own" in run.stderr
    assert 0 <= objects.ages("servers/")["servers/a.json"] < 600


@needs_seaweedfs
def test_a_bucket_that_is_missing_is_named(seaweedfs: Seaweedfs) -> None:
    with pytest.raises(StoreAway, match="there is no such bucket"):
        S3Objects("nobody-made-this", "").names("")


class BreaksOff(BaseHTTPRequestHandler):
    """An S3 whose answers end after their first byte."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", "900")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(b"1")

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize("how", ["read", "fetch", "stream"])
def test_an_answer_that_breaks_off_each_time_is_a_store_that_is_away(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), BreaksOff)
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    objects = S3Objects("models", "")

    with pytest.raises(StoreAway, match="The model store s3://models can't be reached"):
        if how == "read":
            objects.read("weights")
        elif how == "fetch":
            objects.fetch("weights", tmp_path / "weights")
        else:
            with explained(objects.place):  # as pictures are opened
                client().download_fileobj("models", "weights", io.BytesIO())

    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    "url",
    ["s3://", "s3://UPPER/x", "s3:///x", "http://host/x", "file://host/x", "file:", "s3://bucket/x?y=1"],
)
def test_what_is_no_store_is_refused(url: str) -> None:
    with pytest.raises(StoreError, match="is no model store: write s3://BUCKET/PREFIX"):
        objects_at(url)
