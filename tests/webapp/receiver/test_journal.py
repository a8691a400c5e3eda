"""Where small instances lie between their answer and their documents: nothing that was answered is lost."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError

from tests.waiting import wait_for
from tests.webapp.receiver.conftest import CLINIC, read_all, send, series
from webapp.receiver import filing, journal
from webapp.receiver.journal import Entry, Journal
from webapp.receiver.listening import Receiver
from webapp.receiver.models import Arrival, Instance, Sender, key_of
from webapp.receiver.storing import Receiving, file_meta
from webapp.scans import storage
from webapp.scans.models import Scan
from webapp.volumes.models import Volume

NO_RESOURCES = 0xA700


@pytest.fixture
def stored(db: None, away: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    """A journal whose segment stays open; series are quiet at once."""
    settings.DICOM_QUIET_SECONDS = 0
    monkeypatch.setattr(journal, "AGE_S", 60.0)
    with Journal() as opened:
        yield opened


def store(taken: Journal, *instances: Any) -> None:
    """Store these instances as the receiver does."""
    for each in instances:
        syntax = str(each.file_meta.TransferSyntaxUID)
        receiving = Receiving(
            CLINIC, "OCT1", file_meta(str(each.SOPClassUID), str(each.SOPInstanceUID), syntax), taken
        )
        with receiving:
            receiving.write(written_data(each))
            receiving.store(receiving.said())


def written_data(instance: Any) -> bytes:
    """The data set as it is sent."""
    from pynetdicom.dsutils import encode

    return encode(instance, False, True) or b""


def abandoned(stored: Journal) -> Path:
    """The segment of a receiver that was killed: nobody holds it, and it was not closed."""
    [path] = journal.segments()
    orphan = path.with_name(f"{'0' * 20}-orphan{journal.OPEN}")
    orphan.write_bytes(path.read_bytes())
    stored.close_segment()
    [closed] = [each for each in journal.segments() if each != orphan]
    closed.unlink()
    return orphan


def test_what_was_answered_is_filed_after_the_receiver_was_killed(stored: Journal) -> None:
    instances = series(3)
    store(stored, *instances)
    abandoned(stored)
    assert not Instance.objects.exists()
    filing.file_all()
    assert {each.sop_uid for each in Instance.objects.all()} == {each.SOPInstanceUID for each in instances}
    for each in Instance.objects.all():
        assert storage.read(each.file_name).endswith(
            written_data(next(i for i in instances if i.SOPInstanceUID == each.sop_uid))
        )
    assert journal.segments() == []


@pytest.mark.parametrize("cut", [1, 100, 500])
def test_an_instance_that_was_written_in_part_was_not_answered(stored: Journal, cut: int) -> None:
    store(stored, *series(3))
    orphan = abandoned(stored)
    os.truncate(orphan, orphan.stat().st_size - cut)
    filing.file_all()
    assert Instance.objects.count() == 2
    assert list(journal.folder().iterdir()) == []


def test_a_damaged_segment_is_kept_and_what_comes_before_is_filed(stored: Journal) -> None:
    store(stored, *series(3))
    stored.close_segment()
    [path] = journal.segments()
    with path.open("r+b") as file:
        file.seek(path.stat().st_size - 10)
        file.write(b"0123456789")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(filing, "enter", away)
        with pytest.raises(DatabaseError):
            filing.file_all()
    filing.file_all()
    assert Instance.objects.count() == 2
    assert [each.suffix for each in journal.folder().iterdir()] == [journal.DAMAGED]


def away(*_: Any) -> None:
    """What the database says while it is away."""
    raise DatabaseError


def test_what_is_filed_twice_is_one(stored: Journal) -> None:
    first, *others = series(3)
    store(stored, first, first, *others)
    orphan = abandoned(stored)
    again = orphan.with_name(f"1{orphan.name[1:]}")
    again.write_bytes(orphan.read_bytes())
    filing.file_all()
    read_all()
    assert (Instance.objects.count(), Arrival.objects.count(), Scan.objects.count()) == (3, 1, 3)
    assert len([path for path in storage.all_files() if path.suffix == storage.INSTANCE]) == 3


def test_one_that_came_twice_at_the_same_moment_is_one(stored: Journal) -> None:
    """The second is filed after somebody looked whether it is there, and before its document is made."""
    store(stored, *series(3))
    stored.close_segment()
    with journal.taken(journal.segments()[0]) as segment:
        assert segment is not None
        entries = [entry for entry, _ in segment.instances()]
    names = [storage.begin_to_save(b"1", storage.INSTANCE) for _ in entries]
    for each in names:
        each.wait()
    filing.file_all()
    filed = set(Instance.objects.values_list("file_name", flat=True))

    real = Instance.objects.filter
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            Instance.objects,
            "filter",
            lambda **what: real(**what) if "key" in what else Instance.objects.none(),
        )
        filing.enter(list(zip(entries, [each.name for each in names], strict=True)))
    assert set(Instance.objects.values_list("file_name", flat=True)) == filed
    assert not any(storage.exists(each.name) for each in names)


def test_an_open_segment_is_left_alone(stored: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filing, "PATIENCE_S", 0.0)
    store(stored, *series(1))
    assert filing.file_arrived() == 0
    with pytest.raises(filing.Busy):
        filing.file_all()
    stored.close_segment()
    assert filing.file_arrived() == 1


def test_a_segment_that_is_closed_while_it_is_looked_for_is_filed(
    stored: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    [instance] = series(1)
    store(stored, instance)
    listed = journal.segments()

    def closed_since() -> list[Path]:
        stored.close_segment()
        return listed

    monkeypatch.setattr(journal, "segments", closed_since)
    filing.file_all()
    assert [each.sop_uid for each in Instance.objects.all()] == [instance.SOPInstanceUID]


def test_one_flush_is_for_all_that_wait(stored: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    flushes: list[int] = []
    may_go = threading.Event()
    flush = os.fdatasync

    def slow(file: int) -> None:
        flushes.append(file)
        may_go.wait(20)
        flush(file)

    monkeypatch.setattr(os, "fdatasync", slow)
    entry = Entry(*[""] * 8, 0.0, "", 0, False)
    threads = [threading.Thread(target=stored.store, args=(entry, b"content")) for _ in range(8)]
    threads[0].start()
    wait_for(lambda: flushes)
    [path] = journal.segments()
    one = path.stat().st_size
    for each in threads[1:]:
        each.start()
    wait_for(lambda: path.stat().st_size >= 8 * one)
    may_go.set()
    for each in threads:
        each.join()
    assert len(flushes) == 2


def test_what_can_not_be_flushed_is_not_answered_with_success(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    flush = os.fdatasync

    def failing(file: int) -> None:
        calls.append(file)
        if len(calls) == 1:
            raise OSError(5, "Input/output error")
        flush(file)

    monkeypatch.setattr(os, "fdatasync", failing)
    first, second = series(2)
    assert send(receiver, first, second, first) == [NO_RESOURCES, 0, 0]
    read_all()
    assert (Instance.objects.count(), Volume.objects.get().count) == (2, 2)


def test_a_large_instance_has_a_file_of_its_own_at_once(receiver: Receiver, device: Sender) -> None:
    [large] = series(1)
    large.Rows, large.Columns, large.PixelData = 1200, 1000, bytes(1_200_000)
    assert send(receiver, large) == [0]
    assert Instance.objects.get().key == key_of(device.clinic, large.SOPInstanceUID)
    assert journal.segments() == []
