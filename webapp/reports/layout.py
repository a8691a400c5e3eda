"""Lays a report out on one page of A4, to print or to file."""

from __future__ import annotations

import io
from datetime import datetime

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.platypus import KeepInFrame

from webapp.reports.canvas import BOLD, GAP, MARGIN, REGULAR, TextCanvas
from webapp.reports.columns import final_reading, model_answer, readers_and_scan
from webapp.reports.content import Report
from webapp.reports.pictures import draw_pictures

RESEARCH = "Research software: nothing on this page is a diagnosis."
WIDTH, HEIGHT = A4


def pdf(report: Report, moment: datetime) -> bytes:
    """The report as PDF, made at `moment` (UTC). Columns that do not fit are made smaller: it is always one page."""
    file = io.BytesIO()
    canvas = TextCanvas(file, pagesize=A4, pageCompression=1)
    canvas.setTitle(report.title)
    canvas.setAuthor("Retinote")
    canvas.setSubject(RESEARCH)
    top = _draw_header(canvas, report, moment)
    top = draw_pictures(canvas, report, top)
    _draw_columns(canvas, report, top)
    _draw_footer(canvas)
    canvas.showPage()
    canvas.save()
    return file.getvalue()


def _draw_header(canvas: TextCanvas, report: Report, moment: datetime) -> float:
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


def _draw_columns(canvas: TextCanvas, report: Report, top: float) -> None:
    width = (WIDTH - 2 * MARGIN - GAP) / 2
    bottom = MARGIN + 14
    for column, parts in enumerate(
        ([*final_reading(report.final), *model_answer(report)], readers_and_scan(report))
    ):
        frame = KeepInFrame(width, top - bottom, parts, mode="shrink")
        _, used = frame.wrapOn(canvas, width, top - bottom)
        frame.drawOn(canvas, MARGIN + column * (width + GAP), top - used)


def _draw_footer(canvas: TextCanvas) -> None:
    canvas.setFont(REGULAR, 7)
    canvas.drawCentredString(WIDTH / 2, MARGIN - 4, RESEARCH)
