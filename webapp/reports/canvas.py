"""ReportLab's canvas, and flowables, for text of any script."""

from __future__ import annotations

from typing import Any

from reportlab.lib.colors import HexColor, black
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable

from webapp.core import numbers
from webapp.reports.embedding import EmbeddedFont, operators
from webapp.reports.fonts import Face
from webapp.reports.lines import Line, Run, lines_of, one_line, words_of

REGULAR, BOLD = "regular", "bold"
MARGIN, GAP = 15 * mm, 6 * mm
"""Of the page, and between its columns and pictures."""
LEADING = 1.3
"""Distance of lines, as a multiple of the font's size."""
BAR_COLOUR = HexColor("#0b7a5b")
GROUND_RIM = 2
"""How far a text's ground goes beyond it, in points."""


class TextCanvas(Canvas):
    """A canvas that sets strings by `lines`, in one of two weights. Lengths are in points."""

    def __init__(self, *given: Any, **named: Any) -> None:
        self._fonts: dict[str, EmbeddedFont] = {}
        self._weight, self._size = REGULAR, 10.0
        super().__init__(*given, **named)

    def setFont(self, psfontname: str, size: float, leading: float | None = None) -> None:
        """Choose the weight (REGULAR or BOLD) and the size of the strings that follow."""
        self._weight, self._size = psfontname, size

    def drawString(self, x: float, y: float, text: str, room: float | None = None) -> None:  # type: ignore[override]
        """Write a text from x to the right. What goes beyond `room` is cut off with an ellipsis."""
        self.write(x, y, self._line(text, room), self._size)

    def drawRightString(self, x: float, y: float, text: str, room: float | None = None) -> None:  # type: ignore[override]
        """Write a text that ends at x; see `drawString`."""
        line = self._line(text, room)
        self.write(x - line.width * self._size, y, line, self._size)

    def drawCentredString(self, x: float, y: float, text: str, room: float | None = None) -> None:  # type: ignore[override]
        """Write a text with x in its middle; see `drawString`."""
        line = self._line(text, room)
        self.write(x - line.width * self._size / 2, y, line, self._size)

    def write(self, x: float, y: float, line: Line, size: float) -> None:
        """Write a line whose baseline begins at x, y."""
        for run in line.in_visual_order():
            self._write(x, y, run, size)
            x += run.width * size

    def _line(self, text: str, room: float | None) -> Line:
        return one_line(text, self._weight == BOLD, None if room is None else room / self._size)

    def _write(self, x: float, y: float, run: Run, size: float) -> None:
        font = self._embedded(run.face)
        text: Any = self.beginText(x, y)  # the types know nothing of what writes operators
        text._code.append(f"/{font.resource} {size:.4f} Tf")
        text._code.extend(operators(run, font, size))
        self.drawText(text)

    def _embedded(self, face: Face) -> EmbeddedFont:
        if face.name not in self._fonts:
            font = self._fonts[face.name] = EmbeddedFont(face, f"G{len(self._fonts)}")
            document: Any = vars(self)["_doc"]
            document.delayedFonts.append(font)
        return self._fonts[face.name]


class Text(Flowable):
    """A paragraph: parts of a text, each with whether it is bold, broken into lines of the available width.

    `size`, `before` and `after` are in points; `ground` is the colour behind it (`#rrggbb`), "" for none.
    """

    def __init__(
        self,
        parts: list[tuple[str, bool]],
        size: float,
        before: float = 0,
        after: float = 0,
        ground: str = "",
    ) -> None:
        super().__init__()
        self.words, self.size, self.ground = words_of(parts), size, ground
        self.spaceBefore, self.spaceAfter = before, after

    def wrap(self, available_width: float, available_height: float) -> tuple[float, float]:
        """Break the text into lines; the available width, and the height of the lines."""
        self.lines = lines_of(self.words, available_width / self.size)
        self.width, self.height = available_width, len(self.lines) * self.size * LEADING
        return self.width, self.height

    def draw(self) -> None:
        """Draw the ground, then the lines from the top."""
        assert isinstance(self.canv, TextCanvas)
        if self.ground:
            self.canv.setFillColor(HexColor(self.ground))
            rim = GROUND_RIM
            self.canv.rect(-rim, -rim, self.width + 2 * rim, self.height + 2 * rim, stroke=0, fill=1)
            self.canv.setFillColor(black)
        for number, line in enumerate(self.lines, start=1):
            below = len(self.lines) - number
            self.canv.write(0, (below * LEADING + LEADING - 1) * self.size, line, self.size)


class Bar(Flowable):
    """A probability, 0 to 1, as a bar with its label."""

    def __init__(self, label: str, share: float) -> None:
        super().__init__()
        self.label, self.share = label, share

    def wrap(self, available_width: float, available_height: float) -> tuple[float, float]:
        """The available width, and the height of a line."""
        self.width, self.height = available_width, 10
        return self.width, self.height

    def draw(self) -> None:
        """Draw label, bar and percentage."""
        canvas = self.canv
        assert isinstance(canvas, TextCanvas)
        canvas.setFont(REGULAR, 7.5)
        canvas.drawString(0, 2, self.label, room=60)
        room = self.width - 95
        canvas.setFillColor(HexColor("#e6e6e6"))
        canvas.rect(62, 2, room, 5, stroke=0, fill=1)
        canvas.setFillColor(BAR_COLOUR)
        canvas.rect(62, 2, room * self.share, 5, stroke=0, fill=1)
        canvas.setFillColor(black)
        canvas.drawRightString(self.width, 2, numbers.probability(self.share))
