"""Where small instances lie from their answer until they are filed: one file for many, flushed once for all that wait.

A segment is a file that instances are appended to. Whoever holds its lock may change it: the receiver while it appends, then
whoever files it (`filing.py`). It outlives its receiver, and what was answered with success is in it.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import secrets
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Self

from django.conf import settings

from webapp.scans import storage

log = logging.getLogger(__name__)

FOLDER = "arrived"
OPEN, CLOSED, DAMAGED = ".partial", ".journal", ".damaged"
"""Endings of segments: appended to, complete, and kept aside for people."""
HEAD = struct.Struct("<8sLLL")
"""Before each instance: `MARK`, bytes of what is known of it, bytes of its file, and a check of the former."""
MARK = b"RETINST1"
MOST_HEADER_BYTES = 8192
AGE_S = 0.25
"""A segment is appended to for so long, then it can be filed."""
MOST_SEGMENT_BYTES = 2**25


@dataclass(frozen=True)
class Entry:
    """What is known of an instance that came: the fields of its document."""

    key: str
    arrival: str
    clinic: str
    sop_class: str
    sop_uid: str
    study_uid: str
    series_uid: str
    sender: str
    received: float
    """Seconds since 1970."""
    sha256: str
    """Of the data set as it was sent."""
    size: int
    """Of the same, in bytes: the last so many of its file."""
    is_enface: bool


def folder() -> Path:
    """The folder of all segments."""
    return Path(settings.MEDIA_ROOT) / FOLDER


class _Segment:
    """A segment that instances are appended to."""

    def __init__(self) -> None:
        self.path = folder() / f"{time.time_ns():020}-{secrets.token_hex(8)}{OPEN}"
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        self.is_there = os.fstat(self._file).st_nlink > 0
        """Whoever files may have found it before it was locked, empty, and removed it."""
        self.written = 0
        self._flushed = 0
        self._flushing = threading.Lock()
        self._is_broken = False
        storage.flush_folder(self.path.parent)

    def append(self, record: bytes) -> int:
        """Append a record, by one thread at a time; returns where it ends. Raises OSError, and then nothing is appended."""
        left = memoryview(record)
        try:
            while left:
                left = left[os.write(self._file, left) :]
        except OSError:
            os.ftruncate(self._file, self.written)
            raise
        self.written += len(record)
        return self.written

    def flush(self, end: int) -> None:
        """Return once all up to there is on the disk; one call flushes for all that wait. Raises OSError."""
        with self._flushing:
            if self._flushed >= end:
                return
            if self._is_broken:  # a second try would be told success for what the first has lost
                raise OSError("What came before could not be flushed.")
            reaches = self.written
            try:
                os.fdatasync(self._file)
            except OSError:
                self._is_broken = True
                raise
            self._flushed = reaches

    def abandon(self) -> None:
        """Let go of one that is gone."""
        os.close(self._file)

    def close(self) -> None:
        """Flush all, and let go of it: from now on it is filed."""
        try:
            self.flush(self.written)
            self.path.rename(self.path.with_suffix(CLOSED))
        finally:
            os.close(self._file)


def _new_segment() -> _Segment:
    while not (made := _Segment()).is_there:
        made.abandon()
    return made


class Journal:
    """Takes instances of many associations at the same time. Use it with `with`."""

    def __init__(self) -> None:
        folder().mkdir(mode=0o700, parents=True, exist_ok=True)
        self._segment: _Segment | None = None
        self._lock = threading.Lock()
        self._begun = threading.Event()
        self._ending = threading.Event()
        self._closing = threading.Thread(target=self._close_in_time, name="closing segments", daemon=True)
        self._closing.start()

    def store(self, entry: Entry, content: bytes | bytearray) -> None:
        """Store an instance's file. When this returns it is on the disk. Raises OSError."""
        header = json.dumps(vars(entry)).encode()
        record = b"".join((HEAD.pack(MARK, len(header), len(content), zlib.crc32(header)), header, content))
        with self._lock:
            if self._segment is None:
                self._segment = _new_segment()
                self._begun.set()
            segment = self._segment
            try:
                end = segment.append(record)
            except OSError:
                self._close()
                raise
        try:
            segment.flush(end)
        except OSError:
            self.close_segment(segment)
            raise
        if self._ending.is_set() or end > MOST_SEGMENT_BYTES:
            self.close_segment(segment)

    def close_segment(self, segment: _Segment | None = None) -> None:
        """Have all that is stored so far filed next; or this segment, if it is still appended to."""
        with self._lock:
            if self._segment is not None and segment in (None, self._segment):
                self._close()

    def _close(self) -> None:
        closed, self._segment = self._segment, None
        try:
            if closed is not None:
                closed.close()
        except OSError as error:  # who waits for it gets the same; what is in it is filed nevertheless
            log.error("A segment can't be closed: %s", error.strerror or error)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._ending.set()
        self._begun.set()
        self._closing.join()
        self.close_segment()

    def _close_in_time(self) -> None:
        while True:
            self._begun.wait()
            self._begun.clear()
            if self._ending.wait(AGE_S):
                return
            self.close_segment()


class Segment:
    """A segment that nobody appends to, locked for whoever files it."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path, self._file = path, file

    def instances(self) -> Iterator[tuple[Entry, bytes]]:
        """What is known of each instance, and its file.

        The last one may be there in part, where its receiver was killed: it was not answered. A segment that is damaged
        otherwise is kept aside, and what comes before the damage is filed.
        """
        while head := self._file.read(HEAD.size):
            found = self._instance(head)
            if found is None:
                if self._path.suffix != OPEN:
                    log.error(
                        "%s in the media folder's %s is damaged, and kept",
                        self._path.with_suffix(DAMAGED).name,
                        FOLDER,
                    )
                    with suppress(FileExistsError):  # filing began anew
                        os.link(self._path, self._path.with_suffix(DAMAGED))
                return
            yield found

    def _instance(self, head: bytes) -> tuple[Entry, bytes] | None:
        if len(head) != HEAD.size:
            return None
        mark, header_bytes, content_bytes, check = HEAD.unpack(head)
        if mark != MARK or header_bytes > MOST_HEADER_BYTES or content_bytes > MOST_SEGMENT_BYTES:
            return None
        header, content = self._file.read(header_bytes), self._file.read(content_bytes)
        if zlib.crc32(header) != check or len(content) != content_bytes:
            return None
        entry = Entry(**json.loads(header))
        is_whole = sha256(memoryview(content)[content_bytes - entry.size :]).hexdigest() == entry.sha256
        return (entry, content) if is_whole else None

    def remove(self) -> None:
        """Remove it, once its instances are filed."""
        self._path.unlink(missing_ok=True)


def segments() -> list[Path]:
    """All segments, the oldest first."""
    with suppress(FileNotFoundError):
        return sorted(path for path in folder().iterdir() if path.suffix in (OPEN, CLOSED))
    return []


def place_of(path: Path) -> Path | None:
    """Where a listed segment is by now, as its receiver may have closed it meanwhile; None once it is filed."""
    return next((place for place in (path, path.with_suffix(CLOSED)) if place.exists()), None)


@contextmanager
def taken(path: Path) -> Iterator[Segment | None]:
    """A segment to be filed; None for one that is gone, or that another one appends to or files."""
    try:
        file = path.open("r+b")
    except FileNotFoundError:
        yield None
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        # Its receiver may have closed it, and given it its lasting name, in between.
        is_same = path.exists() and os.path.samestat(path.stat(), os.fstat(file.fileno()))
        yield Segment(path, file) if is_same else None
