"""Storage commitment (PS3.4, annex J): which of the instances that a sender names are stored here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pydicom
from pydicom.dataset import Dataset
from pydicom.filewriter import write_dataset
from pydicom.uid import UID, ImplicitVRLittleEndian

from imaging.dicom.elements import sequence, text
from imaging.dicom.file import LimitedReads
from imaging.errors import ImageError
from webapp.receiver.commands import (
    DATA_SET,
    EVENT,
    EVENT_REPORT,
    KIND,
    MESSAGE,
    SOP_CLASS,
    SOP_INSTANCE,
    WITH_DATA_SET,
    Command,
)
from webapp.receiver.filing import stored_of
from webapp.receiver.models import Sender, key_of

COMMITMENT, SOP_INSTANCE_OF_ALL = "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.1.1"
"""The SOP class, and the one instance that it has everywhere."""
REQUEST, ALL_STORED, SOME_MISSING = 1, 1, 2
NO_SUCH_ACTION, INVALID, NO_RESOURCES = 0x0123, 0x0115, 0x0213
NOT_HERE = 0x0112
"""No such object instance."""
MOST = 5000
"""Instances of one request."""


class NoRequest(ValueError):
    """A data set that names no instances."""


@dataclass(frozen=True)
class Asked:
    """What a sender asks to be committed: SOP class and instance of each, and by which UID it knows the request."""

    transaction: str
    named: list[tuple[str, str]]


@dataclass(frozen=True)
class Report:
    """What is said of the instances: the kind of event, and its data set as it is sent."""

    event: int
    data: Dataset

    def command(self, message: int) -> Command:
        """The command that goes before it, with the number of its message."""
        numbers = {KIND: EVENT_REPORT, MESSAGE: message, DATA_SET: WITH_DATA_SET, EVENT: self.event}
        texts = {
            SOP_CLASS: COMMITMENT,
            SOP_INSTANCE: SOP_INSTANCE_OF_ALL,
        }
        return Command(numbers, texts)

    def encoded(self, transfer_syntax: str) -> bytes:
        """Its data set as it is sent."""
        buffer = pydicom.filebase.DicomBytesIO()
        buffer.is_little_endian = True
        buffer.is_implicit_VR = UID(transfer_syntax) == ImplicitVRLittleEndian
        write_dataset(buffer, self.data)
        return bytes(buffer.getvalue())


def asked_by(content: bytes, transfer_syntax: str) -> Asked:
    """What a request's data set asks for. Raises NoRequest."""
    try:
        asked: Any = pydicom.filereader.read_dataset(
            LimitedReads(content), UID(transfer_syntax) == ImplicitVRLittleEndian, True
        )
        transaction = text(asked, "TransactionUID")
        named = [
            (text(item, "ReferencedSOPClassUID"), text(item, "ReferencedSOPInstanceUID"))
            for item in sequence(asked, "ReferencedSOPSequence")
        ]
    except (ImageError, ValueError, TypeError, KeyError, EOFError, OSError) as error:
        raise NoRequest from error
    except Exception as error:  # pydicom raises all kinds on damaged data
        raise NoRequest from error
    if not transaction or not 0 < len(named) <= MOST:
        raise NoRequest
    return Asked(transaction, named)


def report_on(asked: Asked, sender: Sender) -> Report:
    """Look which of the instances are stored for the sender's clinic."""
    stored = stored_of(key_of(sender.clinic, instance) for _, instance in asked.named)
    answer = Dataset()
    answer.TransactionUID = asked.transaction
    kept, lost = [], []
    for sop_class, instance in asked.named:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, instance
        if key_of(sender.clinic, instance) in stored:
            kept.append(item)
        else:
            item.FailureReason = NOT_HERE
            lost.append(item)
    if kept:
        answer.ReferencedSOPSequence = kept
    if lost:
        answer.FailedSOPSequence = lost
    return Report(SOME_MISSING if lost else ALL_STORED, answer)
