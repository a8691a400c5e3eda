"""Whether one directory of a TIFF stands for several pictures, as microscopes and ImageJ write them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from imaging.structure import tiff_tags as tags
from imaging.structure.tiff import Directory, Tiff

MAX_DESCRIPTION_BYTES = 2**20
MAX_PRODUCT = 2**40
"""More pixels than any file holds."""
GREYS = (0, 1)
SEPARATE = 2
UNCOMPRESSED = 1
_IMAGEJ_COUNT = re.compile(r"^(images|slices|frames|channels)=([0-9]{1,9})\r?$", re.MULTILINE)
_OME_SIZE = re.compile(r"[ \t\r\n]Size[ZCT]=[\"']([0-9]{1,9})[\"']")


def is_stack(file: Tiff, directory: Directory) -> bool:
    """Whether a directory stands for several pictures."""
    if file.value(directory, tags.IMAGE_DEPTH, 1) > 1:
        return True
    planes = directory.entries.get(tags.METAMORPH_UIC2)
    if planes is not None and planes.count > 1:
        return True
    extra = file.values(directory, tags.EXTRA_SAMPLES)
    if file.value(directory, tags.PHOTOMETRIC, 0) in GREYS and extra and not any(extra):
        # Several extra samples are channels of equal rank. A single one beside each grey value counts as transparency.
        return len(extra) > 1 or file.value(directory, tags.PLANAR_CONFIGURATION, 1) == SEPARATE
    return _described_pictures(file, directory) > 1 and _has_room(file, directory)


def _described_pictures(file: Tiff, directory: Directory) -> int:
    """How many pictures there are by the description that ImageJ, OME-TIFF or tifffile wrote; 1 without one."""
    entry = directory.entries.get(tags.IMAGE_DESCRIPTION)
    if entry is None:
        return 1
    text = file.raw(entry)[:MAX_DESCRIPTION_BYTES].decode("latin-1").rstrip("\0 \n")
    samples = max(file.value(directory, tags.SAMPLES_PER_PIXEL, 1), 1)
    if text.startswith("ImageJ="):
        counts = {name: int(count) for name, count in _IMAGEJ_COUNT.findall(text)}
        return counts.pop("images", 0) or _product(counts.values())
    if "OME" in text and (at := text.find("Pixels ")) >= 0:
        pixels = text[at : at + 4096].partition(">")[0]
        return max(_product(map(int, _OME_SIZE.findall(pixels))) // samples, text.count("<Pixels "))
    if text.startswith("{"):
        try:
            shape = json.loads(text)["shape"]
            return _product(int(side) for side in shape) // max(area(file, directory) * samples, 1)
        except (ValueError, TypeError, LookupError, RecursionError):
            return 1
    return 1


def _product(numbers: Iterable[int]) -> int:
    """The product, at most `MAX_PRODUCT`, as a file may name numbers of any size."""
    result = 1
    for number in numbers:
        result = min(result * number, MAX_PRODUCT)
    return result


def _has_room(file: Tiff, directory: Directory) -> bool:
    """Whether more pictures can lie behind the first. A picture taken out of a stack may keep the stack's text."""
    if file.value(directory, tags.COMPRESSION, UNCOMPRESSED) != UNCOMPRESSED:
        return False
    offsets, counts = pieces(file, directory)
    end = max((at + count for at, count in zip(offsets, counts, strict=False)), default=0)
    tag_bytes = sum(len(file.raw(entry)) for entry in directory.entries.values() if entry.at >= end)
    # Texts, profiles and the picture's own directory may lie behind it, too.
    return len(file.content) - end - tag_bytes >= (sum(counts) if directory.at >= end else 1)


def area(file: Tiff, directory: Directory) -> int:
    """The number of pixels of a directory's picture."""
    return file.value(directory, tags.IMAGE_WIDTH, 0) * file.value(directory, tags.IMAGE_LENGTH, 0)


def pieces(file: Tiff, directory: Directory) -> tuple[list[int], list[int]]:
    """Offsets and byte counts of the strips or tiles."""
    offsets, counts = (
        [number for tag in kind for number in file.values(directory, tag)]
        for kind in (tags.OFFSETS, tags.BYTE_COUNTS)
    )
    return offsets, counts
