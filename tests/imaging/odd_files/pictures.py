"""What odd files show: one picture in grey and in colour, as deep, packed, transparent or indexed as they keep it."""

from __future__ import annotations

import numpy as np

from tests.images import bscan, encoded

GREY = bscan(72, 48, seed=1)
SIZE = (72, 48)
COLOUR = np.dstack([GREY, GREY // 2, 255 - GREY])
GREY_16 = GREY.astype(np.uint16) * 257
COLOUR_16 = COLOUR.astype(np.uint16) * 257
ALPHA = np.where(np.arange(72) < 36, 255, 0).astype(np.uint8)[None].repeat(48, 0)
WITH_ALPHA = np.dstack([COLOUR, ALPHA])
WITH_ALPHA_ZERO = np.dstack([COLOUR, ALPHA * 0])
HALF_VISIBLE = np.where(ALPHA[..., None] == 255, COLOUR, 0).astype(np.uint8)
HALF_VISIBLE_GREY = np.where(ALPHA == 255, GREY, 0).astype(np.uint8)
NIBBLES = GREY >> 4
TWO_GREYS = ((GREY >> 7) * 255).astype(np.uint8)
TWELVE = (GREY.astype(np.uint32) * 4095 + 127) // 255
PALETTE = np.stack([np.arange(256), 255 - np.arange(256), np.arange(256) // 2])
PALETTE_COLOURS = PALETTE.T[GREY].astype(np.uint8)
SIXTEEN_GREYS = np.arange(16) * 17
BGR = COLOUR[..., ::-1].copy()
BGRA = np.dstack([BGR, ALPHA])
MASKS = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
COLOUR_PALETTE = bytes(np.stack([*PALETTE[::-1], PALETTE[0] * 0], 1).astype(np.uint8))
JPEG = encoded(GREY, "JPEG", quality=95)
TWO_MEGABYTES = bytes(range(256)) * 2**13
OUTSIDE = 2**31
