"""DICOM files of several frames: what they say of each, in all ways in which pixels are kept."""

from __future__ import annotations

import io
import zlib
from typing import Any

import numpy as np
import pytest
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.pixels.encoders import RLELosslessEncoder
from pydicom.uid import (
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from imaging.decoding import examine_volume, is_volume
from imaging.errors import ImageError, ImageTooComplex, ImageTooLarge, TruncatedImage, UnsupportedImage
from imaging.geometry import Place, Spacing
from tests.dicom_files import dataset, item, set_raw, written
from tests.images import encoded
from tests.volume_files import (
    bscans,
    compressed,
    deep,
    frame_group,
    opt,
    secondary_capture,
    tomography,
)

GREY = bscans()
DEEP = deep(GREY)


def in_syntax(values: Any, syntax: Any) -> bytes:
    data = tomography(values)
    data.file_meta.TransferSyntaxUID = syntax
    if syntax == ExplicitVRBigEndian:
        data.PixelData = values.astype(values.dtype.newbyteorder(">")).tobytes()
        data["PixelData"].VR = "OW"
    out = io.BytesIO()
    dcmwrite(
        out,
        data,
        implicit_vr=syntax == ImplicitVRLittleEndian,
        little_endian=syntax != ExplicitVRBigEndian,
        force_encoding=True,
    )
    return out.getvalue()


def deflated(data: Any) -> bytes:
    content = written(data)
    # The meta information ends where the first element of group 8 begins.
    at = content.index(b"\x08\x00\x16\x00UI")
    meta = content[:at].replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99")
    length = int.from_bytes(meta[140:144], "little") + 2
    meta = meta[:140] + length.to_bytes(4, "little") + meta[144:]
    at_length = meta.index(b"\x02\x00\x10\x00UI") + 6
    meta = meta[:at_length] + (22).to_bytes(2, "little") + meta[at_length + 2 :]
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return meta + packer.compress(content[at:]) + packer.flush()


def rle(values: Any) -> list[bytes]:
    return [
        RLELosslessEncoder.encode(
            frame.tobytes(), rows=48, columns=64, samples_per_pixel=1, bits_allocated=8 * values.itemsize,
            bits_stored=8 * values.itemsize, pixel_representation=0, photometric_interpretation="MONOCHROME2",
            number_of_frames=1,
        )
        for frame in values
    ]  # fmt: skip


def fragmented(data: Any, syntax: Any, frames: list[bytes]) -> bytes:
    """Two fragments for each frame, and no table of where frames begin."""
    compressed(data, syntax, frames)
    data.PixelData = encapsulate(frames, fragments_per_frame=2, has_bot=False)
    return written(data)


STREAMS = [encoded(image, "JPEG2000", no_jp2=True) for image in GREY]
LOSSLESS = {
    "implicit": in_syntax(GREY, ImplicitVRLittleEndian),
    "big-endian": in_syntax(DEEP, ExplicitVRBigEndian),
    "deflated": deflated(tomography(GREY)),
    "run lengths": written(compressed(tomography(GREY), RLELossless, rle(GREY))),
    "run lengths of 16 bits": written(
        compressed(tomography(DEEP, BitsStored=12, HighBit=11), RLELossless, rle(DEEP))
    ),
    "JPEG 2000": written(compressed(tomography(GREY), JPEG2000Lossless, STREAMS)),
    "JPEG 2000 without a table of frames": written(
        compressed(tomography(GREY), JPEG2000Lossless, STREAMS, False)
    ),
    "JPEG 2000 in two fragments a frame": fragmented(tomography(GREY), JPEG2000Lossless, STREAMS),
    "without meta information": (whole := opt(GREY))[whole.index(b"\x08\x00\x16\x00UI") :],
}


@pytest.mark.parametrize("kind", LOSSLESS)
def test_frames_are_read_however_they_are_kept(kind: str) -> None:
    assert is_volume(LOSSLESS[kind])
    with examine_volume(LOSSLESS[kind]) as volume:
        for index in (4, 0, 2):
            kept = volume.deep(index)
            assert kept is not None
            expected = GREY if kept.values.dtype == np.uint8 else DEEP
            assert np.array_equal(kept.values, expected[index])
            shown = volume.bscan(index).pixels[:, :, 0]
            assert np.abs(shown - expected[index] * (255 / kept.white)).max() <= 1


@pytest.mark.parametrize("values", [GREY, DEEP], ids=["8 bits", "16 bits"])
def test_jpeg_ls_frames_are_read(values: Any) -> None:
    jpeg_ls = pytest.importorskip("jpeg_ls", reason="no wheel for this version of Python")
    frames = [bytes(jpeg_ls.encode_array(np.ascontiguousarray(image))) for image in values]
    with examine_volume(written(compressed(tomography(values), JPEGLSLossless, frames))) as volume:
        for index in (3, 0):
            kept = volume.deep(index)
            assert kept is not None and np.array_equal(kept.values, values[index])


def test_jpeg_frames_are_read() -> None:
    frames = [encoded(image, "JPEG", quality=95) for image in GREY]
    with examine_volume(written(compressed(tomography(GREY), JPEGBaseline8Bit, frames))) as volume:
        assert np.abs(volume.bscan(3).pixels[:, :, 0].astype(int) - GREY[3]).mean() < 12


def test_colour_frames_are_read_and_have_no_values_of_their_own() -> None:
    colour = np.stack([np.dstack([image, image // 2, 255 - image]) for image in GREY])
    with examine_volume(written(secondary_capture(colour))) as volume:
        assert np.array_equal(volume.bscan(2).pixels, colour[2])
        assert volume.deep(2) is None


def test_inverted_values_are_kept_as_they_are() -> None:
    with examine_volume(opt(255 - GREY, PhotometricInterpretation="MONOCHROME1")) as volume:
        kept = volume.deep(1)
        assert kept is not None
        assert np.array_equal(kept.values, 255 - GREY[1])
        assert (kept.black, kept.white) == (255, 0)
        assert np.array_equal(volume.bscan(1).pixels[:, :, 0], GREY[1])


def test_a_frame_has_its_own_window_or_that_of_all() -> None:
    data = tomography(DEEP)
    data.SharedFunctionalGroupsSequence[0].FrameVOILUTSequence = [item(WindowCenter=1000, WindowWidth=2000)]
    data.PerFrameFunctionalGroupsSequence[2].FrameVOILUTSequence = [item(WindowCenter=2000, WindowWidth=4000)]
    with examine_volume(written(data)) as volume:
        ends = [(kept.black, kept.white) for index in (1, 2) if (kept := volume.deep(index))]
    assert ends == [(0, 1999), (0, 3999)]


@pytest.mark.parametrize(
    ("elements", "black", "white"),
    [
        ({"RescaleSlope": 2, "RescaleIntercept": 100, "WindowCenter": 1100.5, "WindowWidth": 2001}, 0, 1000),
        ({"WindowCenter": 2000, "WindowWidth": 1000, "VOILUTFunction": "SIGMOID"}, 1350, 2650),
    ],
)
def test_black_and_white_are_values_as_they_are_stored(
    elements: dict[str, Any], black: float, white: float
) -> None:
    with examine_volume(opt(DEEP, **elements)) as volume:
        kept = volume.deep(1)
    assert kept is not None
    assert kept.black == pytest.approx(black, abs=160)
    assert kept.white == pytest.approx(white, abs=160)


def test_values_below_zero_begin_at_zero() -> None:
    signed = DEEP.astype(np.int16) - 1000
    with examine_volume(opt(signed)) as volume:
        kept = volume.deep(1)
    assert kept is not None
    assert np.array_equal(kept.values.astype(int) - 2**15, signed[1])
    assert kept.black == 2**15 + int(signed.min())
    assert kept.white == 2**15 + int(signed.max())


def test_floats_are_spread_over_16_bits() -> None:
    values = (DEEP / 4095).astype(np.float32)
    data = tomography(DEEP, BitsAllocated=32, BitsStored=32, HighBit=31)
    del data.PixelData
    data.FloatPixelData = values.tobytes()
    with examine_volume(written(data)) as volume:
        kept = volume.deep(2)
        assert kept is not None
        assert np.abs(kept.values / 65535 - values[2] / values.max()).max() < 1e-3
        assert np.abs(volume.bscan(2).pixels[:, :, 0] / 255 - values[2] / values.max()).max() < 0.01


# What the groups say


def test_lines_spacing_eye_and_device_are_the_files_own() -> None:
    volume = examine_volume(opt(GREY))

    assert volume.spacing == Spacing(x=11.47, z=3.87, between=120.0)
    assert volume.places[2] == Place(x0=5.0, y0=18.0, x1=90.5, y1=18.0)
    assert volume.pattern == "raster"
    assert (volume.identity.eye, volume.identity.device) == ("OS", "Heidelberg Engineering Spectralis")
    assert not volume.has_enface


@pytest.mark.parametrize("name", ["ImageLaterality", "Laterality", "FrameLaterality"])
def test_the_eye_is_said_in_several_places(name: str) -> None:
    data = tomography(GREY)
    del data.ImageLaterality
    if name == "FrameLaterality":
        for group in data.PerFrameFunctionalGroupsSequence:
            group.FrameAnatomySequence = [item(FrameLaterality="R")]
    else:
        setattr(data, name, "R")
    assert examine_volume(written(data)).identity.eye == "OD"


def test_an_eye_that_frames_contradict_each_other_in_is_not_said() -> None:
    data = tomography(GREY)
    data.PerFrameFunctionalGroupsSequence[3].FrameAnatomySequence = [item(FrameLaterality="R")]
    assert examine_volume(written(data)).identity.eye == ""


def test_spacing_that_frames_contradict_each_other_in_is_not_said() -> None:
    data = tomography(GREY)
    for number, group in enumerate(data.PerFrameFunctionalGroupsSequence):
        group.PixelMeasuresSequence = [item(PixelSpacing=[0.00387, 0.01147 if number else 0.02])]
    assert examine_volume(written(data)).spacing == Spacing(x=None, z=3.87, between=120.0)


@pytest.mark.parametrize(
    ("step_mm", "between"), [(0.12, 120.0), (0.24, None)], ids=["the same", "a contradiction"]
)
def test_positions_in_space_count_beside_what_is_said(step_mm: float, between: float | None) -> None:
    data = tomography(GREY)
    for number, group in enumerate(data.PerFrameFunctionalGroupsSequence):
        group.PlanePositionSequence = [item(ImagePositionPatient=[0, number * step_mm, 3])]
    assert examine_volume(written(data)).spacing.between == between
    del data.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices
    assert examine_volume(written(data)).spacing.between == pytest.approx(step_mm * 1000)


@pytest.mark.parametrize("spacing", [[0, 0], [1e-9, 5000], ["x", "y"], [0.01], [float("nan"), 1e30]])
def test_a_spacing_that_nothing_in_an_eye_has_is_not_said(spacing: list[Any]) -> None:
    data = tomography(GREY)
    measures = data.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    del measures.PixelSpacing
    set_raw(measures, "PixelSpacing", spacing)
    found = examine_volume(written(data)).spacing
    assert (found.x, found.z) == (None, None)


@pytest.mark.parametrize(
    "coordinates", [[1.0, 2.0], [1.0, 2.0, 3.0], [-5.0, 1.0, 2.0, 3.0], [float("inf")] * 4, [1e30] * 4]
)
def test_a_line_that_is_none_is_left_out(coordinates: list[float]) -> None:
    data = tomography(GREY)
    data.PerFrameFunctionalGroupsSequence[1] = frame_group(1, ReferenceCoordinates=coordinates)
    volume = examine_volume(written(data))
    assert volume.places[1] is None
    assert volume.places[0] is not None


def test_frames_lie_as_their_positions_say() -> None:
    positions = [3, 1, 5, 2, 4]
    groups = [frame_group(number, position) for number, position in enumerate(positions)]
    with examine_volume(opt(GREY, PerFrameFunctionalGroupsSequence=groups)) as volume:
        assert volume.names == ("frame 2", "frame 4", "frame 1", "frame 5", "frame 3")
        assert np.array_equal(volume.bscan(0).pixels[:, :, 0], GREY[1])
        assert volume.places[0] == Place(5.0, 14.0, 90.5, 14.0)


def test_a_place_without_a_frame_is_a_gap() -> None:
    groups = [frame_group(number, position) for number, position in enumerate([1, 2, 4, 5, 6])]
    with examine_volume(opt(GREY, PerFrameFunctionalGroupsSequence=groups)) as volume:
        assert volume.count == 6
        assert list(volume.gaps) == [2]
        with pytest.raises(TruncatedImage, match="no frame for place 3"):
            volume.bscan(2)
        assert np.array_equal(volume.bscan(3).pixels[:, :, 0], GREY[2])


@pytest.mark.parametrize("positions", [[1, 1, 2, 3, 4], [1, 2, 3, 4, 900], [None] * 5])
def test_positions_that_make_no_sense_leave_frames_as_they_come(positions: list[int | None]) -> None:
    groups = [frame_group(number, position) for number, position in enumerate(positions)]
    if positions[0] is None:
        for group in groups:
            del group.FrameContentSequence
    volume = examine_volume(opt(GREY, PerFrameFunctionalGroupsSequence=groups))
    assert volume.names[:2] == ("frame 1", "frame 2")
    assert not volume.gaps


# What is missing, and what is refused


@pytest.mark.parametrize("left", [1, 2, 4])
def test_a_file_that_ends_too_early_has_gaps(left: int) -> None:
    content = opt(GREY)
    cut = content[: content.rindex(GREY[left].tobytes()) + 100]
    with examine_volume(cut) as volume:
        assert volume.count == 5
        assert list(volume.gaps) == list(range(left, 5))
        assert np.array_equal(volume.bscan(0).pixels[:, :, 0], GREY[0])
        with pytest.raises(
            TruncatedImage, match=f"Frame {left + 1} of the DICOM file is missing or not whole"
        ):
            volume.bscan(left)


def test_compressed_frames_that_are_missing_are_gaps() -> None:
    data = compressed(tomography(GREY), JPEG2000Lossless, STREAMS[:3], False)
    assert list(examine_volume(written(data)).gaps) == [3, 4]


def test_a_damaged_frame_leaves_the_others_as_they_are() -> None:
    frames = [*STREAMS[:2], STREAMS[2][:60] + b"\xff" * 80, *STREAMS[3:]]
    with examine_volume(written(compressed(tomography(GREY), JPEG2000Lossless, frames))) as volume:
        with pytest.raises(ImageError):
            volume.bscan(2)
        assert np.array_equal(volume.bscan(3).pixels[:, :, 0], GREY[3])


def test_groups_of_another_number_of_frames_are_left_out() -> None:
    groups = [frame_group(number) for number in range(3)]
    volume = examine_volume(opt(GREY, PerFrameFunctionalGroupsSequence=groups))
    assert volume.places == (None,) * 5


@pytest.mark.parametrize(
    ("elements", "error", "sentence"),
    [
        ({"NumberOfFrames": 4000}, ImageTooComplex, "4,000 B-scans"),
        ({"NumberOfFrames": 10**9}, ImageTooComplex, "1,000,000,000 B-scans"),
        (
            {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.66.4"},
            UnsupportedImage,
            "regions that somebody has marked",
        ),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.77.1.5.7"}, UnsupportedImage, "en-face"),
        ({"BitsAllocated": 1, "BitsStored": 1}, UnsupportedImage, "8, 16 or 32 bits"),
        ({"Rows": 10}, ImageError, "at least 32"),
        ({"Rows": 60000, "Columns": 60000}, ImageTooLarge, "megapixels"),
    ],
)
def test_what_is_no_volume_of_bscans_is_refused(
    elements: dict[str, Any], error: type[ImageError], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        examine_volume(opt(GREY, **elements))


def test_transverse_frames_are_no_bscans() -> None:
    groups = [frame_group(number, OphthalmicImageOrientation="TRANSVERSE") for number in range(5)]
    with pytest.raises(UnsupportedImage, match="transverse"):
        examine_volume(opt(GREY, PerFrameFunctionalGroupsSequence=groups))


def test_frames_that_zeiss_has_scrambled_are_named_so() -> None:
    scrambled = [bytes(byte ^ 0x5A for byte in stream) for stream in STREAMS]
    data = compressed(tomography(GREY, Manufacturer="Carl Zeiss Meditec"), JPEG2000Lossless, scrambled)
    with pytest.raises(UnsupportedImage, match="scrambled by Zeiss's software"):
        examine_volume(written(data))


def test_pixels_that_are_not_as_the_syntax_says_are_refused() -> None:
    data = tomography(GREY)
    content = written(data).replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0")
    with pytest.raises(ImageError, match="contradicts itself"):
        examine_volume(content)


def test_a_deflated_file_is_inflated_no_further_than_pays() -> None:
    data = secondary_capture(np.zeros((500, 256, 256), np.uint8))
    with pytest.raises(ImageTooLarge, match="too large once inflated"):
        examine_volume(deflated(data))


def test_a_frame_count_that_is_missing_is_told_by_the_pixels() -> None:
    data = secondary_capture(GREY)
    del data.NumberOfFrames
    assert examine_volume_of(data) == 5


def examine_volume_of(data: Any) -> int:
    from imaging import formats

    known = next(one for one in formats.FORMATS if one.name == "DICOM")
    assert known.volumes is not None
    return known.volumes.examine(written(data), known).count


def test_a_single_frame_stays_a_picture() -> None:
    assert not is_volume(written(dataset(GREY[0], NumberOfFrames=1)))
