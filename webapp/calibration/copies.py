"""Which pictures show the same: a file stored again, in another format, in another size or a little brighter."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from webapp.scans.thumbnail import grey

SIDE = 32
SAME = 0.99
"""Correlation of two pictures, made SIDE pixels square, from which they are one.

Of 404,000 pairs of public B-scans of different patients the most alike that are not one picture twice have 0.955; a
picture and its copy as a coarse JPEG (quality 60), half as large, or a sixth brighter have 0.994 or more.
"""

Signature = npt.NDArray[np.float32]


def signature(name: str) -> Signature:
    """What a stored picture is compared by: its pixels in small, of mean 0 and length 1; a blank one is all 0.

    Raises FileNotFoundError, ValueError if it is unreadable, NoRoom while other large pictures are decoded.
    """
    small = cv2.resize(grey(name), (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
    small -= small.mean()
    return np.asarray(small / max(float(np.linalg.norm(small)), 1e-6), dtype=np.float32)


def originals(signatures: Sequence[Signature]) -> list[int]:
    """For each picture the number of the one before it that it is a copy of; its own where there is none.

    Of several it is the one that is most like it, and that is no copy itself.
    """
    if not signatures:
        return []
    stacked = np.stack(signatures)
    alike = stacked @ stacked.T
    kept: list[int] = []
    found: list[int] = []
    for number in range(len(signatures)):
        most = kept[int(alike[number, kept].argmax())] if kept else number
        is_copy = most != number and alike[number, most] >= SAME
        found.append(most if is_copy else number)
        if not is_copy:
            kept.append(number)
    return found
