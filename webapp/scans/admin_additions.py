"""What apps above this one add to a scan's page in the administration; each does so in its own `admin` module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.contrib.admin.options import InlineModelAdmin
from django.utils.safestring import SafeString

from webapp.scans.models import Scan

Inline = type[InlineModelAdmin[Any, Scan]]
Picture = Callable[[Scan], tuple[SafeString, str] | None]
"""A function that returns a picture's HTML and caption; None for a scan without that picture."""

_inlines: list[Inline] = []
_pictures: list[Picture] = []


def add_inline(inline: Inline) -> None:
    """Show documents that belong to a scan on its page, before those of lower apps."""
    _inlines.insert(0, inline)


def add_picture(picture: Picture) -> None:
    """Show another picture beside the scan, behind those of lower apps."""
    _pictures.append(picture)


def added_inlines() -> tuple[Inline, ...]:
    """The documents that other apps have added, those of the highest app first."""
    return tuple(_inlines)


def added_pictures(scan: Scan) -> Iterator[tuple[SafeString, str]]:
    """The added pictures that this scan has: HTML and caption."""
    yield from filter(None, (picture(scan) for picture in _pictures))
