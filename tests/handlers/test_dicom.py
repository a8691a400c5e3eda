"""DICOM files come out as a viewer shows them."""

import warnings
from typing import Any

import numpy as np
import pytest
from pydicom import config
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.tag import BaseTag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from handlers.decoding import decode
from handlers.errors import (
    ImageError,
    ImageTooComplex,
    ImageTooLarge,
    ImageTooSmall,
    SeveralImages,
    TruncatedImage,
    UnsupportedImage,
)
from handlers.pixels import grey_to_rgb
from tests.dicom_files import dataset, written
from tests.images import bscan, encoded

GREY = bscan(120, 90, seed=1)
TWELVE_BIT = GREY.astype(np.uint16) * 16


def test_8_bit_grey_is_shown_as_it_is() -> None:
    picture = decode(written(dataset(GREY)))
    assert np.array_equal(picture.pixels, grey_to_rgb(GREY))
    assert picture.media_type == "application/dicom"


def test_inverted_grey_is_turned_back() -> None:
    content = written(dataset(255 - GREY, PhotometricInterpretation="MONOCHROME1"))
    assert np.array_equal(decode(content).pixels, grey_to_rgb(GREY))


def test_12_bits_are_narrowed_without_a_window() -> None:
    pixels = decode(written(dataset(TWELVE_BIT, BitsStored=12, HighBit=11))).pixels
    assert np.abs(pixels[..., 0].astype(float) - TWELVE_BIT * (255 / 4095)).max() <= 1


def test_a_window_is_applied() -> None:
    content = written(dataset(TWELVE_BIT, BitsStored=12, HighBit=11, WindowCenter=1000, WindowWidth=1001))
    expected = np.clip((TWELVE_BIT.astype(float) - 499.5) / 1000, 0, 1) * 255
    assert np.abs(decode(content).pixels[..., 0] - expected).max() <= 1


def test_signed_and_rescaled_values_are_shown_from_darkest_to_brightest() -> None:
    values = GREY.astype(np.int16) - 128
    pixels = decode(written(dataset(values, RescaleSlope=2, RescaleIntercept=-7))).pixels[..., 0]
    assert np.corrcoef(pixels.ravel(), GREY.ravel())[0, 1] > 0.999
    assert (pixels.min(), pixels.max()) == (0, 255)


