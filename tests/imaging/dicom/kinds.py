"""Odd but legal DICOM files, each with the picture that it shows."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.pixels.processing import convert_color_space
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

from tests.dicom_files import dataset, item, set_raw, written
from tests.images import bscan, encoded

GREY = bscan(120, 90, seed=1)
COLOUR = np.dstack([GREY, GREY // 2, 255 - GREY])
DEEP = GREY.astype(np.uint16)
SIGNED = GREY.astype(np.int16)
BLACK_AND_WHITE = (GREY > 100).astype(np.uint8)
LOSSY = 12.0
"""Grey levels that JPEG may change of a speckled picture, in the mean."""

Values = npt.NDArray[Any]


@dataclass(frozen=True)
class Kind:
    """A file, and its picture in grey (rows, columns) or RGB; `off_by` is how far each value may be from it."""

    content: bytes
    picture: Values
    off_by: float = 1.0


def kind(values: Values, picture: Values = GREY, off_by: float = 1.0, /, **elements: Any) -> Kind:
    return Kind(written(dataset(values, **elements)), picture, off_by)


def with_raw(values: Values, picture: Values = GREY, /, **elements: object) -> Kind:
    """The same with elements that pydicom would not write."""
    data = dataset(values)
    for name, value in elements.items():
        set_raw(data, name, value)
    return Kind(written(data), picture)


def lut(entries: Values, first: int = 0, bits: int = 16, signed: bool = False) -> Dataset:
    """An item of a sequence of tables."""
    made = item(LUTData=entries.astype("<u2").tobytes())
    made["LUTData"].VR = "OW"
    made.LUTDescriptor = [len(entries) % 65536, first, bits]
    made["LUTDescriptor"].VR = "SS" if signed else "US"
    return made


def with_numbers(table: Dataset, entries: list[int]) -> Dataset:
    """The table with its entries as numbers, not as bytes."""
    del table.LUTData
    table.add_new("LUTData", "US", entries)
    return table


def with_elements(values: Values, *elements: tuple[str, str, object]) -> Kind:
    """A file with elements of a name, another representation than the standard's, and a value."""
    data = dataset(values)
    for name, representation, value in elements:
        data.add_new(name, representation, value)
    return Kind(written(data), GREY)


def floats(keyword: str, dtype: type, hole: float | None = None, **elements: Any) -> Kind:
    """Numbers from 0 to 1, some of them missing where there is a hole."""
    values = (GREY / 255).astype(dtype)
    if hole is not None:
        values[:10] = hole
    data = dataset(GREY, BitsAllocated=values.itemsize * 8, **elements)
    del data.PixelData, data.BitsStored, data.HighBit, data.PixelRepresentation
    setattr(data, keyword, values.tobytes())
    return Kind(
        written(data), GREY if hole is None else np.where(np.arange(len(GREY))[:, None] < 10, 0, GREY)
    )


def palette(
    entries: list[bytes], count: int = 256, bits: int = 16, first: int = 0, **more: Any
) -> dict[str, Any]:
    """The elements of a palette whose colours are red, green and blue of `entries`."""
    made: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for name, content in zip(("Red", "Green", "Blue"), entries, strict=True):
        made[f"{name}PaletteColorLookupTableDescriptor"] = [count % 65536, first, bits]
        made[f"{name}PaletteColorLookupTableData"] = content
    return made | more


def compressed(values: Values, syntax: UID, stream: bytes, **elements: Any) -> bytes:
    data = dataset(values, **elements)
    data.file_meta.TransferSyntaxUID = syntax
    data.PixelData = encapsulate([stream])
    data["PixelData"].is_undefined_length = True
    return written(data)


def rle(data: FileDataset) -> bytes:
    data.compress(RLELossless)
    return written(data)


def in_syntax(values: Values, syntax: UID, **elements: Any) -> bytes:
    data = dataset(values, **elements)
    data.file_meta.TransferSyntaxUID = syntax
    if syntax == ExplicitVRBigEndian:
        data.PixelData = values.astype(values.dtype.newbyteorder(">")).tobytes()
        data["PixelData"].VR = "OW" if values.itemsize > 1 else "OB"
    out = io.BytesIO()
    dcmwrite(
        out,
        data,
        implicit_vr=syntax.is_implicit_VR,
        little_endian=syntax.is_little_endian,
        force_encoding=True,
    )
    return out.getvalue()


