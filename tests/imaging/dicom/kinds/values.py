"""How numbers lie in a DICOM file: in which group, in how many bits, padded or as floats."""

from __future__ import annotations

import numpy as np

from tests.dicom_files import item
from tests.imaging.dicom.kinds.builders import (
    BLACK_AND_WHITE,
    DEEP,
    FRAME_RESCALE,
    FRAME_WINDOW,
    GREY,
    SIGNED,
    TWELVE,
    WINDOW,
    Kind,
    floats,
    kind,
    with_raw,
)

VALUES: dict[str, Kind] = {
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
}  # fmt: skip
