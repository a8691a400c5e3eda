"""DICOMweb STOW-RS: studies of a service with a key become volumes of its clinic."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from tests.dicom_files import written
from tests.volume_files import STUDY, bscans, opt
from tests.webapp.receiver.conftest import CLINIC, read_all, series
from webapp.accounts.models import User
from webapp.api.turns import LARGE_BYTES, turns
from webapp.gateway import issuing
from webapp.gateway.models import ServiceKey
from webapp.receiver.models import Instance
from webapp.receiver.multipart import BadMultipart, parts
from webapp.scans import storage
from webapp.scans.models import Scan

BOUNDARY = "b-1"
TYPE = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
STORED, FAILED, OTHERS = "00081199", "00081198", "0008119A"
Store = Callable[..., Any]


def related(*files: bytes, media_type: str = "application/dicom") -> bytes:
    """The body of a request with these files."""
    begin = f"--{BOUNDARY}\r\nContent-Type: {media_type}\r\n\r\n".encode()
    return b"".join(begin + file + b"\r\n" for file in files) + f"--{BOUNDARY}--\r\n".encode()


@pytest.fixture
def key(administrator: User) -> str:
    return issuing.issue(ServiceKey(service="pacs", clinic=CLINIC), administrator)


@pytest.fixture
def store(key: str, away: None, settings: Any) -> Store:
    """Stores files: `store(file, file)`; the answer."""
    settings.DICOM_QUIET_SECONDS = 0

    def send(*files: bytes, path: str = "/dicomweb/studies", **options: Any) -> Any:
        body = options.pop("body", None) or related(*files)
        headers = {"Authorization": f"Bearer {options.pop('key', key)}", **options.pop("headers", {})}
        return Client().post(path, body, content_type=options.pop("content_type", TYPE), headers=headers)

    return send


def test_an_instance_becomes_a_volume_of_the_keys_clinic(store: Store) -> None:
    answer = store(opt(bscans(3)))
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/dicom+json")
    [item] = answer.json()[STORED]["Value"]
    assert item["00081155"]["Value"] == [Instance.objects.get().sop_uid]
    read_all()
    assert {(scan.clinic, scan.user, scan.received_from) for scan in Scan.objects.all()} == {
        (CLINIC, None, "pacs")
    }
    assert Scan.objects.count() == 3


def test_what_can_not_be_stored_is_told_beside_what_was(store: Store) -> None:
    good, other = series(2)
    other.SOPClassUID = other.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    answer = store(written(good), written(other), b"no DICOM file")
    assert answer.status_code == 202
    told = answer.json()
    assert len(told[STORED]["Value"]) == 1
    assert [item["00081197"]["Value"] for item in told[OTHERS]["Value"]] == [[0x0122], [0xC000]]
    assert store(b"no DICOM file").status_code == 409
    assert len(list(storage.all_files())) == 1


def test_the_same_twice_is_one(store: Store) -> None:
    file = written(series(1)[0])
    assert [store(file, file).status_code, store(file).status_code] == [200, 200]
    assert Instance.objects.count() == 1


def test_an_address_that_names_a_study_takes_that_alone(store: Store) -> None:
    file = written(series(1)[0])
    assert store(file, path=f"/dicomweb/studies/{STUDY}").status_code == 200
    answer = store(opt(bscans(2)), path="/dicomweb/studies/1.2.3")
    assert answer.status_code == 409
    assert [item["00081197"]["Value"] for item in answer.json()[FAILED]["Value"]] == [[0xA900]]


def test_a_key_is_needed_that_has_a_clinic(store: Store, administrator: User) -> None:
    file = written(series(1)[0])
    assert store(file, key="rtn_wrong").status_code == 401
    other = issuing.issue(ServiceKey(service="reporting"), administrator)
    assert store(file, key=other).status_code == 403
    ServiceKey.objects.filter(service="pacs").update(calls_per_minute=1)
    assert store(file).status_code == 200
    assert store(file).status_code == 429
    assert Client().get("/dicomweb/studies").status_code == 405


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"content_type": "application/dicom"}, 415),
        ({"content_type": 'multipart/related; type="application/dicom+json"; boundary=b'}, 415),
        ({"content_type": 'multipart/related; type="application/dicom"'}, 400),
        ({"body": b"--b-1\r\n\r\nhalf a part"}, 400),
        ({"body": b"--b-1--\r\n"}, 400),
        ({"body": b"--b-1\r\n" + b"A: b\r\n" * 5000}, 400),
        ({"headers": {"Accept": "application/dicom+xml"}}, 406),
    ],
    ids=["one file", "JSON", "no boundary", "broken off", "empty", "headers", "XML wanted"],
)
def test_other_bodies_are_refused(store: Store, options: dict[str, Any], status: int) -> None:
    answer = store(b"", **options)
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"code", "message"}
    assert not list(storage.all_files())


def test_a_body_above_the_limit_is_refused_before_it_is_read(store: Store, settings: Any) -> None:
    settings.MAX_VOLUME_BYTES = 2**20
    assert store(b"\0" * (3 * 2**20)).status_code == 413


def test_a_service_that_sends_too_many_large_requests_is_told_to_wait(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.api.turns.MOST", 1)
    large = related(b"\0" * (LARGE_BYTES + 1))
    with turns.taken("service pacs", LARGE_BYTES + 1):
        refused = store(body=large)
        assert (refused.status_code, refused["Retry-After"]) == (429, "1")
        assert refused.json()["error"]["code"] == "too_many_at_once"
        assert store(opt(bscans(3))).status_code == 200
    assert store(body=large).status_code == 409


class Trickle:
    """A body of which each read gives a few bytes."""

    def __init__(self, content: bytes, size: int) -> None:
        self._content, self._size = content, size

    def read(self, size: int, /) -> bytes:
        """The next few."""
        taken, self._content = self._content[: self._size], self._content[self._size :]
        return taken


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_parts_are_found_wherever_the_reads_cut(size: int) -> None:
    contents = [b"", b"one", b"\r\n--b", b"two\r\n\r\n", bytes(range(256)) * 9]

    def read() -> Iterator[tuple[str, bytes]]:
        for part in parts(Trickle(b"before\r\n" + related(*contents) + b"after", size), BOUNDARY):
            yield part.media_type, b"".join(part.pieces())

    assert list(read()) == [("application/dicom", content) for content in contents]


def test_parts_that_nobody_reads_are_skipped() -> None:
    assert sum(1 for _ in parts(Trickle(related(b"a", b"b"), 5), BOUNDARY)) == 2


@pytest.mark.parametrize("cut", range(1, 70, 4))
def test_a_body_that_is_cut_anywhere_is_no_body(cut: int) -> None:
    whole = related(b"content").rstrip(b"\r\n")
    with pytest.raises(BadMultipart):
        for part in parts(Trickle(whole[: len(whole) - cut], 9), BOUNDARY):
            list(part.pieces())