def without_syntax(content: bytes) -> bytes:
    """The file with an empty name of its transfer syntax."""
    meta_at = content.index(b"\x02\x00\x10\x00UI")
    length = struct.unpack_from("<H", content, meta_at + 6)[0]
    group = struct.unpack_from("<I", content, 140)[0]
    content = content[: meta_at + 6] + b"\0\0" + content[meta_at + 8 + length :]
    return content[:140] + struct.pack("<I", group - length) + content[144:]


def with_adobe(jpeg: bytes, transform: int) -> bytes:
    """A JPEG that says how its colours were transformed as Adobe's programs do, and nothing of JFIF."""
    app0 = 4 + struct.unpack_from(">H", jpeg, 4)[0]
    return jpeg[:2] + b"\xff\xee\x00\x0eAdobe\0\x64\0\0\0\0" + bytes([transform]) + jpeg[app0:]


def ybr_422(colour: Values) -> bytes:
    """Colours of which two pixels share one."""
    ybr = convert_color_space(colour, "RGB", "YBR_FULL")
    pairs = ybr.reshape(-1, 2, 3)
    return np.stack([pairs[:, 0, 0], pairs[:, 1, 0], pairs[:, 0, 1], pairs[:, 0, 2]], axis=1).tobytes()


def segments(*parts: tuple[int, ...]) -> bytes:
    return np.array([value for part in parts for value in part], "<u2").tobytes()


