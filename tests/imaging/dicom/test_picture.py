"""DICOM files come out as a viewer shows them."""

import sys
import warnings

import imagecodecs
import numpy as np
import pytest
from pydicom.dataset import FileDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    MPEG2MPML,
    UID,
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    RLELossless,
)

from imaging import formats
from imaging.decoding import decode, examine
from imaging.errors import (
    ImageError,
    ImageTooComplex,
    ImageTooLarge,
    ImageTooSmall,
    SeveralImages,
    TruncatedImage,
    UnsupportedImage,
)
from imaging.pixels import grey_to_rgb
from tests.dicom_files import dataset, written
from tests.images import bscan, encoded
from tests.imaging.dicom.kinds.encodings import without_syntax

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


@pytest.mark.parametrize("cut_at", [128, 132, None], ids=["its four letters", "meta information", "the rest"])
def test_a_file_is_recognised_without_its_preamble(cut_at: int | None) -> None:
    whole = written(dataset(GREY))
    content = whole[whole.index(b"\x08\x00\x16\x00UI") if cut_at is None else cut_at :]
    assert formats.media_type(content) == "application/dicom"
    assert np.array_equal(decode(content).pixels, grey_to_rgb(GREY))


@pytest.mark.parametrize(
    "content", [b"\x08\0", b"\x08\0\x05\0\xff\xff\xff\x7f", b"DICM", b"\0\0\0\0\0\0\0\0\0"]
)
def test_other_bytes_are_not_taken_for_dicom(content: bytes) -> None:
    with pytest.raises(ImageError, match="not an image"):
        decode(content)


def test_compressed_pixels_without_a_transfer_syntax_are_refused_for_that() -> None:
    data = dataset(GREY)
    data.compress(RLELossless)
    with pytest.raises(UnsupportedImage, match="does not say how its pixels are compressed"):
        decode(without_syntax(written(data)))


def test_a_transfer_syntax_that_nobody_knows_is_named() -> None:
    content = written(dataset(GREY)).replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.99999.1.2.1\0", 1)
    with pytest.raises(UnsupportedImage, match="transfer syntax 1.2.840.99999.1.2.1 are not read"):
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
    data = in_jpeg(dataset(GREY), MPEG2MPML, b"\0\0\1\xb3")
    with pytest.raises(UnsupportedImage, match="MPEG2"):
        decode(written(data))


def in_jpeg(data: FileDataset, syntax: UID, stream: bytes) -> FileDataset:
    """The file with its frame compressed."""
    data.file_meta.TransferSyntaxUID = syntax
    data.PixelData = encapsulate([stream])
    data["PixelData"].VR = "OB"
    data["PixelData"].is_undefined_length = True
    return data


COLOUR = np.dstack([GREY, GREY // 2, 255 - GREY])
LOSSLESS = {
    "8 bits": (GREY, {}),
    "12 bits": (TWELVE_BIT, {"bitspersample": 12}),
    "16 bits": (GREY.astype(np.uint16) * 257, {"bitspersample": 16}),
    "colour": (COLOUR, {"colorspace": "rgb", "outcolorspace": "rgb"}),
}


@pytest.mark.parametrize("syntax", [JPEGLossless, JPEGLosslessSV1])
@pytest.mark.parametrize("kind", LOSSLESS)
def test_lossless_jpeg_is_shown_as_if_it_were_not_compressed(kind: str, syntax: UID) -> None:
    values, options = LOSSLESS[kind]
    facts = {"BitsStored": 12, "HighBit": 11} if kind == "12 bits" else {}
    stream = imagecodecs.jpeg8_encode(values, lossless=True, predictor=1, **options)

    found = decode(written(in_jpeg(dataset(values, **facts), syntax, stream)))

    assert np.array_equal(found.pixels, decode(written(dataset(values, **facts))).pixels)


def test_jpeg_of_12_bits_is_read() -> None:
    stream = imagecodecs.jpeg8_encode(TWELVE_BIT, level=98, bitspersample=12)
    data = in_jpeg(dataset(TWELVE_BIT, BitsStored=12, HighBit=11), JPEGExtended12Bit, stream)
    shown = decode(written(data)).pixels[:, :, 0].astype(int)
    assert np.abs(shown - GREY).max() <= 3


def test_a_jpeg_that_contradicts_its_file_is_refused_before_it_is_decoded() -> None:
    stream = imagecodecs.jpeg8_encode(np.zeros((8_000, 8_000), np.uint8), lossless=True)
    with pytest.raises(ImageError, match="another size"):
        decode(written(in_jpeg(dataset(GREY), JPEGLosslessSV1, stream)))
    stream = imagecodecs.jpeg8_encode(TWELVE_BIT, lossless=True, bitspersample=12)
    with pytest.raises(ImageError, match="another size or depth"):
        decode(written(in_jpeg(dataset(GREY), JPEGLosslessSV1, stream)))


@pytest.mark.parametrize(
    "stream", [b"\xff\xd8 lossless", b"\xff\xd8\xff\xc3\0\x0b\x08\0\x5a\0\x78\1\1\x11\0\xff\xda"]
)
def test_a_damaged_jpeg_is_refused(stream: bytes) -> None:
    with pytest.raises(ImageError):
        decode(written(in_jpeg(dataset(GREY), JPEGLosslessSV1, stream)))


def test_a_server_without_the_decoder_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = imagecodecs.jpeg8_encode(GREY, lossless=True)
    content = written(in_jpeg(dataset(GREY), JPEGLosslessSV1, stream))
    # Only now: a codec asked for while the package is away is taken for missing ever after.
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(UnsupportedImage, match="imagecodecs is installed, which this server lacks"):
        examine(content).decode_here()


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


def test_more_values_than_anybody_needs_are_refused() -> None:
    data = dataset(GREY, WindowCenter=["1"] * 200_000, WindowWidth=["1"] * 200_000)
    data.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    with pytest.raises(ImageTooComplex, match="too many values"):
        decode(written(data))
