"""Stores an instance: what is answered with success is on the disk, and its document is in the database."""

from __future__ import annotations

import logging
import struct
from dataclasses import dataclass
from typing import Self

import pydicom.filereader
from django.conf import settings
from django.db import DatabaseError, IntegrityError
from pydicom import uid
from pymongo.errors import PyMongoError

from imaging.dicom.elements import text, whole
from imaging.dicom.file import LimitedReads, inflated
from imaging.dicom.frame import BY_LIBJPEG_TURBO
from imaging.dicom.origin import is_uid
from imaging.errors import ImageError
from webapp.core import clock
from webapp.receiver.files import Incoming
from webapp.receiver.models import Arrival, Instance, key_of
from webapp.scans import storage

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
SOP_CLASSES = tuple(map(str, (OPT, *PHOTOGRAPHS, *SECONDARY)))
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
"""Kept in memory of an instance: its UIDs lie there, before what is said of single frames."""
LAST_READ = 0x00280008
"""Number of Frames, the last element that is looked at."""
PREAMBLE = b"\0" * 128 + b"DICM"
COMMENT_OF_UIDS = "Study, series or instance UID is missing or no UID"


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

    Raises NotTaken in all its calls.
    """

    def __init__(self, clinic: str, sender: str, meta: bytes = b"") -> None:
        self._clinic, self._sender = clinic, sender
        self._head = bytearray(meta)
        try:
            self._file = Incoming()
            self._file.begin(meta)
        except OSError as error:
            raise NotTaken("The disk has no room at the moment", is_lasting=False) from error

    def write(self, content: bytes | memoryview) -> None:
        """Take the next bytes."""
        if self._file.size + len(content) > settings.MAX_VOLUME_BYTES:
            raise NotTaken(f"Above {settings.MAX_VOLUME_BYTES >> 20} MiB")
        if len(self._head) < HEAD_BYTES:
            self._head += content[: HEAD_BYTES - len(self._head)]
        try:
            self._file.write(content)
        except OSError as error:
            raise NotTaken("The disk has no room at the moment", is_lasting=False) from error

    def said(self, *, is_file: bool = False) -> Said:
        """What it says of itself, once all of it has come; it `is_file` where it brought its own meta information."""
        if is_file and not self._head.startswith(b"DICM", len(PREAMBLE) - 4):
            raise NotTaken("It is no DICOM file (PS3.10)")
        return said_by(bytes(self._head))

    def store(self, said: Said) -> bool:
        """Store it, and return whether it is new; the same instance a second time is one."""
        try:
            return self._store(said)
        except OSError as error:
            raise NotTaken("The disk has no room at the moment", is_lasting=False) from error
        except (DatabaseError, PyMongoError) as error:
            log.error("An instance can't be stored: %s", type(error).__name__)
            raise NotTaken("The database is away at the moment", is_lasting=False) from error

    def _store(self, said: Said) -> bool:
        key = key_of(self._clinic, said.sop_uid)
        if (known := Instance.objects.filter(key=key).first()) and not _is_lost(known):
            return False
        self._file.keep()
        kind = said.sop_uid if said.frames > 1 or said.sop_class in PHOTOGRAPHS else said.series_uid
        stored = Instance(
            key=key,
            arrival_id=key_of(self._clinic, kind),
            clinic=self._clinic,
            sop_class=said.sop_class,
            sop_uid=said.sop_uid,
            study_uid=said.study_uid,
            series_uid=said.series_uid,
            sender=self._sender,
            received=clock.now(),
            sha256=self._file.sha256,
            size=self._file.size,
            file_name=self._file.name,
            is_enface=said.sop_class in PHOTOGRAPHS,
        )
        # Where no answer of the database comes, the document may be there nevertheless: the sweep looks, and removes the
        # files that none names.
        try:
            if known:
                Instance.objects.filter(key=key).update(
                    **{
                        name: getattr(stored, name)
                        for name in ("received", "sha256", "size", "file_name", "sender")
                    },
                    is_read=False,
                )
            else:
                stored.save(force_insert=True)
        except IntegrityError:  # it came twice at the same moment
            storage.delete(self._file.name)
            return False
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.__exit__(None, None, None)


def said_by(head: bytes) -> Said:
    """What an instance says, by its first bytes. Raises NotTaken."""
    try:
        plain = inflated(head, HEAD_BYTES)
        data = pydicom.filereader.read_partial(
            LimitedReads(plain), stop_when=lambda tag, vr, length: tag > LAST_READ, force=True
        )
        syntax = text(getattr(data, "file_meta", {}), "TransferSyntaxUID")
        said = Said(
            text(data, "SOPClassUID"),
            text(data, "SOPInstanceUID"),
            text(data, "StudyInstanceUID"),
            text(data, "SeriesInstanceUID"),
            whole(data, "NumberOfFrames", least=1, most=2**31) or 1,
        )
    except ImageError as error:
        raise NotTaken(error.message) from error
    except Exception as error:  # pydicom raises all kinds on damaged data
        raise NotTaken("The data set can't be read") from error
    if syntax and syntax not in TRANSFER_SYNTAXES:
        raise NotTaken("Its transfer syntax is not read")
    if not all(map(is_uid, (said.sop_uid, said.study_uid, said.series_uid))):
        raise NotTaken(COMMENT_OF_UIDS)
    if said.sop_class not in SOP_CLASSES:
        raise NotTaken("Instances of this SOP class are not read", is_other_class=True)
    return said


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


def _is_lost(known: Instance) -> bool:
    """Whether what an instance became was lost: its file before it was read."""
    if known.file_name and storage.exists(known.file_name):
        return False
    return not (known.is_read and Arrival.objects.filter(key=known.arrival_id, scan__isnull=False).exists())
