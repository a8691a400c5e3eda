"""The one picture of a TIFF, copied into a file that holds nothing else. A file of several pictures is refused.

Pillow reads just the first directory, fails on texts, profiles and lists of directories that it can't read, and does
not read a big-endian BigTIFF. So it gets a plain TIFF whose only directory is the picture's, with no tags but those
that its pixels need.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from imaging.errors import ImageTooComplex, SeveralImages, TruncatedImage, UnsupportedImage
from imaging.structure import tiff_tags as tags
from imaging.structure.tiff import MAX_VALUES, NUMBERS, TYPE_BYTES, Directory, Entry, Tiff
from imaging.structure.tiff_stacks import SEPARATE, UNCOMPRESSED, area, is_stack, pieces

MAX_PADDING = 4
"""How many times larger than the picture a tile may be, unless it is a small tile."""
SMALL_TILE = 1024**2
"""Pixels of a tile that may be of any size compared with the picture."""
MAX_SUBDIRECTORIES = 16

REDUCED, MASK = 1, 4
OLD_REDUCED = 2
YCBCR = 6
JPEG = 7
LONG = 4
"""A type of whole numbers."""
COMPRESSIONS = {UNCOMPRESSED, 2, 3, 4, 5, JPEG, 8, 32773, 32946}
"""None, fax, LZW, JPEG, Deflate and PackBits. The size of strips does not bound the work of any other."""
SCAN = b"\xff\xda"
SCANS_OF_A_PIECE = 3
"""Scans in the JPEG of a strip or tile: a colour each."""
SPARE_SCANS = 32
"""Bytes elsewhere in a file may look like the marker of a scan."""
BLOBS = (1, 2, 7)
"""Types of bytes, text and undefined data. They are copied, whatever their length."""
# Types that an integer may have, with the type that Pillow expects.
_NARROWED = {1: 3, 3: 3, 4: 4, 13: 4, 16: 4, 18: 4}


def cleaned(content: bytes) -> bytes:
    """Copy the file's one picture into a TIFF that holds nothing else.

    Thumbnails, levels of a pyramid and masks don't count as pictures. Raises SeveralImages; ImageTooComplex for too
    many tags, strips or tiles; UnsupportedImage for a compression that is not read; TruncatedImage if directories or
    strips reach beyond the file. The decoder reports whatever else can't be read.
    """
    file = Tiff(content)
    directory = _only(file)
    check_pieces(file, directory)
    if is_stack(file, directory):
        raise SeveralImages.in_file("TIFF")
    return _plain(file, directory)


def pages(file: Tiff, most: int) -> Iterator[Directory | None]:
    """The directories of pictures that follow each other, thumbnails and masks left out; None for one beyond the end.

    Raises ImageTooComplex for more than `most` directories.
    """
    return (
        directory
        for directory in file.directories(most)
        if directory is None or not _is_secondary(file, directory)
    )


def page(file: Tiff, directory: Directory) -> bytes:
    """A TIFF of one page and nothing else. Raises as `cleaned`, but SeveralImages."""
    check_pieces(file, directory)
    offsets, counts = pieces(file, directory)
    made = bytearray(file.content[:2] + bytes(6))
    moved = []
    for at, count in zip(offsets, counts, strict=False):
        moved.append(len(made))
        made += file.content[at : at + count]
    entries = {}
    for tag, entry in directory.entries.items():
        if tag not in tags.OF_PIXELS:
            continue
        kind, raw = entry.kind, file.raw(entry)
        if tag in tags.OFFSETS:
            kind, raw = LONG, np.array(moved, file.order + "u4").tobytes()
        if tag in (*tags.OFFSETS, *tags.BYTE_COUNTS):
            entry = replace(entry, count=min(entry.count, len(moved)))
        entries[tag] = replace(entry, kind=kind, at=len(made))
        made += raw
    alone = Tiff(bytes(made))
    return _plain(alone, Directory(0, entries))


def _only(file: Tiff) -> Directory:
    """The directory of the file's one picture. Raises SeveralImages, TruncatedImage or ImageTooComplex."""
    directories = list(file.directories())
    readable = [directory for directory in directories if directory is not None]
    if not readable:
        raise TruncatedImage("The TIFF file ends too early.")
    # A directory that can't be read may be a further picture, so it counts as one.
    pictures = [
        directory for directory in directories if directory is None or not _is_secondary(file, directory)
    ]
    if len(pictures) > 1:
        raise SeveralImages.of_volume("The TIFF file holds several images.")
    shown = pictures[0] if pictures and pictures[0] is not None else readable[0]
    least = area(file, shown)
    below = [
        inner
        for inner in _inner(file, shown)
        if not _is_secondary(file, inner) and area(file, inner) >= least
    ]
    # Cameras put a thumbnail first and the picture into one of its subdirectories.
    if len(below) > 1 or (below and pictures):
        raise SeveralImages.in_file("TIFF")
    return below[0] if below else shown


def _is_secondary(file: Tiff, directory: Directory) -> bool:
    """Whether a directory holds a thumbnail, a coarser level or a mask of another picture."""
    kind = file.value(directory, tags.NEW_SUBFILE_TYPE, 0)
    return bool(kind & (REDUCED | MASK)) or file.value(directory, tags.SUBFILE_TYPE, 0) == OLD_REDUCED


def _inner(file: Tiff, directory: Directory) -> list[Directory]:
    """The subdirectories of a directory that can be read."""
    inner = []
    for at in file.values(directory, tags.SUB_IFDS)[:MAX_SUBDIRECTORIES]:
        try:
            inner.append(file.directory(at)[0])
        except (struct.error, OverflowError):
            continue
    return inner


