"""A scan on one page of A4, to print or to file."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape, unescape  # nosec B406 # it writes XML and reads a mark of our own

from PIL import Image
from reportlab import rl_config
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.platypus import Flowable, KeepInFrame, Spacer

from webapp.annotations.geometry import Points, path_of
from webapp.core import numbers
from webapp.recommendations.answers import Answer, State
from webapp.reports.canvas import BOLD, REGULAR, Bar, Text, TextCanvas

BOLD_TAG = re.compile("</?b>")
RESEARCH = "Research software: nothing on this page is a diagnosis."
NOT_SAID = ", which the model does not say"
FINDINGS = "What the model thinks it sees"
NO_FINDINGS = "nothing of what it looks for ({kinds})."
STRANGE_FINDINGS = "It does not know pictures like this one, so what it sees may be something else."
DOUBTFUL = "The picture is doubtful, as said above: it has no urgency but to be looked at."
WIDTH, HEIGHT = A4
MARGIN = 15 * mm
GAP = 6 * mm
PICTURE_HEIGHT = 78 * mm
MOST_SIDE = 1200
"""Pixels a side: 350 to the inch."""
# As text, in which nothing needs it, ReportLab takes seconds for a large picture.
rl_config.useA85 = 0
SHAPE_COLOUR = colors.HexColor("#00e5ff")


@dataclass(frozen=True)
class Drawn:
    """A shape on the scan: its selector, and what to say of it below."""

    selector: dict[str, str]
    text: str


@dataclass(frozen=True)
class Finding:
    """What the model thinks it sees: `mark` stands at each of its outlines, lists of places in pixels of the scan."""

    mark: str
    text: str
    colour: str
    outlines: Sequence[Points]


@dataclass(frozen=True)
class Final:
    """What leads where people have read the scan: their label, who says so, and the next step that follows."""

    label: str
    source: str
    recommendation: dict[str, Any]
    urgency_colour: str


@dataclass(frozen=True)
class Report:
    """Everything that stands on the page, as far as its reader may know it."""

    title: str
    made: str
    image: bytes
    overlay: bytes | None
    facts: Sequence[tuple[str, str]]
    answer: Answer = field(default_factory=Answer)
    confidence: float | None = None
    probabilities: dict[str, float] = field(default_factory=dict)
    familiarity: float | None = None
    """Share of the scans that the model learnt from that are stranger, 0 to 1."""
    known: bool | None = None
    nearest: Sequence[str] = ()
    """Simulated scans that the picture is most like, in words."""
    findings: Sequence[Finding] | None = None
    """None where the model has no map of findings, empty where it found nothing."""
    looked_for: Sequence[str] = ()
    """The kinds of findings that it looks for, as people name them."""
    doubts: Sequence[str] = ()
    """Why the picture is doubtful, as sentences."""
    warnings: Sequence[str] = ()
    recommendation: dict[str, Any] | None = None
    urgency_colour: str = "#ffffff"
    final: Final | None = None
    readers: Sequence[str] = ()
    shapes: Sequence[Drawn] = ()


def pdf(report: Report, moment: datetime) -> bytes:
    """The page as PDF. What does not fit is made smaller, so that it stays one page."""
    file = io.BytesIO()
    canvas = TextCanvas(file, pagesize=A4, pageCompression=1)
    canvas.setTitle(report.title)
    canvas.setAuthor("Retinote")
    canvas.setSubject(RESEARCH)
    top = _header(canvas, report, moment)
    top = _pictures(canvas, report, top)
    _columns(canvas, report, top)
    _footer(canvas)
    canvas.showPage()
    canvas.save()
    return file.getvalue()


def _header(canvas: TextCanvas, report: Report, moment: datetime) -> float:
    top = HEIGHT - MARGIN
    canvas.setFont(BOLD, 15)
    canvas.drawString(MARGIN, top - 12, report.title, room=WIDTH - 2 * MARGIN - 150)
    canvas.setFont(REGULAR, 8)
    canvas.drawRightString(WIDTH - MARGIN, top - 6, f"Retinote, {moment:%Y-%m-%d %H:%M} UTC")
    canvas.drawRightString(WIDTH - MARGIN, top - 16, report.made, room=140)
    canvas.setFillColor(colors.HexColor("#9a1c1c"))
    canvas.setFont(BOLD, 9)
    canvas.drawString(MARGIN, top - 27, RESEARCH)
    canvas.setFillColor(colors.black)
    return top - 35


def _pictures(canvas: TextCanvas, report: Report, top: float) -> float:
    """The scan with what was drawn, and beside it the scan with its heat map, and with what the model sees."""
    pictures: list[tuple[str, bytes, Outliner]] = [("Scan, with what was drawn", report.image, _shapes)]
    if report.overlay is not None:
        heated = f"Heat map of {dict(report.facts).get('Heat map', report.answer.label)}"
        heated += "" if report.answer.is_given else NOT_SAID
        pictures.append((heated, report.overlay, _nothing))
    if report.findings:
        pictures.append((FINDINGS, report.image, _findings))
    columns = max(2, len(pictures))
    width = (WIDTH - 2 * MARGIN - (columns - 1) * GAP) / columns
    lowest = top
    for column, (caption, content, outline) in enumerate(pictures):
        image = Image.open(io.BytesIO(content))
        image_width, image_height = image.size
        scale = min(width / image_width, PICTURE_HEIGHT / image_height)
        left, bottom = MARGIN + column * (width + GAP), top - image_height * scale
        # Finer than paper shows, and ReportLab makes several copies.
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


def _nothing(canvas: TextCanvas, report: Report, place: Place) -> None:
    """Of a picture that stands as it is."""


def _shapes(canvas: TextCanvas, report: Report, place: Place) -> None:
    for number, shape in enumerate(report.shapes, start=1):
        points, closed = path_of(shape.selector)
        _outline(canvas, place.of(points), closed, SHAPE_COLOUR, str(number))


def _findings(canvas: TextCanvas, report: Report, place: Place) -> None:
    for finding in report.findings or ():
        for points in finding.outlines:
            _outline(canvas, place.of(points), True, colors.HexColor(finding.colour), finding.mark)


def _outline(
    canvas: TextCanvas,
    placed: Sequence[tuple[float, float]],
    closed: bool,
    colour: colors.Color,
    mark: str,
) -> None:
    """A line through places of the page, and its mark beside the first of them."""
    if not placed:
        return
    path = canvas.beginPath()
    path.moveTo(*placed[0])
    for point in placed[1:]:
        path.lineTo(*point)
    if closed:
        path.close()
    # Dark below light: to be seen on any grey.
    for line_colour, line in ((colors.black, 1.8), (colour, 0.8)):
        canvas.setStrokeColor(line_colour)
        canvas.setLineWidth(line)
        canvas.drawPath(path)
    canvas.setFont(BOLD, 7)
    canvas.setFillColor(colour)
    canvas.drawString(placed[0][0] + 2, placed[0][1] + 2, mark)
    canvas.setFillColor(colors.black)
    canvas.setStrokeColor(colors.black)


def _columns(canvas: TextCanvas, report: Report, top: float) -> None:
    width = (WIDTH - 2 * MARGIN - GAP) / 2
    bottom = MARGIN + 14
    for column, parts in enumerate(([*_final(report.final), *_model(report)], _people(report))):
        frame = KeepInFrame(width, top - bottom, parts, mode="shrink")
        _, used = frame.wrapOn(canvas, width, top - bottom)
        frame.drawOn(canvas, MARGIN + column * (width + GAP), top - used)


def _final(final: Final | None) -> list[Flowable]:
    """What people say, and what follows from it: it leads."""
    if final is None:
        return []
    said = [
        _heading("Final reading"),
        _text(f"<b>{escape(final.label)}</b>", 11),
        _text(escape(final.source)),
    ]
    given = final.recommendation
    return [*said, *_recommendation("Recommendation", given, given["reasons"], final.urgency_colour)]


def _model(report: Report) -> list[Flowable]:
    """What the model said, and what follows from it."""
    parts: list[Flowable] = [_heading("What the model says")]
    if not report.probabilities:
        return [*parts, _text("There is no prediction.")]
    parts.append(_text(_said(report), 11))
    if report.doubts:
        parts.append(_text(f"<b>Doubtful:</b> {escape(' '.join(report.doubts))}", 9))
    parts.extend(_text(escape(sentence), 9) for sentence in _limits(report))
    if report.answer.is_given:  # else they would look like one
        shares = sorted(report.probabilities.items(), key=lambda item: -item[1])
        parts.extend(Bar(label, share) for label, share in shares)
    parts.extend(_text(escape(line)) for line in _seen(report))
    parts.extend(_text(f"To keep in mind: {escape(warning)}") for warning in report.warnings)
    if report.recommendation:
        # What stands beside the label already is not said again.
        said = {*report.doubts, *report.warnings, report.answer.why}
        reasons = [DOUBTFUL] if report.doubts else []
        reasons += [reason for reason in report.recommendation["reasons"] if reason not in said]
        alone = "Recommendation from the model's answer alone" if report.final else "Recommendation"
        parts.extend(_recommendation(alone, report.recommendation, reasons, report.urgency_colour))
    return parts


def _said(report: Report) -> str:
    """What the model says, as far as it says something; its confidence where that is of one label."""
    answer = report.answer
    if answer.names_label:
        return (
            f"<b>{escape(answer.label)}</b>, confidence {escape(numbers.probability(report.confidence or 0))}"
        )
    if answer.is_given:
        return f"<b>{State.UNDECIDED.label}:</b> {escape(answer.text)}"
    return f"<b>{escape(answer.text)}</b>"


def _limits(report: Report) -> list[str]:
    """Why it says no more, and how far it knows pictures like this one."""
    answer = report.answer
    sentences = [answer.why] if answer.why and answer.why not in report.warnings else []
    # Of a picture that it does not know, what it can't rule out says nothing.
    if not answer.names_label and answer.labels and report.known is not False:
        sentences.append(f"It can't rule out: {', '.join(answer.labels)}.")
    if report.familiarity is not None:
        share = numbers.percent(report.familiarity)
        sentences.append(
            f"Familiarity {share}: so many of the scans that it learnt from are stranger than this one."
        )
    if report.nearest:
        sentences.append(f"Simulated scans that it is most like: {'; '.join(report.nearest)}.")
    return sentences


def _seen(report: Report) -> list[str]:
    """What the model thinks it sees, a line for each kind; nothing of models without a map of findings."""
    if report.findings is None:
        return []
    if not report.findings:
        return [f"{FINDINGS}: {NO_FINDINGS.format(kinds=', '.join(report.looked_for))}"]
    strange = [STRANGE_FINDINGS] if report.known is False else []
    return [f"{FINDINGS}:", *strange, *(f"{finding.mark}. {finding.text}" for finding in report.findings)]


def _recommendation(title: str, given: dict[str, Any], reasons: Sequence[str], colour: str) -> list[Flowable]:
    """The next step, why, and who says so."""
    urgency = given["urgency"][:1].upper() + given["urgency"][1:]
    parts: list[Flowable] = [_heading(title), _text(f"<b>{escape(urgency)}</b>", colour=colour)]
    parts.append(_text(escape(given["action"])))
    parts.extend(_text(f"• {escape(reason)}") for reason in reasons)
    for source in given["sources"]:
        address = f" {source['url']}" if source["url"] else ""
        parts.append(_text(f"Source: {escape(source['title'] + address)}", 7))
    return parts


def _people(report: Report) -> list[Flowable]:
    """What people said and drew, and what is known of the scan."""
    parts: list[Flowable] = [_heading("Readers")]
    parts.extend(_text(escape(said)) for said in report.readers)
    if report.shapes:
        parts.append(_heading("Drawn"))
        parts.extend(
            _text(f"{number}. {escape(shape.text)}") for number, shape in enumerate(report.shapes, start=1)
        )
    parts.append(_heading("Scan"))
    parts.extend(_text(f"{escape(name)}: {escape(value)}") for name, value in report.facts if value)
    return parts


def _footer(canvas: TextCanvas) -> None:
    canvas.setFont(REGULAR, 7)
    canvas.drawCentredString(WIDTH / 2, MARGIN - 4, RESEARCH)


def _heading(text: str) -> Flowable:
    return Text([(text, True)], 9.5, before=6, after=2)


def _text(text: str, size: float = 8, colour: str = "") -> Flowable:
    """A text, `size` points high, in which <b> and </b> are around what is bold and all else is escaped.

    It stands on a ground of `colour`, `#rrggbb`, if one is given.
    """
    parts = [(unescape(part), number % 2 == 1) for number, part in enumerate(BOLD_TAG.split(text)) if part]
    if not parts:
        return Spacer(0, 0)
    return Text(parts, size, *((4, 4) if colour else (0, 0)), ground=colour)
