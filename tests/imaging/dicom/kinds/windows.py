"""How numbers become grey levels: windows, rescales, tables."""

from __future__ import annotations

import numpy as np

from tests.dicom_files import item
from tests.imaging.dicom.kinds.builders import (
    DEEP,
    DOWN,
    FALLING,
    GREY,
    RAMP,
    SIGNED,
    TWELVE,
    UP,
    WINDOW,
    Kind,
    kind,
    lut,
    with_elements,
    with_numbers,
    with_raw,
)

WINDOWS: dict[str, Kind] = {
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
}  # fmt: skip