def check_pieces(file: Tiff, directory: Directory) -> None:
    """Refuse a picture whose strips or tiles are too many, too large, incomplete or of an unknown compression."""
    for tag in directory.entries.keys() & set(tags.OF_PIXELS):
        entry = directory.entries[tag]
        if entry.count > MAX_VALUES and entry.kind not in BLOBS:
            raise ImageTooComplex(
                f"The TIFF file lists more than {MAX_VALUES:,} values under tag {tag}, such as strips or tiles. "
                "Save it with larger ones."
            )
    compression = file.value(directory, tags.COMPRESSION, UNCOMPRESSED)
    if compression not in COMPRESSIONS:
        raise UnsupportedImage(
            f"TIFF files with compression {compression} are not read; save it with LZW, Deflate or none."
        )
    tile = [file.value(directory, tag, 0) for tag in (tags.TILE_WIDTH, tags.TILE_LENGTH)]
    if all(tile) and tile[0] * tile[1] > max(SMALL_TILE, MAX_PADDING * area(file, directory)):
        raise ImageTooComplex("The TIFF file's tiles are far larger than its picture. Save it without tiles.")
    if compression == UNCOMPRESSED:
        if file.value(directory, tags.PHOTOMETRIC, 0) == YCBCR and (
            (file.values(directory, tags.YCBCR_SUBSAMPLING) or [2, 2]) != [1, 1]
        ):
            raise UnsupportedImage(
                "Uncompressed TIFF files with subsampled colour are not read; save it as RGB."
            )
        _check_inside(file, directory, tile)
        return
    offsets, counts = pieces(file, directory)
    if sum(counts) > len(file.content):
        raise TruncatedImage("The TIFF file ends too early, or its strips lie over each other.")
    if any(at + count > len(file.content) for at, count in zip(offsets, counts, strict=False)):
        raise TruncatedImage("The TIFF file ends too early.")
    most = max((directory.entries[tag].count for tag in tags.OFFSETS if tag in directory.entries), default=1)
    if compression == JPEG and file.content.count(SCAN) > SCANS_OF_A_PIECE * most + SPARE_SCANS:
        raise ImageTooComplex("The TIFF file's JPEG strips have too many scans. Save it with LZW or Deflate.")


def _check_inside(file: Tiff, directory: Directory, tile: list[int]) -> None:
    """Raise TruncatedImage if uncompressed pixels are missing, or lie beyond the end of the file."""
    width, height = (file.value(directory, tag, 0) for tag in (tags.IMAGE_WIDTH, tags.IMAGE_LENGTH))
    samples = max(file.value(directory, tags.SAMPLES_PER_PIXEL, 1), 1)
    bits = file.values(directory, tags.BITS_PER_SAMPLE) or [1]
    a_pixel, planes = bits[0] * samples if len(bits) == 1 else sum(bits[:samples]), 1
    if file.value(directory, tags.PLANAR_CONFIGURATION, 1) == SEPARATE:
        a_pixel, planes = bits[0], samples
    is_tiled = all(tile)
    across, rows = (
        tile if is_tiled else (width, min(file.value(directory, tags.ROWS_PER_STRIP, height), height))
    )
    if not across or not rows:
        return
    down = -(-height // rows)
    a_row = -(-across * a_pixel // 8)
    offsets, _ = pieces(file, directory)
    is_whole = len(offsets) >= -(-width // across) * down * planes and all(
        at + (rows if is_tiled else min(rows, height - number % down * rows)) * a_row <= len(file.content)
        for number, at in enumerate(offsets)
    )
    if not is_whole:
        raise TruncatedImage("The TIFF file ends too early.")


def _plain(file: Tiff, directory: Directory) -> bytes:
    """The file with a new directory of just the picture's tags at its end, so that all offsets stay valid."""
    at = len(file.content) + len(file.content) % 2
    kept = [
        (tag, *_packed(file, tag, entry))
        for tag, entry in sorted(directory.entries.items())
        if tag in tags.OF_PIXELS
        and entry.count
        and entry.kind in (_NARROWED if tag in tags.NUMBERED else TYPE_BYTES)
    ]
    values_at = at + 2 + 12 * len(kept) + 4
    entries, values = [], b""
    for tag, kind, count, raw in kept:
        inline = raw.ljust(4, b"\0")
        if len(raw) > 4:
            inline = struct.pack(file.order + "I", values_at + len(values))
            values += raw + b"\0" * (len(raw) % 2)
        entries.append(struct.pack(file.order + "HHI", tag, kind, count) + inline)
    return b"".join(
        (
            file.content[:2] + struct.pack(file.order + "HI", 42, at),
            memoryview(file.content)[8:],
            bytes(at - len(file.content)),
            struct.pack(file.order + "H", len(entries)),
            *entries,
            bytes(4),
            values,
        )
    )


def _packed(file: Tiff, tag: int, entry: Entry) -> tuple[int, int, bytes]:
    """Type, count and bytes of a tag for a plain TIFF. Raises TruncatedImage for values that don't fit."""
    if tag in tags.SINGLE:
        entry = replace(entry, count=1)
    raw = file.raw(entry)
    if len(raw) < entry.count * TYPE_BYTES[entry.kind]:
        raise TruncatedImage("The TIFF file ends too early.")
    if tag not in tags.NUMBERED:
        return entry.kind, entry.count, raw
    kind = _NARROWED[entry.kind]
    wide = np.frombuffer(raw, file.order + NUMBERS[entry.kind])
    narrow = wide.astype(file.order + NUMBERS[kind])
    if not np.array_equal(wide, narrow):
        raise TruncatedImage("The TIFF file ends too early.")
    if tag == tags.COLOUR_MAP and narrow.max() < 2**8:  # written in 8 bits; libtiff's tools accept that, too
        narrow *= 257
    return kind, entry.count, narrow.tobytes()
