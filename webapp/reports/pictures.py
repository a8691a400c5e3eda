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
from webapp.reports.lines import one_line

WIDTH = A4[0]
PICTURE_HEIGHT = 78 * mm
MOST_SIDE = 1200
"""Pixels a side: 350 to the inch."""
NOT_SAID = ", which the model does not say"
SHAPE_COLOUR = colors.HexColor("#00e5ff")
MARK_SIZE = 7
MARK_RIM = 1.5
"""Of the dark ground around a mark, in points."""
# Encoding a large picture as text takes ReportLab seconds, and no reader needs it.
rl_config.useA85 = 0


def draw_pictures(canvas: TextCanvas, report: Report, top: float) -> float:
    """Draw the scan with its annotations, and beside it the scan with its heat map and with the findings.

    `top` and what is returned, the lower end of the captions, are in points from the bottom of the page.
    """
    caption = "Scan, with what was drawn" if report.shapes else "Scan"
    pictures: list[tuple[str, bytes, Outliner]] = [(caption, report.image, _draw_shapes)]
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
        outline(canvas, report, Place(left, top, left + image_width * scale, scale))
        canvas.setFont(REGULAR, 8)
        canvas.drawString(left, bottom - 10, caption, room=width)
        lowest = min(lowest, bottom - 18)
    return lowest


@dataclass(frozen=True)
class Place:
    """Where a picture stands, in points of the page, and how many of them a pixel takes."""

    left: float
    top: float
    right: float
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
        _draw_outline(canvas, place.of(points), closed, SHAPE_COLOUR)
        _draw_mark(canvas, place, points, SHAPE_COLOUR, str(number))


def _draw_findings(canvas: TextCanvas, report: Report, place: Place) -> None:
    for finding in report.findings or ():
        for points in finding.outlines:
            colour = colors.HexColor(finding.colour)
            _draw_outline(canvas, place.of(points), True, colour)
            _draw_mark(canvas, place, points, colour, finding.mark)


def _draw_outline(
    canvas: TextCanvas, placed: Sequence[tuple[float, float]], closed: bool, colour: colors.Color
) -> None:
    """Draw a line through places of the page, in points."""
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
    canvas.setStrokeColor(colors.black)


def _draw_mark(canvas: TextCanvas, place: Place, points: Points, colour: colors.Color, mark: str) -> None:
    """Write a mark beside the first place of an outline, on a dark ground, and within the picture."""
    if len(points) == 0:
        return
    [(x, y)] = place.of(points[:1])
    width = one_line(mark, bold=True).width * MARK_SIZE
    x = min(max(x + 2, place.left + MARK_RIM), place.right - width - MARK_RIM)
    y = min(y + 2, place.top - MARK_SIZE)
    canvas.setFillColor(colors.Color(0, 0, 0, alpha=0.7))
    ground = (x - MARK_RIM, y - MARK_RIM, width + 2 * MARK_RIM, MARK_SIZE + MARK_RIM)
    canvas.rect(*ground, stroke=0, fill=1)
    canvas.setFont(BOLD, MARK_SIZE)
    canvas.setFillColor(colour)
    canvas.drawString(x, y, mark)
    canvas.setFillColor(colors.black)
