"""What lies beside the B-scans in a DICOM export changes nothing of the volume that they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    ComprehensiveSRStorage,
    DeflatedExplicitVRLittleEndian,
    EncapsulatedPDFStorage,
    ExplicitVRLittleEndian,
    MediaStorageDirectoryStorage,
    SegmentationStorage,
)

from imaging.decoding import examine_volume
from imaging.errors import UnsupportedImage
from imaging.volume import ExaminedVolume
from tests.dicom_files import dataset, item, written
from tests.images import bscan
from tests.volume_files import SERIES, STUDY, bscans, frame_group, localizer, opt, tomography, zipped

GREY = bscans()
FRONT = bscan(96, 96, seed=9)


def instance(number: int, image: Any = None, **elements: Any) -> bytes:
    """A B-scan of a series as a DICOM file of its own."""
    grey = GREY[number] if image is None else image
    facts = {
        "SOPInstanceUID": f"1.2.{number}",
        "InstanceNumber": number + 1,
        "PerFrameFunctionalGroupsSequence": [frame_group(number)],
    }
    return written(tomography(grey[None], **(facts | elements)))


def series(**elements: Any) -> dict[str, bytes]:
    """All of a series, named in another order than they lie."""
    return {f"IM{9 - number}": instance(number, **elements) for number in range(5)}


def document(kind: str, **elements: Any) -> bytes:
    """A DICOM file without an image, of the patient but of a series of its own."""
    data = dataset(GREY[0], PatientID="P-17", StudyInstanceUID=STUDY, SeriesInstanceUID=f"{SERIES}.7")
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = kind
    del data.Rows, data.Columns, data.PixelData
    for name, value in elements.items():
        setattr(data, name, value)
    return written(data)


def directory(records: int) -> bytes:
    """A DICOMDIR."""
    data = Dataset()
    data.FileSetID = "EXPORT"
    data.DirectoryRecordSequence = [
        item(DirectoryRecordType="IMAGE", ReferencedFileID=["DICOM", f"IM{number}"], InstanceNumber=number)
        for number in range(records)
    ]
    data["DirectoryRecordSequence"].is_undefined_length = True
    made = dataset(GREY[0])
    made.clear()
    made.update(data)
    made.file_meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return written(made)


def without_pixels(content: bytes) -> bytes:
    """A file that ends before its pixels."""
    return content[: content.rindex(b"\xe0\x7f\x10\0")]


NO_PICTURES = {
    "PDF": document(EncapsulatedPDFStorage, EncapsulatedDocument=b"%PDF-1.7"),
    "report": document(ComprehensiveSRStorage, ContentSequence=[item(TextValue="normal")]),
    "DICOMDIR": directory(5),
    "DICOMDIR of an archive": directory(4000),
    "photograph that is too small": written(localizer(FRONT[:16, :16])),
    "photograph cut off": without_pixels(written(localizer(FRONT))),
    "marked regions": written(tomography(GREY[:1], SOPClassUID=SegmentationStorage, SeriesInstanceUID=f"{SERIES}.8")),
    "photographs of both eyes": written(
        tomography(GREY[:2], SOPClassUID=localizer(FRONT).SOPClassUID, SeriesInstanceUID=f"{SERIES}.9")
    ),
}  # fmt: skip


def facts(volume: ExaminedVolume) -> tuple[Any, ...]:
    return (
        volume.names,
        volume.gaps,
        volume.spacing,
        volume.places,
        volume.pattern,
        volume.identity,
        volume.origin,
        volume.has_enface,
    )


@pytest.mark.parametrize("kind", NO_PICTURES)
def test_what_shows_no_bscan_changes_nothing_of_a_series(kind: str) -> None:
    with (
        examine_volume(zipped(series())) as alone,
        examine_volume(zipped(series() | {"A0": NO_PICTURES[kind]})) as volume,
    ):
        assert facts(volume) == facts(alone)
        assert volume.identity.eye == "OS" and volume.origin is not None
        for index, grey in enumerate(GREY):
            assert np.array_equal(volume.bscan(index).pixels[:, :, 0], grey)


@pytest.mark.parametrize("kind", NO_PICTURES)
def test_what_shows_no_bscan_changes_nothing_of_a_volume(kind: str) -> None:
    volume = examine_volume(zipped({"a.dcm": opt(GREY), "b.dcm": NO_PICTURES[kind]}))
    assert (volume.count, volume.identity.eye, volume.has_enface) == (5, "OS", False)


@pytest.mark.parametrize("kind", ["PDF", "report", "DICOMDIR", "photograph that is too small"])
def test_series_of_two_eyes_are_refused_whatever_lies_beside_them(kind: str) -> None:
    other = {
        f"B{number}": instance(
            number,
            SOPInstanceUID=f"1.3.{number}",
            SeriesInstanceUID=f"{SERIES}.1",
            ImageLaterality="R",
        )
        for number in range(5)
    }
    with pytest.raises(UnsupportedImage, match="of 2 series"):
        examine_volume(zipped(series() | other | {"A0": NO_PICTURES[kind]}))


@pytest.mark.parametrize("kind", ["PDF", "report", "DICOMDIR"])
def test_what_holds_no_image_is_no_volume(kind: str) -> None:
    with pytest.raises(UnsupportedImage, match="no B-scan among the files"):
        examine_volume(zipped({"a.dcm": NO_PICTURES[kind]}))


def test_frames_of_another_kind_alone_are_named() -> None:
    with pytest.raises(UnsupportedImage, match="frames are photographs"):
        examine_volume(zipped({"a.dcm": NO_PICTURES["photographs of both eyes"]}))


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize(
    "damaged",
    [without_pixels, lambda whole: whole.replace(b"MONOCHROME2 ", b"MONOCHROME9 ")],
    ids=["cut off", "unknown colours"],
)
def test_a_bscan_that_cannot_be_read_is_a_gap_at_its_own_number(number: int, damaged: Any) -> None:
    name = f"IM{9 - number}"
    with (
        examine_volume(zipped(series())) as alone,
        examine_volume(zipped(series() | {name: damaged(instance(number))})) as volume,
    ):
        assert list(volume.gaps) == [number] and volume.gaps[number].startswith(f"{name} can't be read: ")
        assert (volume.names, volume.spacing, volume.places) == (alone.names, alone.spacing, alone.places)
        assert volume.identity == alone.identity
        assert volume.origin is not None and volume.origin.sources[number] is None
        for index in set(range(5)) - {number}:
            assert np.array_equal(volume.bscan(index).pixels[:, :, 0], GREY[index])


@pytest.mark.parametrize("left", [140, 400, 600])
@pytest.mark.parametrize("number", range(5))
def test_a_bscan_that_ends_before_its_number_changes_no_order(number: int, left: int) -> None:
    name = f"IM{9 - number}"
    with examine_volume(zipped(series() | {name: instance(number)[:left]})) as volume:
        assert volume.count == 5 and len(volume.gaps) == 1
        assert next(iter(volume.gaps.values())).startswith(f"{name} can't be read: ")
        shown = [volume.bscan(index).pixels[:, :, 0] for index in range(5) if index not in volume.gaps]
        assert np.array_equal(shown, [grey for index, grey in enumerate(GREY) if index != number])


def test_of_a_damaged_copy_and_a_whole_one_the_whole_one_is_shown() -> None:
    volume = examine_volume(zipped({"A0": without_pixels(instance(2))} | series()))
    assert (volume.count, volume.gaps) == (5, {})


def test_a_deflated_bscan_of_a_series_is_a_gap_at_its_number() -> None:
    data = tomography(GREY[2:3], SOPInstanceUID="1.2.2", InstanceNumber=3)
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    volume = examine_volume(zipped(series() | {"IM7": written(data)}))
    assert list(volume.gaps) == [2] and "Deflated" in volume.gaps[2]
    assert volume.names == ("IM9", "IM8", "IM7", "IM6", "IM5")


def photograph(eye: str) -> bytes:
    """A photograph that says of which eye it is."""
    data = localizer(FRONT)
    data.ImageLaterality = eye
    return written(data)


LINES_ON_NOTHING = item(OphthalmicFrameLocationSequence=[item(ReferenceCoordinates=[1.0, 5.0, 1.0, 90.0])])


@pytest.mark.parametrize("kind", ["volume", "series"])
@pytest.mark.parametrize(("eye", "is_theirs"), [("R", True), ("L", False), ("", True)])
def test_the_other_eyes_photograph_is_not_the_enface_image(kind: str, eye: str, is_theirs: bool) -> None:
    elements = {"ImageLaterality": "R", "PerFrameFunctionalGroupsSequence": [LINES_ON_NOTHING]}
    files = {"volume": {"a.dcm": opt(GREY, **elements)}, "series": series(**elements)}[kind]
    volume = examine_volume(zipped(files | {"photo.dcm": photograph(eye)}))
    assert (volume.identity.eye, volume.has_enface) == ("OD", is_theirs)


def test_of_the_photographs_of_both_eyes_that_of_the_volumes_eye_is_the_enface_image() -> None:
    volume = opt(GREY, ImageLaterality="R", PerFrameFunctionalGroupsSequence=[LINES_ON_NOTHING])
    others = {"left.dcm": photograph("L"), "right.dcm": photograph("R")}
    assert examine_volume(zipped({"a.dcm": volume} | others)).has_enface
