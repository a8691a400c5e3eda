"""Stores an instance: what is answered with success is on the disk, and is filed from there whatever dies."""

from __future__ import annotations

import hashlib
import logging
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

import pydicom.filereader
from django.conf import settings
from django.db import DatabaseError
from pydicom import uid
from pymongo.errors import PyMongoError

from imaging.dicom.beginnings import TRANSFER_SYNTAX, first_values
from imaging.dicom.elements import text, whole
from imaging.dicom.file import LimitedReads, inflated
from imaging.dicom.frame import BY_LIBJPEG_TURBO
from imaging.dicom.origin import is_uid
from imaging.errors import ImageError
from webapp.core import clock, modalities
from webapp.receiver import filing
from webapp.receiver.files import Incoming, check_space
from webapp.receiver.journal import Entry, Journal
from webapp.receiver.models import key_of

log = logging.getLogger(__name__)

OPT = uid.OphthalmicTomographyImageStorage
PHOTOGRAPHS = (
    uid.OphthalmicPhotography8BitImageStorage,
    uid.OphthalmicPhotography16BitImageStorage,
    uid.OphthalmicOpticalCoherenceTomographyEnFaceImageStorage,
)
SECONDARY = (
    uid.SecondaryCaptureImageStorage,
    uid.MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    uid.MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    uid.MultiFrameTrueColorSecondaryCaptureImageStorage,
)
OWN_CLASSES = tuple(map(str, (OPT, *PHOTOGRAPHS, *SECONDARY)))
TRANSFER_SYNTAXES = tuple(
    map(
        str,
        (
            uid.ExplicitVRLittleEndian,
            uid.ImplicitVRLittleEndian,
            uid.DeflatedExplicitVRLittleEndian,
            uid.ExplicitVRBigEndian,
            uid.RLELossless,
            uid.JPEGBaseline8Bit,
            *BY_LIBJPEG_TURBO,
            uid.JPEGLSLossless,
            uid.JPEGLSNearLossless,
            uid.JPEG2000Lossless,
            uid.JPEG2000,
        ),
    )
)
HEAD_BYTES = 2**20
"""Kept in memory of an instance: its UIDs lie there, before what is said of single frames. A smaller one is small."""
LAST_READ = FRAMES = 0x00280008
"""Number of Frames, the last element that is looked at."""
UID_TAGS = (0x00080016, 0x00080018, 0x0020000D, 0x0020000E)
"""SOP class, SOP instance, study and series."""
READ_TAGS = frozenset((*UID_TAGS, FRAMES))
PLAIN_UID = re.compile(rb"[0-9.]*")
PREAMBLE = b"\0" * 128 + b"DICM"
COMMENT_OF_UIDS = "Study, series or instance UID is missing or no UID"


def sop_classes() -> tuple[str, ...]:
    """The SOP classes that are taken: our own, and those that profiles of modalities name."""
    named = (sop_class for each in modalities.profiles() for sop_class in each.sop_classes)
    return tuple(dict.fromkeys((*OWN_CLASSES, *named)))


def is_alone(sop_class: str) -> bool:
    """Whether each instance of the class is a picture by itself, and no part of a series that is a volume."""
    naming = [each for each in modalities.profiles() if sop_class in each.sop_classes]
    return sop_class in PHOTOGRAPHS or bool(naming) and not any(each.volumes for each in naming)


