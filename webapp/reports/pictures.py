"""The pictures of a report: the scan, its heat map and its findings, with outlines over them."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image
from reportlab import rl_config
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader

from webapp.annotations.geometry import Points, path_of
from webapp.reports.canvas import BOLD, GAP, MARGIN, REGULAR, TextCanvas
from webapp.reports.content import FINDINGS_TITLE, Report

WIDTH = A4[0]
PICTURE_HEIGHT = 78 * mm
MOST_SIDE = 1200
"""Pixels a side: 350 to the inch."""
NOT_SAID = ", which the model does not say"
SHAPE_COLOUR = colors.HexColor("#00e5ff")
# Encoding a large picture as text takes ReportLab seconds, and no reader needs it.
rl_config.useA85 = 0


def draw_pictures(canvas: TextCanvas, report: Report, top: float) -> float:
    """Draw the scan with its annotations, and beside it the scan with its heat map and with the findings.

    `top` and what is returned, the lower end of the captions, are in points from the bottom of the page.
    """
    pictures: list[tuple[str, bytes, Outliner]] = [("Scan, with what was drawn", report.image, _draw_shapes)]
    if report.overlay is not None:
        caption = f"Heat map of {dict(report.facts).get('Heat map', report.answer.label)}"
        caption += "" if report.answer.is_given else NOT_SAID
        pictures.append((caption, report.overlay, _draw_nothing))
    if report.findings:
        pictures.append((FINDINGS_TITLE, report.image, _draw_findings))
    columns = max(2, len(pictures))
    width = (WIDTH - 2 * MARGIN - (columns - 1) * GAP) / columns
    lowest = top
    for column, (caption, content, outline) in enumerate(pictures):
        image = Image.open(io.BytesIO(content))
        image_width, image_height = image.size
        scale = min(width / image_width, PICTURE_HEIGHT / image_height)
        left, bottom = MARGIN + column * (width + GAP), top - image_height * scale
        # More pixels than paper shows would cost memory: ReportLab makes several copies.
        image.thumbnail((MOST_SIDE, MOST_SIDE))
        canvas.drawImage(ImageReader(image), left, bottom, image_width * scale, image_height * scale)
        outline(canvas, report, Place(left, top, scale))
        canvas.setFont(REGULAR, 8)
        canvas.drawString(left, bottom - 10, caption, room=width)
        lowest = min(lowest, bottom - 18)
    return lowest


@dataclass(frozen=True)
class Place:
    """Where a picture stands: its upper left corner, and points of the page per pixel."""

    left: float
    top: float
    scale: float

    def of(self, points: Points) -> list[tuple[float, float]]:
        """Places of the picture as places of the page."""
        return [(self.left + x * self.scale, self.top - y * self.scale) for x, y in points.tolist()]


Outliner = Callable[[TextCanvas, Report, Place], None]


def _draw_nothing(canvas: TextCanvas, report: Report, place: Place) -> None:
    """The heat map stands as it is."""


def _draw_shapes(canvas: TextCanvas, report: Report, place: Place) -> None:
    for number, shape in enumerate(report.shapes, start=1):
        points, closed = path_of(shape.selector)
        _draw_outline(canvas, place.of(points), closed, SHAPE_COLOUR, str(number))


def _draw_findings(canvas: TextCanvas, report: Report, place: Place) -> None:
    for finding in report.findings or ():
        for points in finding.outlines:
            _draw_outline(canvas, place.of(points), True, colors.HexColor(finding.colour), finding.mark)


def _draw_outline(
    canvas: TextCanvas,
    placed: Sequence[tuple[float, float]],
    closed: bool,
    colour: colors.Color,
    mark: str,
) -> None:
    """Draw a line through places of the page, in points, and its mark beside the first of them."""
    if not placed:
        return
    path = canvas.beginPath()
    path.moveTo(*placed[0])
    for point in placed[1:]:
        path.lineTo(*point)
    if closed:
        path.close()
    # A dark line below a light one can be seen on any grey.
    for line_colour, line in ((colors.black, 1.8), (colour, 0.8)):
        canvas.setStrokeColor(line_colour)
        canvas.setLineWidth(line)
        canvas.drawPath(path)
    canvas.setFont(BOLD, 7)
    canvas.setFillColor(colour)
    canvas.drawString(placed[0][0] + 2, placed[0][1] + 2, mark)
    canvas.setFillColor(colors.black)
    canvas.setStrokeColor(colors.black)
