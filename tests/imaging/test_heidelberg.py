"""Heidelberg's own formats: raw data (`.vol`) and the XML export with its pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from imaging.decoding import examine, examine_volume, is_volume
from imaging.errors import (
    ImageError,
    ImageTooComplex,
    ImageTooLarge,
    ImageTooSmall,
    TruncatedImage,
    UnsupportedImage,
)
from imaging.geometry import Place, Spacing
from imaging.readers.heidelberg_xml import MAX_DEPTH, MAX_IMAGES, export_of
from tests.images import bscan, encoded
from tests.volume_files import bscans, heidelberg_xml, vol, zipped

GREY = bscans()
FRONT = bscan(96, 80, seed=9)
SHOWN = GREY / 255
REFLECTED = np.exp(SHOWN * 8.285 - 8.3) - 2.44e-4
"""What is shown as these greys: the inverse of what HEYEX does with reflectivity."""


def test_a_vol_file_is_read_as_heyex_shows_it() -> None:
    content = vol(REFLECTED, FRONT)

    assert is_volume(content)
    with examine_volume(content) as volume:
        assert (volume.count, volume.width, volume.height) == (5, 64, 48)
        for index in (4, 0, 2):
            shown = volume.bscan(index).pixels[:, :, 0].astype(int)
            assert np.abs(shown - GREY[index]).max() <= 2
        kept = volume.deep(1)
        assert kept is not None and kept.values.dtype == np.uint16
        assert np.abs(kept.values / kept.white - SHOWN[1]).max() < 0.005
        enface = volume.enface()
        assert enface is not None and np.array_equal(enface.pixels[:, :, 0], FRONT)


def test_a_vol_file_says_eye_day_spacing_and_lines() -> None:
    volume = examine_volume(vol(REFLECTED, FRONT))

    assert volume.spacing == Spacing(x=11.5, z=3.87, between=120.0)
    assert volume.pattern == "raster"
    assert volume.places[0] == Place(*(pytest.approx(mm / 0.0118) for mm in (0.59, 1.78, 8.26, 1.78)))
    said = volume.identity
    assert (said.eye, said.patient, said.acquired) == ("OS", "P-17", "2019-04-17")
    assert said.device == "Heidelberg Engineering Spectralis"


@pytest.mark.parametrize(
    ("pattern", "word", "between"), [(1, "line", None), (2, "circle", None), (3, "raster", 120.0), (5, "radial", None), (77, "", None)]
)  # fmt: skip
def test_between_bscans_there_is_a_distance_in_a_raster_alone(
    pattern: int, word: str, between: float | None
) -> None:
    volume = examine_volume(vol(REFLECTED, FRONT, pattern=pattern))
    assert (volume.pattern, volume.spacing.between) == (word, between)


def test_a_circle_ends_where_it_begins() -> None:
    volume = examine_volume(vol(REFLECTED[:1], FRONT, pattern=2, lines=[(1.18, 2.36, 5.9, 5.9)]))
    assert volume.places[0] == Place(*(pytest.approx(pixels) for pixels in (100, 200, 100, 200)))


def test_what_the_device_could_not_tell_is_black() -> None:
    values = REFLECTED.astype(np.float32)
    values[0, 3] = np.finfo(np.float32).max
    values[0, 4], values[0, 5], values[0, 6] = np.nan, -5, np.inf
    with examine_volume(vol(values, FRONT)) as volume:
        assert not volume.bscan(0).pixels[3:7].any()


@pytest.mark.parametrize("left", [1, 3, 4])
def test_a_vol_file_that_ends_too_early_has_gaps(left: int) -> None:
    content = vol(REFLECTED, FRONT)
    one = 512 + 4 * 64 * 48
    with examine_volume(content[: len(content) - (5 - left) * one + 100]) as volume:
        assert list(volume.gaps) == list(range(left, 5))
        with pytest.raises(TruncatedImage, match=f"B-scan {left + 1} of the Heidelberg volume is missing"):
            volume.bscan(left)


def test_numbers_that_are_none_are_not_said() -> None:
    lines: list[Any] = [(float("nan"), 1.0, 2.0, float("inf"))] * 5
    assert examine_volume(vol(REFLECTED, FRONT, lines=lines)).places == (None,) * 5


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (vol(REFLECTED, FRONT)[:900], TruncatedImage),
        (vol(REFLECTED, FRONT)[: 2048 + 300], TruncatedImage),
        (vol(REFLECTED, FRONT, count=0), ImageError),
        (vol(REFLECTED, FRONT, count=4000), ImageTooComplex),
        (vol(REFLECTED, FRONT, count=2**32 - 1), ImageTooComplex),
        (vol(REFLECTED, FRONT, width=70_000, height=70_000), ImageTooLarge),
        (vol(REFLECTED, FRONT, width=7), ImageTooSmall),
        (vol(REFLECTED, FRONT, bscan_header=3), ImageError),
        (vol(REFLECTED, FRONT, bscan_header=2**31), ImageError),
        (vol(REFLECTED, FRONT[:5, :5]), ImageTooSmall),
    ],
)
def test_a_vol_file_that_makes_no_sense_is_refused(content: bytes, error: type[ImageError]) -> None:
    with pytest.raises(error):
        examine_volume(content)


def test_a_vol_file_is_no_picture() -> None:
    with pytest.raises(UnsupportedImage, match="a Heidelberg volume file"):
        examine(vol(REFLECTED, FRONT))


# XML

FILES = {f"{number}.png": encoded(image) for number, image in enumerate(GREY)} | {"NIR.PNG": encoded(FRONT)}


def test_an_export_is_read_as_its_xml_says() -> None:
    with examine_volume(zipped(FILES | {"scan.xml": heidelberg_xml()})) as volume:
        assert volume.count == 5
        assert volume.spacing == Spacing(x=11.5, z=3.87, between=pytest.approx(120.0))
        assert volume.places[1] == Place(*(pytest.approx(mm / 0.0115) for mm in (0.575, 2.18, 8.05, 2.18)))
        assert (volume.pattern, volume.names[0]) == ("raster", "0.png")
        said = volume.identity
        assert (said.eye, said.patient, said.acquired) == ("OD", "P-17", "2019-04-17")
        assert said.device == "Heidelberg Engineering Spectralis"
        assert all(np.array_equal(volume.bscan(index).pixels[:, :, 0], GREY[index]) for index in range(5))
        enface = volume.enface()
        assert enface is not None and np.array_equal(enface.pixels[:, :, 0], FRONT)


def test_a_picture_that_the_xml_names_and_is_not_there_is_a_gap() -> None:
    files = {name: content for name, content in FILES.items() if name != "2.png"}
    volume = examine_volume(zipped(files | {"scan.xml": heidelberg_xml()}))
    assert volume.gaps == {2: "2.png, which the export's XML names, is missing."}


def test_an_eye_that_pictures_contradict_each_other_in_is_not_said() -> None:
    assert export_of(heidelberg_xml(eyes="RRLRR")).identity.eye == ""


BOMB = b"""<?xml version="1.0"?><!DOCTYPE HEDX [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;">
]><HEDX>&b;</HEDX>"""


@pytest.mark.parametrize(
    ("content", "error", "sentence"),
    [
        (heidelberg_xml(series=2), UnsupportedImage, "holds 2 series"),
        (heidelberg_xml(0), UnsupportedImage, "no series"),
        (heidelberg_xml()[:900], ImageError, "damaged"),
        (heidelberg_xml().replace(b"ISO-8859-1", b"EBCDIC-17"), ImageError, "damaged"),
        (BOMB, ImageError, "document type"),
        (b"<HEDX>" + b"<a>" * MAX_DEPTH, ImageTooComplex, "too many elements"),
        (b"<HEDX><Series>" + b"<Image/>" * (MAX_IMAGES + 1), ImageTooComplex, "more than 1,088 pictures"),
    ],
)
def test_an_export_that_can_not_be_followed_is_refused(
    content: bytes, error: type[ImageError], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        examine_volume(zipped(FILES | {"scan.xml": content}))


def test_two_exports_are_refused() -> None:
    with pytest.raises(UnsupportedImage, match="2 exports"):
        examine_volume(zipped(FILES | {"a.xml": heidelberg_xml(), "b.xml": heidelberg_xml()}))


def test_an_export_leads_to_no_file_but_those_in_the_zip() -> None:
    content = heidelberg_xml().replace(b"\\\\domain\\folder\\0.png", b"/etc/passwd")
    volume = examine_volume(zipped(FILES | {"scan.xml": content}))
    assert list(volume.gaps) == [0]