class NotTaken(Exception):
    """An instance that is not stored. `is_lasting` says whether sending it again is of no use."""

    def __init__(self, message: str, *, is_lasting: bool = True, is_other_class: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.is_lasting = is_lasting
        self.is_other_class = is_other_class


@dataclass(frozen=True)
class Said:
    """What an instance says of itself."""

    sop_class: str
    sop_uid: str
    study_uid: str
    series_uid: str
    frames: int


class Receiving:
    """An instance while it comes in. Use it with `with`: what is not stored leaves nothing.

    Small ones are held in memory until they are stored; in the journal, where one is given, else each in a file of its own.
    Raises NotTaken in all its calls.
    """

    def __init__(self, clinic: str, sender: str, meta: bytes = b"", journal: Journal | None = None) -> None:
        self._clinic, self._sender, self._journal = clinic, sender, journal
        self._head = bytearray(meta)
        """Its first bytes; all of it, as long as it has no file."""
        self._file: Incoming | None = None
        self._size = 0
        self._hash = hashlib.sha256()
        self._is_file = not meta

    def write(self, content: bytes | memoryview) -> None:
        """Take the next bytes."""
        self._size += len(content)
        if self._size > settings.MAX_VOLUME_BYTES:
            raise NotTaken(f"Above {settings.MAX_VOLUME_BYTES >> 20} MiB")
        self._hash.update(content)
        if self._file is None and len(self._head) + len(content) <= HEAD_BYTES:
            self._head += content
            return
        with _room_on_the_disk():
            if self._file is None:
                self._file = Incoming()
                self._file.write(self._head)
                self._head += content[: HEAD_BYTES - len(self._head)]
            self._file.write(content)

    def said(self) -> Said:
        """What it says of itself, once all of it has come."""
        if self._is_file and not self._head.startswith(b"DICM", len(PREAMBLE) - 4):
            raise NotTaken("It is no DICOM file (PS3.10)")
        return said_by(bytes(self._head))

    def store(self, said: Said) -> None:
        """Store it. The same instance a second time is one: what it becomes is found out when it gets its document."""
        kind = said.sop_uid if said.frames > 1 or is_alone(said.sop_class) else said.series_uid
        entry = Entry(
            key=key_of(self._clinic, said.sop_uid),
            arrival=key_of(self._clinic, kind),
            clinic=self._clinic,
            sop_class=said.sop_class,
            sop_uid=said.sop_uid,
            study_uid=said.study_uid,
            series_uid=said.series_uid,
            sender=self._sender,
            received=clock.now().timestamp(),
            sha256=self._hash.hexdigest(),
            size=self._size,
            is_enface=said.sop_class in PHOTOGRAPHS,
        )
        with _room_on_the_disk():
            if self._journal is not None and self._file is None:
                check_space()
                self._journal.store(entry, self._head)
            else:
                self._store_file(entry)

    def _store_file(self, entry: Entry) -> None:
        try:
            if filing.stored_of([entry.key]):
                return
            if self._file is None:
                self._file = Incoming()
                self._file.write(self._head)
            self._file.keep()
            filing.enter([(entry, self._file.name)])
        except (DatabaseError, PyMongoError) as error:
            log.error("An instance can't be stored: %s", type(error).__name__)
            raise NotTaken("The database is away at the moment", is_lasting=False) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._file is not None:
            self._file.__exit__(None, None, None)


@contextmanager
def _room_on_the_disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NotTaken("The disk has no room at the moment", is_lasting=False) from error


def said_by(head: bytes) -> Said:
    """What an instance says, by its first bytes. Raises NotTaken."""
    said, syntax = _plainly_said(head) or _carefully_said(head)
    if syntax and syntax not in TRANSFER_SYNTAXES:
        raise NotTaken("Its transfer syntax is not read")
    if not all(map(is_uid, (said.sop_uid, said.study_uid, said.series_uid))):
        raise NotTaken(COMMENT_OF_UIDS)
    if said.sop_class not in sop_classes():
        raise NotTaken("Instances of this SOP class are not read", is_other_class=True)
    return said


def _plainly_said(head: bytes) -> tuple[Said, str] | None:
    """The same with the transfer syntax, of most instances; pydicom takes ten times as long. None for all others."""
    found = first_values(head, READ_TAGS, LAST_READ)
    if found is None:
        return None
    texts = {tag: value.rstrip(b"\0 ") for tag, value in found.items()}
    frames = texts.pop(FRAMES, b"1")
    is_number = frames.isascii() and frames.isdigit() and 0 < int(frames) < 2**31
    if not (is_number and all(map(PLAIN_UID.fullmatch, texts.values()))):
        return None
    sop_class, sop_uid, study_uid, series_uid = (texts.get(tag, b"").decode() for tag in UID_TAGS)
    return Said(sop_class, sop_uid, study_uid, series_uid, int(frames)), texts[TRANSFER_SYNTAX].decode()


def _carefully_said(head: bytes) -> tuple[Said, str]:
    try:
        plain = inflated(head, HEAD_BYTES)
        data = pydicom.filereader.read_partial(
            LimitedReads(plain), stop_when=lambda tag, vr, length: tag > LAST_READ, force=True
        )
        said = Said(
            text(data, "SOPClassUID"),
            text(data, "SOPInstanceUID"),
            text(data, "StudyInstanceUID"),
            text(data, "SeriesInstanceUID"),
            whole(data, "NumberOfFrames", least=1, most=2**31) or 1,
        )
        return said, text(getattr(data, "file_meta", {}), "TransferSyntaxUID")
    except ImageError as error:
        raise NotTaken(error.message) from error
    except Exception as error:  # pydicom raises all kinds on damaged data
        raise NotTaken("The data set can't be read") from error


def file_meta(sop_class: str, sop_uid: str, transfer_syntax: str) -> bytes:
    """Preamble and file meta information (PS3.10) of an instance whose data set follows."""
    elements = b"".join(
        (
            _element(0x0001, b"OB", b"\0\1"),
            _element(0x0002, b"UI", sop_class.encode()),
            _element(0x0003, b"UI", sop_uid.encode()),
            _element(0x0010, b"UI", transfer_syntax.encode()),
            _element(0x0012, b"UI", b"1.2.826.0.1.3680043.9.3811.3.0.4"),
        )
    )
    return PREAMBLE + _element(0x0000, b"UL", struct.pack("<L", len(elements))) + elements


def _element(element: int, kind: bytes, value: bytes) -> bytes:
    value += b"\0" * (len(value) % 2)
    head = struct.pack("<HH", 2, element) + kind
    return (
        head + (struct.pack("<HL", 0, len(value)) if kind == b"OB" else struct.pack("<H", len(value))) + value
    )
