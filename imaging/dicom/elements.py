"""Reads the elements of a DICOM file. An unusable value counts as absent; one that takes too much work is refused."""

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
"""Of an element, or of a sequence that is read: a table of 65,536 values takes half as many."""
MAX_ITEMS = 1_000
ITEMS = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")
"""The first bytes of an item of a sequence, in either byte order."""
MAX_NUMBER = 1e15
"""Greatest absolute number that is used: far above what a device measures, far below what a float can hold."""
SHARED, PER_FRAME = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"
MACROS = ("FrameVOILUTSequence", "PixelValueTransformationSequence", "PixelMeasuresSequence")
"""Functional group macros of how pixels are shown and how large they are (DICOM PS3.3, C.7.6.16.2)."""
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
"""What pydicom raises for content that is not as the standard has it."""
INTEGERS = ("US", "SS", "US or SS")

MAX_QUOTED = 64
"""Letters of a quoted name; no name in the standard is longer."""

Read = TypeVar("Read")


def first(data: Any, read: Callable[[Any], Read | None]) -> Read | None:
    """The first result of `read` that is not None, over all places of a file that may say how pixels are shown.

    The places are, from the most to the least specific, the functional groups of the frame, those that all frames
    share, and the file itself. Just the first frame counts, as only files of one frame are read. Raises
    ImageTooComplex, ImageError.
    """
    return next((result for place in _places(data) if (result := read(place)) is not None), None)


def _places(data: Any) -> list[Any]:
    places = []
    for name in (PER_FRAME, SHARED):
        for group in sequence(data, name)[:1]:
            places += [macro for kind in MACROS for macro in sequence(group, kind)[:1]]
            places.append(group)
    return [*places, data]


def sequence(data: Any, name: str) -> list[Any]:
    """The items of a sequence; empty if it is missing. Raises ImageTooComplex, or ImageError if it is damaged."""
    try:
        if name not in data:
            return []
        raw = data.get_item(name, keep_deferred=True)
        value = raw.value if isinstance(raw.value, bytes) else b""
        if len(value) > MAX_BYTES or max(value.count(item) for item in ITEMS) > MAX_ITEMS:
            raise ImageTooComplex("The DICOM file has a sequence of too many items.")
        items = data[name].value
        return list(items) if isinstance(items, pydicom.Sequence) else []
    except ImageError:
        raise
    except Exception as error:  # pydicom raises all kinds on damaged data.
        raise ImageError("The DICOM file is damaged.") from error


def values(data: Any, name: str) -> list[Any]:
    """The values of an element; empty if it is missing or empty, texts if they can't be read as the standard has them.

    Raises ImageTooComplex for more than `MAX_BYTES`.
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
    """The value representation of an element by the standard, whatever the file declares."""
    tag = tag_for_keyword(name)
    return dictionary_VR(tag) if tag is not None else ""


def is_little_endian(data: Any) -> bool:
    """Whether a file, or an item of it, stores the low byte first."""
    return data.original_encoding[1] is not False


def numbers(data: Any, name: str) -> list[float | None]:
    """The numbers of an element, None for each that can't be used. A comma counts as decimal point."""
    return [_as_number(value) for value in values(data, name)]


def number(data: Any, name: str) -> float | None:
    """The only number of an element; None if it is missing, can't be used or is one of several."""
    several = numbers(data, name)
    return several[0] if len(several) == 1 else None


def text(data: Any, name: str) -> str:
    """The only text of an element, in upper case; empty if it is missing or one of several."""
    several = values(data, name)
    return str(several[0]).strip(" \0").upper() if len(several) == 1 else ""


def quoted(name: str) -> str:
    """A name from a file, shortened and made safe to stand in a sentence."""
    return name[:MAX_QUOTED] if name.isascii() and name.isprintable() else "of an unreadable name"


def whole(data: Any, name: str, least: int = 1, most: float = MAX_NUMBER) -> int | None:
    """The only integer of an element, from `least` to `most`; None if it is missing or can't be used."""
    value = number(data, name)
    return int(value) if value is not None and value == int(value) and least <= value <= most else None


def needed(data: Any, name: str, least: int = 1) -> int:
    """The only integer of an element, of `least` or more. Raises ImageError without one."""
    value = whole(data, name, least)
    if value is None:
        raise ImageError(f"The DICOM file's {title(name)} is not a whole number of {least} or more.")
    return value


def title(name: str) -> str:
    """An element's name in the standard."""
    return dictionary_description(name)


def _as_number(value: Any) -> float | None:
    try:
        as_float = float(value.replace(",", ".") if isinstance(value, str) else value)
    except (TypeError, ValueError, OverflowError):
        return None
    return as_float if abs(as_float) <= MAX_NUMBER else None
