"""What the elements of a DICOM file say. What can't be used is as good as absent; what asks for too much is refused."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import pydicom
from pydicom.datadict import dictionary_description, dictionary_VR, tag_for_keyword
from pydicom.errors import BytesLengthException
from pydicom.multival import MultiValue

from imaging.errors import ImageError, ImageTooComplex

MAX_BYTES = 2**18
"""Of an element, or of a sequence that is looked into: a table of 65,536 values takes half."""
MAX_ITEMS = 1_000
ITEMS = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")
"""How an item of a sequence begins, in either byte order."""
MAX_NUMBER = 1e15
"""Of numbers that are computed with: far beyond what a device measures, far below where floats end."""
SHARED, PER_FRAME = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"
MACROS = ("FrameVOILUTSequence", "PixelValueTransformationSequence", "PixelMeasuresSequence")
"""Of functional groups, those that say how pixels are shown and how large they are (DICOM PS3.3, C.7.6.16.2)."""
UNREADABLE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    TypeError,
    ValueError,
    struct.error,
    BytesLengthException,
)
"""What pydicom raises for content that is not what it should be."""
INTEGERS = ("US", "SS", "US or SS")

MAX_QUOTED = 64
"""Letters; no name that the standard knows is longer."""

Found = TypeVar("Found")


def first(data: Any, read: Callable[[Any], Found | None]) -> Found | None:
    """What `read` finds at the first place that has something to find: None for whatever is absent or can't be used.

    The places are, the most particular first, the functional groups of the frame, those that all frames share, and
    the file itself. Only files of one frame are read, so the frame is the first. Raises ImageTooComplex, ImageError.
    """
    for place in _places(data):
        found = read(place)
        if found is not None:
            return found
    return None


def _places(data: Any) -> list[Any]:
    places = []
    for name in (PER_FRAME, SHARED):
        for group in sequence(data, name)[:1]:
            places += [macro for kind in MACROS for macro in sequence(group, kind)[:1]]
            places.append(group)
    return [*places, data]


def sequence(data: Any, name: str) -> list[Any]:
    """The items of a sequence, empty without it. Raises ImageTooComplex, or ImageError when it is damaged."""
    try:
        if name not in data:
            return []
        raw = data.get_item(name, keep_deferred=True)
        value = raw.value if isinstance(raw.value, bytes) else b""
        if len(value) > MAX_BYTES or max(value.count(item) for item in ITEMS) > MAX_ITEMS:
            raise ImageTooComplex("The DICOM file has a sequence of too many items.")
        found = data[name].value
        return list(found) if isinstance(found, pydicom.Sequence) else []
    except ImageError:
        raise
    except Exception as error:  # pydicom raises all kinds on damaged data.
        raise ImageError("The DICOM file is damaged.") from error


def values(data: Any, name: str) -> list[Any]:
    """An element's values, none where it is missing or empty; as texts where they are not what they should be.

    Raises ImageTooComplex for more than anybody needs.
    """
    if name not in data:
        return []
    raw = data.get_item(name, keep_deferred=True)
    content = raw.value if isinstance(raw.value, bytes) else b""
    if len(content) > MAX_BYTES:
        raise ImageTooComplex(f"The DICOM file has too many values for its {title(name)}.")
    try:
        value = data[name].value
    except UNREADABLE:
        return content.decode("latin-1").split("\\")
    if isinstance(value, bytes) and _representation(data, name) in INTEGERS:
        order = "<" if is_little_endian(data) else ">"
        kind = "i2" if _representation(data, name) == "SS" else "u2"
        value = np.frombuffer(value[: len(value) // 2 * 2], order + kind).tolist()
    if isinstance(value, MultiValue | list):
        return list(value)
    return [] if value is None or value in ("", b"") else [value]


def _representation(data: Any, name: str) -> str:
    """What kind of values an element has by the standard, whatever the file says of it."""
    tag = tag_for_keyword(name)
    return dictionary_VR(tag) if tag is not None else ""


def is_little_endian(data: Any) -> bool:
    """In which order a file, or an item of it, keeps its bytes."""
    return data.original_encoding[1] is not False


def numbers(data: Any, name: str) -> list[float | None]:
    """An element's numbers, None in the place of each that can't be used. A comma is taken for the decimal point."""
    return [_as_number(value) for value in values(data, name)]


def number(data: Any, name: str) -> float | None:
    """An element's one number; None where it is missing, can't be used or is one of several."""
    found = numbers(data, name)
    return found[0] if len(found) == 1 else None


def text(data: Any, name: str) -> str:
    """An element's one text in capitals, empty where it is missing or one of several."""
    found = values(data, name)
    return str(found[0]).strip(" \0").upper() if len(found) == 1 else ""


def quoted(name: str) -> str:
    """What a file calls something, fit to be said in a sentence."""
    return name[:MAX_QUOTED] if name.isascii() and name.isprintable() else "of an unreadable name"


def whole(data: Any, name: str, least: int = 1, most: float = MAX_NUMBER) -> int | None:
    """An element's one whole number from `least` to `most`; None where it is missing or can't be used."""
    found = number(data, name)
    return int(found) if found is not None and found == int(found) and least <= found <= most else None


def needed(data: Any, name: str, least: int = 1) -> int:
    """The same, where there has to be one. Raises ImageError."""
    found = whole(data, name, least)
    if found is None:
        raise ImageError(f"The DICOM file's {title(name)} is not a whole number of {least} or more.")
    return found


def title(name: str) -> str:
    """An element's name in the standard."""
    return dictionary_description(name)


def _as_number(value: Any) -> float | None:
    try:
        found = float(value.replace(",", ".") if isinstance(value, str) else value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if abs(found) <= MAX_NUMBER else None