def test_colour_is_kept() -> None:
    colour = np.dstack([GREY, GREY // 2, 255 - GREY])
    assert np.array_equal(decode(written(dataset(colour))).pixels, colour)


def test_run_length_compression_is_read() -> None:
    data = dataset(GREY)
    data.compress(RLELossless)
    assert np.array_equal(decode(written(data)).pixels, grey_to_rgb(GREY))


def test_jpeg_compression_is_read() -> None:
    from pydicom.encaps import encapsulate

    data = dataset(GREY)
    data.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    data.PixelData = encapsulate([encoded(GREY, "JPEG", quality=95)])
    data["PixelData"].is_undefined_length = True
    assert np.abs(decode(written(data)).pixels.astype(int) - grey_to_rgb(GREY)).mean() < 4


def test_a_file_without_preamble_is_read_when_declared() -> None:
    content = written(dataset(GREY))[132:]
    assert np.array_equal(decode(content, "application/dicom").pixels, grey_to_rgb(GREY))
    with pytest.raises(ImageError, match="not an image"):
        decode(content)


def test_garbage_declared_as_dicom_is_refused() -> None:
    with pytest.raises(ImageError):
        decode(b"hello, this is not DICOM at all", "application/dicom")


def test_a_file_without_an_image_is_refused() -> None:
    data = dataset(GREY)
    del data.Rows
    with pytest.raises(ImageError, match="no image"):
        decode(written(data))


def test_a_volume_is_refused() -> None:
    with pytest.raises(SeveralImages, match="2 frames"):
        decode(written(dataset(GREY, NumberOfFrames=2, PixelData=GREY.tobytes() * 2)))


def test_size_is_checked_before_the_pixels() -> None:
    with pytest.raises(ImageTooLarge):
        decode(written(dataset(GREY, Rows=10_000, Columns=10_000)))
    with pytest.raises(ImageTooSmall):
        decode(written(dataset(GREY[:20])))


@pytest.mark.parametrize("kept", [0.97, 0.6, 0.2])
def test_a_truncated_file_is_refused(kept: float) -> None:
    content = written(dataset(GREY))
    with pytest.raises(TruncatedImage):
        decode(content[: int(len(content) * kept)])


def test_a_compression_that_is_not_read_is_named() -> None:
    from pydicom.encaps import encapsulate

    data = dataset(GREY)
    data.file_meta.TransferSyntaxUID = JPEGLSLossless
    data.PixelData = encapsulate([b"\xff\xd8 lossless"])
    data["PixelData"].is_undefined_length = True
    with pytest.raises(UnsupportedImage, match="JPEG-LS"):
        decode(written(data))


def test_a_deflated_file_is_refused_before_it_is_inflated() -> None:
    data = dataset(np.zeros((4000, 4000), np.uint8))
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    with pytest.raises(UnsupportedImage, match="Deflated"):
        decode(written(data))


def test_no_warning_quotes_what_may_be_a_patients() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        content = written(dataset(GREY, PatientBirthDate="Jane Doe, 1950", PatientAge="very old indeed"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decode(content).width == 120


def test_of_several_windows_the_first_is_applied() -> None:
    one = dataset(TWELVE_BIT, WindowCenter=1000, WindowWidth=1001)
    several = dataset(TWELVE_BIT, WindowCenter=[1000, 5], WindowWidth=[1001, 7])
    assert np.array_equal(decode(written(several)).pixels, decode(written(one)).pixels)


def test_a_window_of_width_1_is_a_threshold() -> None:
    content = written(dataset(TWELVE_BIT, BitsStored=12, HighBit=11, WindowCenter=1000.5, WindowWidth=1))
    assert np.array_equal(decode(content).pixels[..., 0], np.where(TWELVE_BIT > 1000, 255, 0))


EMPTY = (
    "WindowCenter",
    "WindowWidth",
    "RescaleSlope",
    "RescaleIntercept",
    "NumberOfFrames",
    "VOILUTFunction",
)


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_fact_is_as_good_as_none(name: str) -> None:
    others = {"WindowCenter": 2048, "WindowWidth": 4096, "RescaleSlope": 1, "RescaleIntercept": 0}
    data = dataset(TWELVE_BIT, **{key: value for key, value in others.items() if key != name})
    without = decode(written(data)).pixels
    setattr(data, name, "" if name == "VOILUTFunction" else None)
    assert np.array_equal(decode(written(data)).pixels, without)


WRONG_NUMBERS: dict[str, tuple[object, ...]] = {
    "WindowWidth": (0, -5, 0.5, "nan", "inf", "wide", "1e300"),
    "WindowCenter": ("nan", "-inf", "here", "1e300"),
    "RescaleSlope": (0, "nan", "inf", "steep", "1e300", ["1", "2"]),
    "RescaleIntercept": ("nan", "inf", "deep", "1e300", ["1", "2"]),
    "VOILUTFunction": ("CUBIC",),
    "NumberOfFrames": (0, -1, "one", "nan", "1.5", ["1", "1"]),
    "Rows": ([90, 90], None),
    "Columns": ([120, 120], None),
    "BitsAllocated": (0, 1, 12, 32, 64, [16, 16], None),
    "BitsStored": (0, 17, 65_535, [12, 12]),
    "PixelRepresentation": (2, 65_535, [0, 1]),
    "SamplesPerPixel": (0, 2, 4, 65_535, [1, 3]),
    "PhotometricInterpretation": (["MONOCHROME1", "MONOCHROME2"],),
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, wrong in WRONG_NUMBERS.items() for value in wrong]
)
def test_a_number_that_makes_no_sense_is_refused_in_a_sentence(name: str, value: object) -> None:
    around: dict[str, object] = {
        "WindowCenter": 1000,
        "WindowWidth": 900,
        "RescaleSlope": 1,
        "RescaleIntercept": 0,
    }
    with config.disable_value_validation():
        data = dataset(TWELVE_BIT, **around)
        _set_raw(data, name, value)
        content = written(data)
    with pytest.raises(ImageError) as refused:
        decode(content)
    assert 400 <= refused.value.status < 500
    assert refused.value.message.startswith(("The DICOM file", "DICOM files")), refused.value.message


def _set_raw(data: FileDataset, name: str, value: object) -> None:
    """Write what pydicom would not: any text for a number, several values where there is one."""
    tag = tag_for_keyword(name)
    assert tag is not None
    representation = dictionary_VR(tag)
    if representation == "US":
        numbers: list[Any] = value if isinstance(value, list) else [] if value is None else [value]
        raw = b"".join(int(number).to_bytes(2, "little") for number in numbers)
    else:
        raw = "\\".join(map(str, value if isinstance(value, list) else [value])).encode()
        raw += b" " * (len(raw) % 2)
    data[tag] = RawDataElement(BaseTag(tag), representation, len(raw), raw, 0, False, True)


def test_a_table_that_does_not_fit_is_refused() -> None:
    table = Dataset()
    table.LUTDescriptor, table.LUTData = [5, 0, 16], [0, 1]
    table["LUTDescriptor"].VR = table["LUTData"].VR = "US"
    with pytest.raises(ImageError, match="window can't be applied"):
        decode(written(dataset(TWELVE_BIT, VOILUTSequence=[table])))


def test_more_values_than_anybody_needs_are_refused() -> None:
    data = dataset(GREY, WindowCenter=["1"] * 200_000, WindowWidth=["1"] * 200_000)
    data.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    with pytest.raises(ImageTooComplex, match="too many values"):
        decode(written(data))
