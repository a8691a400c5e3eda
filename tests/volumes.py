"""Volumes as files, small enough to be tried with."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from tests.images import bscan


def tiff_volume(pages: int = 5, seed: int = 0, width: int = 96, height: int = 64) -> bytes:
    """A TIFF file of so many grey pages, each another B-scan."""
    return tiff_of([bscan(width, height, seed=1000 * seed + page) for page in range(pages)])


def tiff_of(pages: Sequence[npt.NDArray[Any]]) -> bytes:
    """A TIFF file of these pages."""
    first, *others = [Image.fromarray(np.asarray(page)) for page in pages]
    out = io.BytesIO()
    first.save(out, "TIFF", save_all=True, append_images=others)
    return out.getvalue()
