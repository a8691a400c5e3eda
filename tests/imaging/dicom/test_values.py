"""Values of a DICOM file that can't be used are as good as absent; what a picture can't do without is refused."""

from typing import Any

import numpy as np
import pytest
from pydicom import config
from pydicom.datadict import keyword_dict
from pydicom.dataset import FileDataset

from imaging.decoding import decode
from imaging.errors import ImageError, ImageTooComplex, SeveralImages, UnsupportedImage
from imaging.pixels import Rgb
from tests.dicom_files import dataset, set_raw, written
from tests.imaging.dicom.kinds.builders import COLOUR, DEEP, GREY, TWELVE, lut, palette

WINDOW = {"WindowCenter": 1000, "WindowWidth": 900}
RESCALE = {"RescaleSlope": 2, "RescaleIntercept": -50}
PAIRS = {"WindowCenter": WINDOW, "WindowWidth": WINDOW, "RescaleSlope": RESCALE, "RescaleIntercept": RESCALE}
UNUSABLE: dict[str, tuple[object, ...]] = {
    "WindowWidth": (None, 0, -5, "nan", "inf", "wide", "1e300", "1,0,0", "", "\0"),
    "WindowCenter": (None, "nan", "-inf", "here", "1e300", "", " "),
    "RescaleSlope": (None, 0, "nan", "inf", "steep", "1e300", ["1", "2"], ""),
    "RescaleIntercept": (None, "nan", "inf", "deep", "1e300", ["1", "2"], ""),
    "VOILUTFunction": (None, "CUBIC", "", ["LINEAR_EXACT", "SIGMOID"]),
    "NumberOfFrames": (None, 0, -1, "one", "nan", "1.5", ["1", "1"]),
    "BitsStored": (None, 0, 17, 65_535, [12, 12]),
    "HighBit": (None, 3, 16, 65_535, [11, 11]),
    "PixelRepresentation": (None,),
    "SamplesPerPixel": (None,),
    "PixelPaddingValue": (None, [1, 2]),
    "PixelPaddingRangeLimit": (None, 7),
}


def shown(values: Any = DEEP * 16, /, **elements: object) -> Rgb:
    """The picture of a file with these elements, None among them for those that it does without."""
    data = dataset(values)
    for name, value in elements.items():
        if value is None:
            data.pop(keyword(name), None)
        else:
            set_raw(data, name, value)
    return decode(written_as_it_is(data)).pixels


def keyword(name: str) -> int:
    return int(keyword_dict[name])


def written_as_it_is(data: FileDataset) -> bytes:
    with config.disable_value_validation():
        return written(data)


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, wrong in UNUSABLE.items() for value in wrong]
)
def test_a_value_that_can_not_be_used_is_as_good_as_absent(name: str, value: object) -> None:
    """Of a pair, both of which are needed, the other one is as good as absent, too."""
    around: dict[str, object] = {**WINDOW, **RESCALE}
    without = shown(**(around | dict.fromkeys([name, *PAIRS.get(name, ())])))
    data = dataset(DEEP * 16)
    for known, usable in (around | {name: value}).items():
        set_raw(data, known, usable)
    assert np.array_equal(decode(written_as_it_is(data)).pixels, without)


@pytest.mark.parametrize("name", PAIRS)
def test_half_of_a_pair_is_as_good_as_none(name: str) -> None:
    around = {**WINDOW, **RESCALE}
    without = shown(**(around | dict.fromkeys(PAIRS[name])))
    assert not np.array_equal(without, shown(**around))
    assert np.array_equal(shown(**(around | {name: None})), without)


REFUSED: dict[str, tuple[object, ...]] = {
    "Rows": ([90, 90], None, 0),
    "Columns": ([120, 120], None, 0),
    "BitsAllocated": (0, 12, 24, 64, [16, 16], None),
    "PixelRepresentation": (2, 65_535, [0, 1]),
    "SamplesPerPixel": (0, 2, 3, 4, 65_535, [1, 3]),
    "PhotometricInterpretation": (None, "", "HSV", "RGB", "CMYK", "YBR_RCT", ["MONOCHROME1", "MONOCHROME2"]),
    "NumberOfFrames": (2, "3"),
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, wrong in REFUSED.items() for value in wrong]
)
def test_what_a_picture_can_not_do_without_is_refused_in_a_sentence(name: str, value: object) -> None:
    data = dataset(DEEP * 16, **TWELVE)
    set_raw(data, name, value)
    with pytest.raises(ImageError) as refused:
        decode(written_as_it_is(data))
    assert 400 <= refused.value.status < 500
    assert refused.value.message.startswith(("The DICOM file", "DICOM files")), refused.value.message


@pytest.mark.parametrize("name", ["HSV", "YBR_PARTIAL_420", "YBR_RCT", "ARGB"])
def test_colours_of_a_kind_that_is_not_read_are_refused(name: str) -> None:
    with pytest.raises(UnsupportedImage, match=name):
        decode(written(dataset(COLOUR, PhotometricInterpretation=name)))


ENTRIES = [(np.arange(256) * 257).astype("<u2").tobytes()] * 3
BROKEN_PALETTES: dict[str, dict[str, Any]] = {
    "a table too short": palette([*ENTRIES[:2], ENTRIES[2][:200]]),
    "empty tables": palette([b""] * 3),
    "no tables": {"PhotometricInterpretation": "PALETTE COLOR"},
    "a table that is missing": palette(ENTRIES, BluePaletteColorLookupTableData=None),
    "tables of unequal length": palette(
        [*ENTRIES[:2], ENTRIES[2][:200]], BluePaletteColorLookupTableDescriptor=[100, 0, 16]
    ),
    "a description too short": palette(ENTRIES, RedPaletteColorLookupTableDescriptor=[256, 0]),
}


@pytest.mark.parametrize("kind", BROKEN_PALETTES)
def test_a_palette_that_is_not_whole_is_refused(kind: str) -> None:
    with pytest.raises(ImageError, match="palette"):
        decode(written(dataset(GREY, **BROKEN_PALETTES[kind])))


SEGMENTS: dict[str, list[int]] = {
    "that begin with a line": [1, 256, 65_535],
    "of a kind that is not known": [0, 1, 0, 7, 255, 65_535],
    "that end too early": [0, 1, 0, 1, 100, 65_535],
    "that stand for themselves": [0, 1, 0, 2, 1, 6, 0],
    "of nothing, again and again": [0, 1, 0, *[0, 0] * 30_000, *[2, 65_535, 0, 0] * 15_000],
}


@pytest.mark.parametrize("kind", SEGMENTS)
def test_segments_of_a_palette_that_make_no_sense_are_refused(kind: str) -> None:
    names = ("Red", "Green", "Blue")
    content = np.array(SEGMENTS[kind], "<u2").tobytes()
    elements: dict[str, Any] = {f"Segmented{name}PaletteColorLookupTableData": content for name in names}
    elements |= {f"{name}PaletteColorLookupTableDescriptor": [256, 0, 16] for name in names}
    with pytest.raises(ImageError, match="palette"):
        decode(written(dataset(GREY, PhotometricInterpretation="PALETTE COLOR", **elements)))


def test_pixels_of_more_frames_than_are_named_are_no_picture() -> None:
    with pytest.raises(SeveralImages, match="2 frames"):
        decode(written(dataset(GREY, PixelData=GREY.tobytes() * 2)))


def test_a_table_of_more_values_than_anybody_needs_is_refused() -> None:
    data = dataset(DEEP, VOILUTSequence=[lut(np.zeros(200_000))])
    with pytest.raises(ImageTooComplex):
        decode(written(data))
