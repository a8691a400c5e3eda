"""The first elements of a file, read plainly: the same as pydicom reads, or None."""

from __future__ import annotations

import io
from typing import Any

import pydicom
import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from imaging.dicom.beginnings import TRANSFER_SYNTAX, first_values
from tests.dicom_files import dataset, item, written
from tests.volume_files import bscans, tomography

SOP_CLASS, STUDY, SERIES, FRAMES = 0x00080016, 0x0020000D, 0x0020000E, 0x00280008
EXPLICIT = ExplicitVRLittleEndian.encode() + b"\0"
WANTED = {SOP_CLASS, STUDY, SERIES, FRAMES}


def file(syntax: str = ExplicitVRLittleEndian, **elements: Any) -> bytes:
    """A file of one frame with these elements, in a transfer syntax."""
    data = dataset(bscans(1)[0], StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.3.4", **elements)
    data.file_meta.TransferSyntaxUID = syntax
    return written(data)


def by_pydicom(content: bytes) -> dict[int, bytes]:
    data = pydicom.dcmread(io.BytesIO(content))
    found = {tag: str(data[tag].value).encode() for tag in WANTED if tag in data}
    return found | {TRANSFER_SYNTAX: str(data.file_meta.TransferSyntaxUID).encode()}


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_values_are_those_that_pydicom_reads(syntax: str) -> None:
    content = file(syntax, PatientID="P-17", ReferencedStudySequence=[item(ReferencedSOPInstanceUID="1.2")])
    found = first_values(content, WANTED, FRAMES)
    assert found is not None
    assert {tag: value.rstrip(b"\0 ") for tag, value in found.items()} == by_pydicom(content)


def test_frames_of_a_volume_are_counted() -> None:
    found = first_values(written(tomography(bscans(3))), WANTED, FRAMES)
    assert found is not None
    assert found[FRAMES].strip() == b"3"


@pytest.mark.parametrize("syntax", [ExplicitVRBigEndian, "1.2.3"], ids=str)
def test_another_byte_order_and_what_is_unknown_are_left_to_others(syntax: str) -> None:
    content = file().replace(EXPLICIT, syntax.encode().ljust(len(EXPLICIT), b"\0"))
    assert first_values(content, WANTED, FRAMES) is None


def test_a_deflated_file_is_left_to_others() -> None:
    assert first_values(file(DeflatedExplicitVRLittleEndian), WANTED, FRAMES) is None


def test_a_sequence_of_undefined_length_is_left_to_others() -> None:
    endless = item(ReferencedSOPInstanceUID="1.2")
    data = dataset(bscans(1)[0], ReferencedStudySequence=[endless])
    data["ReferencedStudySequence"].is_undefined_length = True
    assert first_values(written(data), WANTED, FRAMES) is None


def test_a_file_that_contradicts_its_transfer_syntax_is_left_to_others() -> None:
    explicit = file()
    assert (
        first_values(
            explicit.replace(EXPLICIT, ImplicitVRLittleEndian.encode().ljust(len(EXPLICIT), b"\0")),
            WANTED,
            FRAMES,
        )
        is None
    )


def test_a_file_that_is_cut_off_says_nothing_else() -> None:
    content = file()
    whole = first_values(content, WANTED, FRAMES)
    assert whole is not None
    for end in range(len(content[:1000])):
        found = first_values(content[:end], WANTED, FRAMES)
        assert found is None or found.items() <= whole.items()
