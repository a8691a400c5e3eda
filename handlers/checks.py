"""Checks of JSON values that people or programs wrote; each says which field doesn't fit, and what it must be."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from typing import Any

LONGEST_LINE = 200
"""Letters of what stands in one line for people, and in one field of a database."""
SHA256 = re.compile(r"[0-9a-f]{64}")


class FieldError(Exception):
    """A value that can't be used; the message names its field."""


def checked_object(
    value: object, what: str, names: Collection[str], optional: Collection[str] = ()
) -> Mapping[str, Any]:
    """A JSON object with all fields of `names`, of which those of `optional` may be missing, and no others.

    `what` names it in front of the fields; empty for the outermost one.
    """
    content = checked_mapping(value, what or "the whole")
    prefix = f"{what}." if what else ""
    for name in sorted(set(names) - content.keys() - set(optional)):
        raise FieldError(f"field {prefix}{name} is missing")
    for name in sorted(content.keys() - set(names)):
        raise FieldError(f"field {prefix}{name} is not known")
    return content


def checked_mapping(value: object, what: str) -> dict[str, Any]:
    """A JSON object with any fields."""
    if not isinstance(value, dict):
        raise FieldError(f"{what} must be a JSON object")
    return value


def checked_text(value: object, what: str) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise FieldError(f"{what} must be a text that is not empty")
    return value


def checked_texts(value: object, what: str) -> tuple[str, ...]:
    """A list of texts, none of them empty."""
    if not isinstance(value, list):
        raise FieldError(f"{what} must be a list of texts")
    return tuple(checked_text(item, what) for item in value)


def checked_line(value: object, what: str) -> str:
    """A text of one line that is not too long to be shown in a list."""
    line = checked_text(value, what)
    if len(line) > LONGEST_LINE or not line.isprintable():
        raise FieldError(f"{what} must be one line of up to {LONGEST_LINE} letters")
    return line


def checked_number(value: object, what: str, *, positive: bool = False) -> float:
    """A finite number, greater than 0 if `positive`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise FieldError(f"{what} must be a number")
    if positive and value <= 0:
        raise FieldError(f"{what} must be greater than 0")
    return float(value)


def checked_share(value: object, what: str) -> float:
    """A number from 0 to 1."""
    number = checked_number(value, what)
    if not 0 <= number <= 1:
        raise FieldError(f"{what} must be from 0 to 1")
    return number


def checked_count(value: object, what: str) -> int:
    """A whole number, 0 or greater."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise FieldError(f"{what} must be a whole number, 0 or greater")
    return value


def checked_flag(value: object, what: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise FieldError(f"{what} must be true or false")
    return value


def one_of(value: object, what: str, known: Collection[str]) -> str:
    """One of the known texts."""
    if not isinstance(value, str) or value not in known:
        raise FieldError(f"{what} must be one of: {', '.join(known)}")
    return value


def checked_sha256(value: object, what: str) -> str:
    """A hash as hexadecimal digits in lower case."""
    if not isinstance(value, str) or not SHA256.fullmatch(value):
        raise FieldError(f"{what} must be 64 hexadecimal digits")
    return value
