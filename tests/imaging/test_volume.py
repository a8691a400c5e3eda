"""Volumes of all formats: the same B-scans in order, shown alike, their own values kept."""

from __future__ import annotations

import numpy as np
import pytest

from imaging.decoding import decode, examine, examine_files, examine_volume, is_volume
from imaging.errors import EmptyImage, ImageError, ImageTooComplex, SeveralImages, UnsupportedImage
from imaging.geometry import Place, pattern_of
from imaging.volume import MAX_BSCANS, ExaminedVolume
from tests.dicom_files import dataset, written
from tests.images import encoded
from tests.volume_files import bscans, deep, opt, secondary_capture, tiff, zipped

GREY = bscans()
DEEP = deep(GREY)
FILES = {
    "Ophthalmic Tomography": opt(GREY),
    "Secondary Capture": written(secondary_capture(GREY)),
    "TIFF": tiff(GREY),
    "BigTIFF, deflated": tiff(GREY, bigtiff=True, compression="zlib"),
    "ZIP of PNG": zipped({f"b{number}.png": encoded(image) for number, image in enumerate(GREY)}),
    "ZIP of DICOM": zipped({f"b{number}.dcm": written(secondary_capture(image[None], SOPInstanceUID=f"1.2.{number}")) for number, image in enumerate(GREY)}),
}  # fmt: skip
DEEP_FILES = {
    "Ophthalmic Tomography": opt(DEEP),
    "TIFF": tiff(DEEP),
    "ZIP of PNG": zipped({f"b{number}.png": encoded(image) for number, image in enumerate(DEEP)}),
}


@pytest.mark.parametrize("kind", FILES)
def test_bscans_are_those_of_the_file_in_order(kind: str) -> None:
    assert is_volume(FILES[kind])
    with examine_volume(FILES[kind]) as volume:
        assert (volume.count, volume.width, volume.height) == (5, 64, 48)
        assert len(volume.names) == len(volume.places) == 5
        assert not volume.gaps
        for index in (2, 0, 1, 4, 3, 3):  # in any order, and more than once
            assert np.array_equal(volume.bscan(index).pixels[:, :, 0], GREY[index])
        deep_values = volume.deep(1)
    assert deep_values is not None
    assert np.array_equal(deep_values.values, GREY[1])
    assert (deep_values.black, deep_values.white) == (0, 255)


@pytest.mark.parametrize("kind", DEEP_FILES)
def test_deep_bscans_are_shown_alike_and_their_values_kept(kind: str) -> None:
    with examine_volume(DEEP_FILES[kind]) as volume:
        shown = [volume.bscan(index).pixels[:, :, 0] for index in range(5)]
        kept = [volume.deep(index) for index in range(5)]

    for index in range(5):
        found = kept[index]
        assert found is not None and found.values.dtype == np.uint16
        assert np.array_equal(found.values, DEEP[index])
        assert (found.black, found.white) == (0, 4095)
        assert np.abs(shown[index].astype(int) - np.rint(DEEP[index] * (255 / 4095))).max() <= 1


def test_alone_the_darkest_bscan_would_be_shown_brighter() -> None:
    """What the test above would not notice if the first B-scan used all 12 bits."""
    assert decode(encoded(DEEP[0])).pixels.max() > 100
    with examine_volume(DEEP_FILES["TIFF"]) as volume:
        assert volume.bscan(0).pixels.max() < 40


@pytest.mark.parametrize("index", [-1, 5])
def test_there_are_no_other_bscans(index: int) -> None:
    with examine_volume(FILES["TIFF"]) as volume, pytest.raises(IndexError):
        volume.bscan(index)


@pytest.mark.parametrize("content", [encoded(GREY[0]), encoded(GREY[0], "TIFF"), written(dataset(GREY[0]))])
def test_one_picture_is_no_volume(content: bytes) -> None:
    assert not is_volume(content)
    with pytest.raises(UnsupportedImage, match="one picture"):
        examine_volume(content)


@pytest.mark.parametrize(
    ("content", "error", "sentence"),
    [
        (b"", EmptyImage, "no volume"),
        (b"GIF89a", UnsupportedImage, "a GIF file. TIFF, DICOM"),
        (b"what else there is", UnsupportedImage, "not a volume"),
    ],
)
def test_what_is_no_volume_is_told_what_is(content: bytes, error: type[ImageError], sentence: str) -> None:
    assert not is_volume(content)
    with pytest.raises(error, match=sentence):
        examine_volume(content)


@pytest.mark.parametrize("kind", ["Ophthalmic Tomography", "Secondary Capture", "TIFF"])
def test_a_volume_is_no_picture(kind: str) -> None:
    with pytest.raises(SeveralImages, match="The web app reads a volume that is sent as it is"):
        examine(FILES[kind])


def test_as_many_bscans_as_a_volume_has_are_read_and_not_one_more() -> None:
    many = np.zeros((MAX_BSCANS, 32, 32), np.uint8)
    assert examine_volume(written(secondary_capture(many))).count == MAX_BSCANS
    assert examine_volume(tiff(many)).count == MAX_BSCANS
    more = np.zeros((MAX_BSCANS + 1, 32, 32), np.uint8)
    for content in (written(secondary_capture(more)), tiff(more)):
        with pytest.raises(ImageTooComplex, match="1,025 B-scans; volumes of up to 1,024"):
            examine_volume(content)


def test_files_that_are_sent_together_are_one_volume() -> None:
    files = [(f"C:\\scans\\B{number + 1}.png", encoded(image)) for number, image in enumerate(bscans(11))]
    with examine_files(list(reversed(files))) as volume:
        assert volume.names[1:3] == ("B2.png", "B3.png")
        assert volume.names[10] == "B11.png"
        assert np.array_equal(volume.bscan(10).pixels[:, :, 0], bscans(11)[10])


def test_one_file_is_the_volume_that_it_is() -> None:
    assert examine_files([("scan.tif", FILES["TIFF"])]).format_name == "TIFF"


def line(x0: float, y0: float, x1: float, y1: float) -> Place:
    return Place(x0, y0, x1, y1)


@pytest.mark.parametrize(
    ("places", "pattern"),
    [
        ([line(0, y, 100, y) for y in range(0, 90, 10)], "raster"),
        ([line(0, y, 100, y) if y % 20 else line(100, y, 0, y) for y in range(0, 90, 10)], "raster"),
        ([line(0, 50, 100, 50)], "line"),
        ([line(0, 50, 100, 50)] * 3, "line"),
        ([line(0, 50, 100, 50), line(50, 0, 50, 100)], "cross"),
        ([line(0, 50, 100, 50), line(50, 0, 50, 100), line(14, 14, 86, 86)], "radial"),
        ([line(50, 50, 50, 50)], "circle"),
        ([line(0, 50, 100, 50), line(90, 0, 100, 100)], ""),
        ([line(0, 50, 100, 50), None], ""),
        ([None, None], ""),
        ([], ""),
    ],
)
def test_how_bscans_lie_is_seen_by_their_lines(places: list[Place | None], pattern: str) -> None:
    assert pattern_of(places) == pattern


def test_what_a_volume_says_of_a_patient_is_not_in_what_is_logged() -> None:
    volume = examine_volume(FILES["Ophthalmic Tomography"])
    assert isinstance(volume, ExaminedVolume)
    assert volume.identity.patient == "P-17"
    assert "P-17" not in repr(volume)
