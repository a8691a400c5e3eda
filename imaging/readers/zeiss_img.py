"""Reads Zeiss's `.img`: nothing but a byte for each pixel. How large B-scans are has to be said with the file.

By readers that agree with each other, B-scans are stored row by row and turned by half a circle. A `.img` names neither eye
nor patient; its file name may, and is not believed.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from imaging.errors import DetailsNeeded, EmptyImage, ImageError
from imaging.given import NOTHING, Given
from imaging.pixels import check_memory, check_size
from imaging.raw_bscans import BYTES_OF_PIXEL, RawBscans
from imaging.reading import Format
from imaging.volume import ExaminedVolume, check_count


def is_volume(content: bytes) -> bool:
    """A file of this kind is never a picture."""
    return True


def examine(content: bytes, known: Format) -> ExaminedVolume:
    """Ask for what has to be said. Raises DetailsNeeded."""
    return examine_given(content, known, NOTHING)


def examine_given(content: bytes, known: Format, given: Given) -> ExaminedVolume:
    """Look at B-scans of the size that was said with the file.

    Raises DetailsNeeded without it, ImageError where the file's bytes are no whole number of such B-scans, ImageTooLarge,
    ImageTooSmall, ImageTooComplex.
    """
    width, height = given.bscan_width, given.bscan_height
    if width is None or height is None:
        missing = " and ".join(
            f"`{name}`" for name, said in (("bscan_width", width), ("bscan_height", height)) if said is None
        )
        raise DetailsNeeded(
            f"The Zeiss .img file is {len(content):,} bytes of pixels and doesn't say how large its B-scans are: say by "
            f"{missing} how many pixels each has along the retina and in depth. A cube of 512 × 128 A-scans usually has "
            "128 B-scans of 512 × 1024 pixels, one of 200 × 200 has 200 of 200 × 1024."
        )
    check_size(width, height)
    if not content:
        raise EmptyImage("The Zeiss .img file is empty.")
    count, left = divmod(len(content), width * height)
    if left or not count:
        raise ImageError(
            f"The Zeiss .img file's {len(content):,} bytes are no whole number of B-scans of {width} × {height} pixels. "
            "Say their size as the device has it, or send the file anew if it was cut off."
        )
    check_count(count, known.name)
    needed = BYTES_OF_PIXEL * width * height
    check_memory(needed, known.name)

    def turned(place: int) -> npt.NDArray[np.uint8]:
        found = np.frombuffer(content, np.uint8, width * height, place * width * height)
        return np.ascontiguousarray(found[::-1].reshape(height, width))

    return ExaminedVolume(
        media_type=known.media_type,
        format_name=known.name,
        count=count,
        width=width,
        height=height,
        memory_bytes=needed + len(content),
        is_isolated=False,
        _bscans=RawBscans(turned, range(count)),
        places=(None,) * count,
        names=tuple(f"B-scan {place + 1}" for place in range(count)),
    )