RAMP = np.arange(256, dtype=np.uint16)
UP, DOWN, HALF = RAMP, RAMP[::-1], RAMP // 2
PALETTE_PICTURE = np.dstack([GREY, 255 - GREY, GREY // 2])
WORDS = [(table * 257).astype("<u2").tobytes() for table in (UP, DOWN, HALF)]
FALLING = np.arange(4095, -1, -1)
STRAIGHT = segments((0, 1, 0), (1, 255, 65535))
"""A palette of two segments: the first entry, and a line to the last."""
TWELVE = {"BitsStored": 12, "HighBit": 11}
WINDOW = {"WindowCenter": 1020, "WindowWidth": 2040}
FRAME_WINDOW = [item(FrameVOILUTSequence=[item(**WINDOW)])]
FRAME_RESCALE = [
    item(PixelValueTransformationSequence=[item(RescaleSlope=2, RescaleIntercept=-100, RescaleType="US")])
]

KINDS: dict[str, Kind] = {
    # Where values are kept
    "window in the shared groups": kind(DEEP * 8, SharedFunctionalGroupsSequence=FRAME_WINDOW),
    "window in the frame's group": kind(DEEP * 8, PerFrameFunctionalGroupsSequence=FRAME_WINDOW, NumberOfFrames=1),
    "window of the frame before that of all": kind(
        DEEP * 8,
        PerFrameFunctionalGroupsSequence=FRAME_WINDOW,
        SharedFunctionalGroupsSequence=[item(FrameVOILUTSequence=[item(WindowCenter=5, WindowWidth=3)])],
    ),
    "window of all where that of the frame is empty": kind(
        DEEP * 8,
        PerFrameFunctionalGroupsSequence=[item(FrameVOILUTSequence=[item(WindowCenter=None, WindowWidth=None)])],
        SharedFunctionalGroupsSequence=FRAME_WINDOW,
    ),
    "window of the file where groups are empty": kind(
        DEEP * 8, PerFrameFunctionalGroupsSequence=[item()], SharedFunctionalGroupsSequence=[], **WINDOW
    ),
    "rescale in the shared groups, window in the frame's": kind(
        DEEP * 8,
        SharedFunctionalGroupsSequence=FRAME_RESCALE,
        PerFrameFunctionalGroupsSequence=[
            item(FrameVOILUTSequence=[item(WindowCenter=1940, WindowWidth=4080, VOILUTFunction="LINEAR_EXACT")])
        ],
    ),
    # Bits
    "12 of 16 bits": kind(DEEP * 16, **TWELVE),
    "12 of 16 bits, dark": kind(DEEP * 4, GREY / 4, **TWELVE),
    "12 of 16 bits, the upper ones": kind(DEEP * 256, BitsStored=12, HighBit=15),
    "12 of 16 bits with something else in the others": kind(DEEP * 16 | 0xA000, **TWELVE),
    "12 bits in 16, not said": kind(DEEP * 16),
    "16 bits": kind(DEEP * 257),
    "10 of 16 bits": kind(DEEP * 4, BitsStored=10, HighBit=9),
    "4 of 8 bits": kind(GREY // 16, GREY // 16 * 17, BitsStored=4, HighBit=3),
    "1 of 8 bits": kind(BLACK_AND_WHITE, BLACK_AND_WHITE * 255, BitsStored=1, HighBit=0),
    "one bit": kind(
        GREY,
        BLACK_AND_WHITE * 255,
        BitsAllocated=1,
        BitsStored=1,
        HighBit=0,
        PixelData=np.packbits(BLACK_AND_WHITE.ravel(), bitorder="little").tobytes(),
    ),
    "32 bits": kind(GREY.astype(np.uint32) * 0x01010101),
    "12 of 32 bits": kind(GREY.astype(np.uint32) * 16, **TWELVE),
    "20 bits in 32 with a window": kind(GREY.astype(np.uint32) * 4096, WindowCenter=522240, WindowWidth=1044481),
    "signed 32 bits": kind(GREY.astype(np.int32) * 1_000_000 - 90_000_000),
    "signed 16 bits, the upper half": kind(SIGNED * 128),
    "signed 16 bits, 12 of them": kind(SIGNED * 16),
    "signed 16 bits, both halves": kind((DEEP.astype(np.int32) * 257 - 32768).astype(np.int16)),
    "signed 8 bits": kind((SIGNED - 128).astype(np.int8)),
    "signed 12 of 16 bits, the sign not drawn out": kind(
        ((SIGNED * 16 - 2048) & 0xFFF).astype(np.int16), **TWELVE
    ),
    "padding above 12 bits": kind(
        np.where(GREY < 5, 65535, DEEP * 16).astype(np.uint16), np.where(GREY < 5, 0, GREY), PixelPaddingValue=65535
    ),
    "padding far below, named as if it were unsigned": with_raw(
        np.where(GREY < 5, -32000, SIGNED * 16).astype(np.int16),
        np.where(GREY < 5, 0, GREY),
        PixelPaddingValue=65536 - 32000,
    ),
    "a range of padding": kind(
        np.where(GREY < 5, 60000 + DEEP, DEEP * 16).astype(np.uint16),
        np.where(GREY < 5, 0, GREY),
        PixelPaddingValue=60000,
        PixelPaddingRangeLimit=60010,
        **TWELVE,
    ),
    "floats": floats("FloatPixelData", np.float32),
    "floats with a window": floats(
        "FloatPixelData", np.float32, WindowCenter="0.5", WindowWidth=1, VOILUTFunction="LINEAR_EXACT"
    ),
    "floats with padding and what is no number": floats(
        "FloatPixelData", np.float32, hole=np.nan, FloatPixelPaddingValue=-9999.0
    ),
    "floats of 64 bits with padding": floats("DoubleFloatPixelData", np.float64, hole=-9999, DoubleFloatPixelPaddingValue=-9999.0),
    "one bit, inverted": kind(
        GREY,
        255 - BLACK_AND_WHITE * 255,
        PhotometricInterpretation="MONOCHROME1",
        BitsAllocated=1,
        BitsStored=1,
        HighBit=0,
        PixelData=np.packbits(BLACK_AND_WHITE.ravel(), bitorder="little").tobytes(),
    ),
    "nothing but padding": kind(DEEP * 0 + 7, DEEP * 0, PixelPaddingValue=7),
    # Windows and rescales
    "inverted": kind(255 - GREY, PhotometricInterpretation="MONOCHROME1"),
    "inverted 12 of 16 bits with a window": kind(
        2040 - DEEP * 8, PhotometricInterpretation="MONOCHROME1", **WINDOW, **TWELVE
    ),
    "window less than 1 wide": kind(
        DEEP * 16, RescaleSlope="0.0001", RescaleIntercept=0, WindowCenter="0.204", WindowWidth="0.408"
    ),
    "window as floats": with_elements(DEEP * 8, ("WindowCenter", "FD", 1020.0), ("WindowWidth", "FD", 2040.0)),
    "window as texts": with_elements(DEEP * 8, ("WindowCenter", "LO", "1020"), ("WindowWidth", "LO", " 2040 ")),
    "window of an unknown kind": with_elements(DEEP * 8, ("WindowCenter", "UN", b"1020"), ("WindowWidth", "UN", b"2040")),
    "more centers than widths": kind(DEEP * 8, WindowCenter=[1020, 7, 9], WindowWidth=2040),
    "function of the frame alone": kind(
        DEEP * 8, PerFrameFunctionalGroupsSequence=[item(FrameVOILUTSequence=[item(VOILUTFunction="SIGMOID")])], **WINDOW
    ),
    "small letters and spaces": with_raw(255 - GREY, PhotometricInterpretation=" monochrome1 "),
    "exact window": kind(DEEP * 8, VOILUTFunction="LINEAR_EXACT", **WINDOW),
    "function in small letters": with_raw(DEEP * 8, VOILUTFunction="linear_exact ", **WINDOW),
    "function that nobody knows": kind(DEEP * 8, VOILUTFunction="CUBIC", **WINDOW),
    "soft window": kind(
        DEEP * 8,
        255 / (1 + np.exp(-4 * (DEEP * 8.0 - 1020) / 2040)),
        VOILUTFunction="SIGMOID",
        **WINDOW,
    ),
    "decimal commas": with_raw(DEEP * 8, WindowCenter="1020,0", WindowWidth="2040,0"),
    "a second window where the first is none": with_raw(DEEP * 8, WindowCenter=["x", "1020"], WindowWidth=["0", "2040"]),
    "window beside all values": kind(DEEP * 16, WindowCenter=60_000, WindowWidth=100, **TWELVE),
    "window wider than all measure": kind(DEEP * 16, WindowCenter=0, WindowWidth="1e14", **TWELVE),
    "slope alone": kind(DEEP * 8, RescaleSlope=2, **WINDOW),
    "falling slope": kind(255 - GREY, RescaleSlope=-1, RescaleIntercept=255),
    "slope of 0": kind(DEEP * 16, RescaleSlope=0, RescaleIntercept=7, **TWELVE),
    "slope too small for its intercept": kind(DEEP * 16, RescaleSlope="1e-9", RescaleIntercept="1e14", **TWELVE),
    # Tables
    "VOI table": kind(DEEP * 16, 255 - GREY, VOILUTSequence=[lut(FALLING, bits=12)], **TWELVE),
    "VOI table of 8 bits in words": kind(DEEP, 255 - GREY, VOILUTSequence=[lut(DOWN, bits=8)]),
    "VOI table before a window": kind(DEEP, VOILUTSequence=[lut(UP * 257)], WindowCenter=10, WindowWidth=5),
    "VOI table for signed values": kind(SIGNED - 128, VOILUTSequence=[lut(UP * 257, first=-128, signed=True)]),
    "VOI table without entries": kind(DEEP * 8, VOILUTSequence=[lut(RAMP[:0])], **WINDOW),
    "VOI table shorter than it says": kind(
        DEEP * 8, VOILUTSequence=[item(LUTDescriptor=[256, 0, 16], LUTData=bytes(100))], **WINDOW
    ),
    "VOI table of nothing but zeros": kind(DEEP * 8, VOILUTSequence=[lut(RAMP * 0)], **WINDOW),
    "VOI table as numbers": kind(
        DEEP, 255 - GREY, VOILUTSequence=[with_numbers(lut(DOWN * 257), [int(entry) for entry in DOWN * 257])]
    ),
    "VOI table of two bytes a word": kind(
        DEEP,
        255 - GREY,
        VOILUTSequence=[item(LUTDescriptor=[256, 0, 8], LUTData=DOWN.astype(np.uint8).tobytes())],
    ),
    "second VOI table where the first is not whole": kind(
        DEEP, 255 - GREY, VOILUTSequence=[item(LUTDescriptor=[256, 0, 8], LUTData=b"\0\0"), lut(DOWN * 257)]
    ),
    "VOI table whose description is too short": kind(
        DEEP * 8, VOILUTSequence=[item(LUTDescriptor=[256, 0], LUTData=bytes(512))], **WINDOW
    ),
    "VOI table in the frame's group": kind(
        DEEP,
        255 - GREY,
        PerFrameFunctionalGroupsSequence=[item(FrameVOILUTSequence=[item(VOILUTSequence=[lut(DOWN * 257)])])],
    ),
    "empty VOI sequence": kind(DEEP * 16, VOILUTSequence=[], **TWELVE),
    "modality table": kind(DEEP, 255 - GREY, ModalityLUTSequence=[lut(DOWN * 257)]),
    "modality table and window": kind(DEEP, 255 - GREY, ModalityLUTSequence=[lut(DOWN * 8)], **WINDOW),
    # Palettes
    "palette of 16 bits": kind(GREY, PALETTE_PICTURE, 0, **palette(WORDS)),
    "palette of 16-bit values": kind(DEEP, PALETTE_PICTURE, 0, **palette(WORDS)),
    "palette with an alpha table": kind(
        GREY, PALETTE_PICTURE, 0, **palette(WORDS, AlphaPaletteColorLookupTableData=bytes(512))
    ),
    "palette of 8 bits in words": kind(
        GREY, PALETTE_PICTURE, 0, **palette([table.astype("<u2").tobytes() for table in (UP, DOWN, HALF)])
    ),
    "palette of 8 bits": kind(
        GREY, PALETTE_PICTURE, 0, **palette([table.astype("u1").tobytes() for table in (UP, DOWN, HALF)], bits=8)
    ),
    "palette that begins at 10": kind(
        GREY, np.dstack([np.clip(GREY, 10, 255) - 10] * 3), 0,
        **palette([(RAMP[:246] * 257).astype("<u2").tobytes()] * 3, count=246, first=10),
    ),
    "palette in segments": kind(
        GREY,
        np.dstack([GREY] * 3),
        1,
        PhotometricInterpretation="PALETTE COLOR",
        **{f"{name}PaletteColorLookupTableDescriptor": [256, 0, 16] for name in ("Red", "Green", "Blue")},
        **{f"Segmented{name}PaletteColorLookupTableData": STRAIGHT for name in ("Red", "Green", "Blue")},
    ),
    # Colours
    "RGB": kind(COLOUR, COLOUR, 0),
    "RGB in planes": kind(COLOUR, COLOUR, 0, PlanarConfiguration=1, PixelData=COLOUR.transpose(2, 0, 1).tobytes()),
    "RGB without a planar configuration": kind(COLOUR, COLOUR, 0, PlanarConfiguration=None),
    "RGB of 16 bits": kind(COLOUR.astype(np.uint16) * 257, COLOUR, 0),
    "RGB, 12 of 16 bits": kind(COLOUR.astype(np.uint16) * 16, COLOUR, 0, **TWELVE),
    "RGB, 12 bits in 16, not said": kind(COLOUR.astype(np.uint16) * 16, COLOUR, 0),
    "RGB, 8 bits in 16, not said": kind(COLOUR.astype(np.uint16), COLOUR, 0),
    "RGB, 12 of 16 bits, the upper ones": kind(COLOUR.astype(np.uint16) * 256, COLOUR, 0, BitsStored=12, HighBit=15),
    "RGB of 32 bits": kind(COLOUR.astype(np.uint32) * 0x01010101, COLOUR, 0),
    "YBR_FULL": kind(
        convert_color_space(COLOUR, "RGB", "YBR_FULL"), COLOUR, 3, PhotometricInterpretation="YBR_FULL"
    ),
    "YBR_FULL, 12 of 16 bits": kind(
        convert_color_space(COLOUR, "RGB", "YBR_FULL").astype(np.uint16) * 16,
        COLOUR,
        3,
        PhotometricInterpretation="YBR_FULL",
        **TWELVE,
    ),
    "YBR_FULL in planes": kind(
        convert_color_space(COLOUR, "RGB", "YBR_FULL"),
        COLOUR,
        3,
        PhotometricInterpretation="YBR_FULL",
        PlanarConfiguration=1,
        PixelData=convert_color_space(COLOUR, "RGB", "YBR_FULL").transpose(2, 0, 1).tobytes(),
    ),
    "YBR_FULL_422": kind(
        np.repeat(COLOUR[:, ::2], 2, axis=1),
        np.repeat(COLOUR[:, ::2], 2, axis=1),
        3,
        PhotometricInterpretation="YBR_FULL_422",
        PixelData=ybr_422(np.repeat(COLOUR[:, ::2], 2, axis=1)),
    ),
    # How the file is written
    "implicit": Kind(in_syntax(DEEP * 8, ImplicitVRLittleEndian, **WINDOW), GREY),
    "implicit with a VOI table": Kind(
        in_syntax(SIGNED - 128, ImplicitVRLittleEndian, VOILUTSequence=[lut(DOWN * 257, first=-128, signed=True)]),
        255 - GREY,
    ),
    "big-endian": Kind(in_syntax(DEEP * 8, ExplicitVRBigEndian, **WINDOW), GREY),
    "big-endian with a palette": Kind(
        in_syntax(
            GREY, ExplicitVRBigEndian, **palette([(t * 257).astype(">u2").tobytes() for t in (UP, DOWN, HALF)])
        ),
        PALETTE_PICTURE,
        0,
    ),
    "run lengths of 12 of 16 bits": Kind(rle(dataset(DEEP * 16, **TWELVE)), GREY),
    "run lengths in colour": Kind(rle(dataset(COLOUR)), COLOUR, 0),
    "run lengths with a palette": Kind(rle(dataset(GREY, **palette(WORDS))), PALETTE_PICTURE, 0),
    "JPEG": Kind(compressed(GREY, JPEGBaseline8Bit, encoded(GREY, "JPEG", quality=95)), GREY, LOSSY),
    "JPEG in colour": Kind(
        compressed(
            COLOUR,
            JPEGBaseline8Bit,
            encoded(COLOUR, "JPEG", quality=98, subsampling=0),
            PhotometricInterpretation="YBR_FULL_422",
        ),
        COLOUR,
        LOSSY,
    ),
    "JPEG in colour by Adobe": Kind(
        compressed(
            COLOUR,
            JPEGBaseline8Bit,
            with_adobe(encoded(COLOUR, "JPEG", quality=98, subsampling=0), 1),
            PhotometricInterpretation="YBR_FULL_422",
        ),
        COLOUR,
        LOSSY,
    ),
    "JPEG in colour, called RGB": Kind(
        compressed(COLOUR, JPEGBaseline8Bit, encoded(COLOUR, "JPEG", quality=98, subsampling=0)), COLOUR, LOSSY
    ),
    "JPEG 2000": Kind(compressed(GREY, JPEG2000Lossless, encoded(GREY, "JPEG2000", no_jp2=True)), GREY, 0),
    "JPEG 2000 of 16 bits with a window": Kind(
        compressed(DEEP * 8, JPEG2000Lossless, encoded(DEEP * 8, "JPEG2000", no_jp2=True), **WINDOW), GREY
    ),
    "JPEG 2000 of more bits than it says": Kind(
        compressed(DEEP * 257, JPEG2000Lossless, encoded(DEEP * 257, "JPEG2000", no_jp2=True), **TWELVE), GREY
    ),
    "JPEG 2000 in colour": Kind(
        compressed(
            COLOUR,
            JPEG2000Lossless,
            encoded(COLOUR, "JPEG2000", no_jp2=True, mct=1),
            PhotometricInterpretation="YBR_RCT",
        ),
        COLOUR,
        1,
    ),
    "without preamble": Kind(written(dataset(GREY))[132:], GREY),
    "without preamble but its four letters": Kind(written(dataset(GREY))[128:], GREY),
    "without any meta information": Kind(written(dataset(GREY))[written(dataset(GREY)).index(b"\x08\x00\x16\x00UI"):], GREY),
    "without a transfer syntax": Kind(without_syntax(written(dataset(GREY))), GREY),
    "implicit without a transfer syntax": Kind(without_syntax(in_syntax(GREY, ImplicitVRLittleEndian)), GREY),
}  # fmt: skip
