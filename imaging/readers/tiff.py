"""Reads TIFF and BigTIFF files."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial

from PIL import Image, TiffImagePlugin

from imaging.errors import TruncatedImage, UnsupportedImage
from imaging.picture_bscans import PictureBscans
from imaging.readers import pillow
from imaging.reading import Examined, Format
from imaging.structure import tiff_picture, tiff_tags
from imaging.structure.tiff import Directory, Tiff
from imaging.structure.tiff_stacks import pieces
from imaging.volume import MAX_BSCANS, ExaminedVolume, check_count

MAX_VOLUME_DIRECTORIES = 2 * MAX_BSCANS
"""Thumbnails included."""
COPIES = 3
"""Of a page: what is taken out of the file, the TIFF that is made of it, and what is read of that."""
COMMON_TAGS = (
    (tiff_tags.IMAGE_WIDTH, 0),
    (tiff_tags.IMAGE_LENGTH, 0),
    (tiff_tags.BITS_PER_SAMPLE, 1),
    (tiff_tags.SAMPLES_PER_PIXEL, 1),
    (tiff_tags.SAMPLE_FORMAT, 1),
    (tiff_tags.ORIENTATION, 1),
)
"""With what counts where a page doesn't say it."""


def examine(content: bytes, file_format: Format) -> Examined:
    """Examine a TIFF file. Raises as `tiff_picture.cleaned` and `pillow.examine` do."""
    return pillow.examine(tiff_picture.cleaned(content), file_format, extra_bytes=_extra_bytes)


def is_volume(content: bytes) -> bool:
    """Whether a file has several pages. Raises ImageTooComplex."""
    found = tiff_picture.pages(Tiff(content), MAX_VOLUME_DIRECTORIES)
    return next(found, None) is not None and next(found, None) is not None


def examine_volume(content: bytes, known: Format) -> ExaminedVolume:
    """Look at a TIFF file of several pages, each a B-scan.

    Raises ImageTooComplex for more pages than are read, UnsupportedImage for pages of several sizes or kinds, ImageError.
    """
    file = Tiff(content)
    pages = list(tiff_picture.pages(file, MAX_VOLUME_DIRECTORIES))
    check_count(len(pages), known.name)
    kinds = [None if page is None else _kind(file, page) for page in pages]
    gaps = {
        place: f"Page {place + 1} of the TIFF file is missing: the file ends too early."
        for place, kind in enumerate(kinds)
        if kind is None
    }
    if len(gaps) == len(pages):
        raise TruncatedImage("The TIFF file ends too early.")
    several = sorted({kind for kind in kinds if kind is not None})
    if len(several) > 1:
        sizes = " and ".join(
            f"{width} × {height}" for width, height in dict.fromkeys(kind[:2] for kind in several)
        )
        raise UnsupportedImage(
            f"The TIFF file's pages are not alike ({sizes} pixels), so they are no volume. Send its B-scans alone."
        )
    sources: list[Callable[[], Examined]] = []
    largest_bytes = 0
    for place, page in enumerate(pages):
        sources.append(partial(_page, file, page, known))
        if page is None:
            continue
        try:
            tiff_picture.check_pieces(file, page)
        except TruncatedImage:
            gaps[place] = f"Page {place + 1} of the TIFF file is not whole: the file ends too early."
        largest_bytes = max(largest_bytes, sum(pieces(file, page)[1]))
    if len(gaps) == len(pages):
        raise TruncatedImage("The TIFF file ends too early.")
    first = sources[next(place for place in range(len(pages)) if place not in gaps)]()
    return ExaminedVolume(
        media_type=known.media_type,
        format_name=known.name,
        count=len(pages),
        width=first.width,
        height=first.height,
        memory_bytes=first.memory_bytes + COPIES * largest_bytes + len(content),
        is_isolated=False,
        _bscans=PictureBscans(sources, gaps),
        places=(None,) * len(pages),
        names=tuple(f"page {place + 1}" for place in range(len(pages))),
        gaps=gaps,
    )


def _kind(file: Tiff, page: Directory) -> tuple[int, ...]:
    """What pages of one volume have in common: width and height first."""
    return tuple(file.value(page, tag, default) for tag, default in COMMON_TAGS)


def _page(file: Tiff, page: Directory | None, known: Format) -> Examined:
    assert page is not None  # it would be a gap
    return pillow.examine(tiff_picture.page(file, page), known, extra_bytes=_extra_bytes)


def is_complete(content: bytes) -> bool:
    """Whether the first directory of tags lies within the file."""
    order = "<" if content.startswith(b"II") else ">"
    big = content[2:4] in (b"+\0", b"\0+")
    offset_at, offset_kind, count_kind, entry_bytes = (8, "Q", "Q", 20) if big else (4, "I", "H", 12)
    try:
        (directory,) = struct.unpack_from(order + offset_kind, content, offset_at)
        (entries,) = struct.unpack_from(order + count_kind, content, directory)
    except (struct.error, OverflowError):
        return False
    return int(directory + struct.calcsize(count_kind) + entry_bytes * entries) <= len(content)


def _extra_bytes(image: Image.Image) -> float:
    """Bytes that libtiff and Pillow keep of each pixel while they decode a picture."""
    assert isinstance(image, TiffImagePlugin.TiffImageFile)
    tags = image.tag_v2
    # libtiff decodes a strip or tile as a whole.
    rows = min(tags.get(tiff_tags.ROWS_PER_STRIP, image.height), image.height)
    pixels = tags.get(tiff_tags.TILE_WIDTH, image.width) * tags.get(tiff_tags.TILE_LENGTH, rows)
    bits = max(tags.get(tiff_tags.BITS_PER_SAMPLE, (1,))) * tags.get(tiff_tags.SAMPLES_PER_PIXEL, 1)
    piece = float(pixels * bits / 8 / (image.width * image.height))
    # Pillow turns the picture upright itself, into a copy.
    is_turned = tags.get(tiff_tags.ORIENTATION, 1) != 1
    return max(piece, pillow.kept_bytes(image)) if is_turned else piece
