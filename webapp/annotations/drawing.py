"""Scans with their annotations, as SVG for the pages of the administration."""

from __future__ import annotations

import re
from collections.abc import Iterable

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from webapp.annotations.models import Annotation
from webapp.annotations.selectors import FRAGMENT, SelectorError, clean
from webapp.scans.models import Scan

SHAPE = re.compile(r"<svg[^<>]*>(.*)</svg>", re.DOTALL)


def drawing(scan: Scan, annotations: Iterable[Annotation]) -> SafeString:
    """The scan's picture with the outlines of the annotations over it."""
    # Each outline is cleaned again, see `_outline`.
    outlines = mark_safe("".join(_outline(annotation.selector, scan) for annotation in annotations))  # nosec B308 B703
    return format_html(
        '<svg class="drawing" viewBox="0 0 {0} {1}"><image href="{2}" width="{0}" height="{1}"/>{3}</svg>',
        scan.width,
        scan.height,
        reverse("scan-image", args=[scan.pk]),
        outlines,
    )


def _outline(selector: dict[str, str], scan: Scan) -> str:
    """The one SVG element of a selector; "" for a selector that would not be accepted today."""
    try:
        # Cleaned again: what goes into a page unescaped is not trusted because it was clean when it was stored.
        value = clean(selector, scan.width, scan.height)["value"]
    except SelectorError:
        return ""
    box = FRAGMENT.fullmatch(value)
    if box:
        return '<rect x="{}" y="{}" width="{}" height="{}"/>'.format(*box.groups())
    shape = SHAPE.fullmatch(value)
    return shape[1] if shape else ""
