"""The marks that stand beside outlines in a report's pictures."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pypdf
import pytest

from imaging.png import encode_png
from webapp.reports.canvas import MARGIN
from webapp.reports.content import DrawnShape, Report
from webapp.reports.layout import pdf
from webapp.reports.lines import one_line
from webapp.reports.pictures import MARK_SIZE, PICTURE_HEIGHT

SIDE = 200


def place_of_mark(corner: tuple[int, int]) -> tuple[float, float]:
    """Where the mark of a box of 5 pixels with this upper left corner stands on the page, in points."""
    selector = {"type": "FragmentSelector", "value": f"xywh=pixel:{corner[0]},{corner[1]},5,5"}
    report = Report(
        title="Scan of P-7",
        made="for clara",
        image=encode_png(np.full((SIDE, SIDE), 90, np.uint8)),
        overlay=None,
        facts=[],
        shapes=[DrawnShape(selector, "a line below")],
    )
    places = []

    def note(text: str, _: Any, matrix: list[float], *others: Any) -> None:
        if text.strip() == "1":
            places.append((matrix[4], matrix[5]))

    page = pypdf.PdfReader(io.BytesIO(pdf(report, datetime(2026, 11, 28, tzinfo=UTC)))).pages[0]
    page.extract_text(visitor_text=note)
    [place] = places
    return place


@pytest.mark.parametrize("corner", [(195, 100), (20, 0), (195, 0)], ids=["right", "top", "both"])
def test_a_mark_beside_the_edge_stands_within_its_picture(corner: tuple[int, int]) -> None:
    # A square picture is as high as there is room.
    scale = PICTURE_HEIGHT / SIDE
    inner_x, inner_y = place_of_mark((20, 100))
    beside = inner_x - MARGIN - 20 * scale
    right, top = MARGIN + PICTURE_HEIGHT, inner_y - beside + 100 * scale

    x, y = place_of_mark(corner)

    assert x + one_line("1", bold=True).width * MARK_SIZE < right - 1
    assert y + MARK_SIZE <= top + 0.01  # the file rounds
