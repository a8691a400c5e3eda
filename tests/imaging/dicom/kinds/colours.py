"""Colours, by a palette or of their own."""

from __future__ import annotations

import numpy as np
from pydicom.pixels.processing import convert_color_space

from tests.imaging.dicom.kinds.builders import (
    COLOUR,
    DEEP,
    DOWN,
    GREY,
    HALF,
    PALETTE_PICTURE,
    RAMP,
    STRAIGHT,
    TWELVE,
    UP,
    WORDS,
    Kind,
    Values,
    kind,
    palette,
)


def ybr_422(colour: Values) -> bytes:
    """Colours of which two pixels share one."""
    ybr = convert_color_space(colour, "RGB", "YBR_FULL")
    pairs = ybr.reshape(-1, 2, 3)
    return np.stack([pairs[:, 0, 0], pairs[:, 1, 0], pairs[:, 0, 1], pairs[:, 0, 2]], axis=1).tobytes()


COLOURS: dict[str, Kind] = {
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
}  # fmt: skip
