"""Selectors of W3C Web Annotations: checked against the scan's size, and rebuilt so that no script gets in.

Boxes are a FragmentSelector, `xywh=pixel:X,Y,WIDTH,HEIGHT` (https://www.w3.org/TR/media-frags/); every other shape is
an SvgSelector that holds one SVG shape element (https://www.w3.org/TR/annotation-model/#svg-selector).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree  # nosec B405 # for its types; defusedxml parses

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from webapp.annotations.shapes import ELEMENTS

MEDIA_FRAGMENTS = "http://www.w3.org/TR/media-frags/"
SVG = "http://www.w3.org/2000/svg"
MAX_SVG_CHARACTERS = 200_000
# Corners, ends and control points of one shape. The page keeps a few hundred of a line drawn by hand.
MAX_POINTS = 5_000
# In pixels, as 0.1 + 767.9 must not lie outside of 768.
ROUNDING = 1e-6

_NUMBER = r"-?[0-9]+(?:\.[0-9]+)?"
NUMBER = re.compile(_NUMBER)
BETWEEN_NUMBERS = re.compile(r"[ ,]+")
FRAGMENT = re.compile(rf"xywh=pixel:({_NUMBER}),({_NUMBER}),({_NUMBER}),({_NUMBER})")
PATH_TOKENS = re.compile(rf"[MLCQZ]|{_NUMBER}|[\s,]+")
PATH_PARTS = re.compile(r"([MLCQZ])([^MLCQZ]*)")
NUMBERS_PER_COMMAND = {"M": 2, "L": 2, "C": 6, "Q": 4, "Z": 0}


class SelectorError(ValueError):
    """A selector that can't be kept; the message says why."""


def clean(selector: Any, width: int, height: int) -> dict[str, str]:
    """The selector as it is stored, with its numbers exactly as given. Raises SelectorError.

    `width` and `height` are the scan's, in pixels; every coordinate has to lie in it, its edges included.
    """
    if not isinstance(selector, dict) or not isinstance(selector.get("value"), str):
        raise SelectorError("A selector has a `type` and a `value`.")
    if selector.get("type") == "FragmentSelector":
        return _clean_fragment(selector["value"], width, height)
    if selector.get("type") == "SvgSelector":
        return _clean_svg(selector["value"], width, height)
    raise SelectorError("The selector's type is FragmentSelector or SvgSelector.")


def _clean_fragment(value: str, width: int, height: int) -> dict[str, str]:
    found = FRAGMENT.fullmatch(value)
    if not found:
        raise SelectorError("A box is written as xywh=pixel:X,Y,WIDTH,HEIGHT.")
    x, y, box_width, box_height = map(float, found.groups())
    if box_width <= 0 or box_height <= 0:
        raise SelectorError("A box needs a width and a height above 0.")
    _check_inside([x, x + box_width], [y, y + box_height], width, height)
    return {"type": "FragmentSelector", "conformsTo": MEDIA_FRAGMENTS, "value": value}


def _clean_svg(value: str, width: int, height: int) -> dict[str, str]:
    if len(value) > MAX_SVG_CHARACTERS:
        raise SelectorError(f"The SVG has {len(value)} characters; up to {MAX_SVG_CHARACTERS} are kept.")
    try:
        root = fromstring(value, forbid_dtd=True)
    except (ElementTree.ParseError, DefusedXmlException, ValueError) as error:
        raise SelectorError("The SVG can't be parsed.") from error
    if _name(root) != "svg" or len(root) != 1 or len(root[0]):
        raise SelectorError("The SVG holds exactly one shape: an svg element with one child.")
    shape = root[0]
    name = _name(shape)
    kept = dict(_attributes(name, shape, width, height))
    written = " ".join(f'{key}="{text}"' for key, text in kept.items())
    return {"type": "SvgSelector", "value": f'<svg xmlns="{SVG}"><{name} {written}/></svg>'}


def _attributes(name: str, shape: ElementTree.Element, width: int, height: int) -> Iterator[tuple[str, str]]:
    element = ELEMENTS.get(name)
    if element is None:
        raise SelectorError(f"The shape {name} is not kept; use one of {', '.join(ELEMENTS)}.")
    if element.is_measured:
        for key in element.attributes:
            if not NUMBER.fullmatch(shape.get(key, "")):
                raise SelectorError(f"The {name} needs a number as {key}.")
        yield from ((key, text) for key, text in shape.attrib.items() if key in element.attributes)
        if any(float(shape.attrib[key]) <= 0 for key in element.lengths):
            raise SelectorError(f"The {name} needs lengths above 0.")
        _check_inside(*element.ends(*(float(shape.attrib[key]) for key in element.attributes)), width, height)
        return
    (key,) = element.attributes
    text = " ".join(shape.get(key, "").split())
    values = (
        _listed_numbers(name, text, element.least_points) if element.least_points else _path_numbers(text)
    )
    _check_inside(values[::2], values[1::2], width, height)
    yield key, text


def _listed_numbers(name: str, text: str, least_points: int) -> list[float]:
    """The coordinates of a list of points; raises SelectorError for anything else."""
    numbers = BETWEEN_NUMBERS.split(text)
    if not all(map(NUMBER.fullmatch, numbers)) or len(numbers) % 2:
        raise SelectorError(f"The {name} needs points written as x,y x,y …")
    _check_count(name, len(numbers) // 2)
    if len(numbers) < 2 * least_points:
        raise SelectorError(f"The {name} needs at least {least_points} points.")
    return list(map(float, numbers))


def _path_numbers(text: str) -> list[float]:
    """The coordinates of a path with absolute commands; raises SelectorError for anything else."""
    if PATH_TOKENS.sub("", text) or not text.startswith("M"):
        raise SelectorError("The path starts with M and uses the absolute commands M, L, C, Q and Z only.")
    values: list[float] = []
    for command, arguments in PATH_PARTS.findall(text):
        numbers = NUMBER.findall(arguments)
        wanted = NUMBERS_PER_COMMAND[command]
        if (len(numbers) % wanted or not numbers) if wanted else numbers:
            raise SelectorError(f"The path's command {command} has the wrong count of numbers.")
        values += map(float, numbers)
    _check_count("path", len(values) // 2)
    if len(values) < 4:
        raise SelectorError("The path needs at least 2 points.")
    return values


def _check_count(name: str, points: int) -> None:
    if points > MAX_POINTS:
        raise SelectorError(f"The {name} has {points:,} points; up to {MAX_POINTS:,} are kept.")


def _check_inside(across: list[float], down: list[float], width: int, height: int) -> None:
    if not _all_within(across, width) or not _all_within(down, height):
        raise SelectorError(f"The shape leaves the scan, which has {width} × {height} pixels.")


def _all_within(values: list[float], end: int) -> bool:
    return all(-ROUNDING <= value <= end + ROUNDING for value in values)


def _name(element: ElementTree.Element) -> str:
    return str(element.tag).removeprefix(f"{{{SVG}}}")
