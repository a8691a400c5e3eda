"""The values of B-scans in 16 bits, kept beside the images that people and the model see."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from imaging.errors import ImageError
from imaging.volume import Deep, ExaminedVolume

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KeptDeep:
    """The values of a B-scan in 16 bits: their file, and which of them the image shows black and white.

    The names are those of the scan's fields; as it is, for a B-scan of 8 bits.
    """

    deep_name: str = ""
    deep_black: float | None = None
    deep_white: float | None = None


def deep_bscans(examined: ExaminedVolume, places: Iterable[int]) -> Iterator[tuple[int, Deep]]:
    """The values of those B-scans that have more than 8 bits; in one volume all have, or none.

    None of files whose B-scans are decoded in a process of its own: to decode them once more takes seconds.
    """
    for place in () if examined.is_isolated else places:
        try:
            deep = examined.deep(place)
        except ImageError as error:
            log.warning("The values of a B-scan can't be read: %s", error.code)
            continue
        if deep is None or deep.values.dtype != np.uint16:
            return
        yield place, deep
