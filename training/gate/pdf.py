"""The gate as a PDF to print or to file: what changes, how it was tested, what it may do."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape  # nosec B406 # it writes XML

import weblate_fonts
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table

from training.export import replace_file
from training.gate.page import VERDICTS, failed, grouped, number, title, verdict

FONTS = Path(weblate_fonts.__file__).parent / "static" / "weblate_fonts" / "kurinto" / "ttf"
REGULAR, BOLD = "KurintoSans-Rg", "KurintoSans-Bd"
RESEARCH = "Research software: nothing on this page is a diagnosis."
MARGIN = 14 * mm
WIDTH = landscape(A4)[0] - 2 * MARGIN
COLUMNS = (0.17, 0.13, 0.07, 0.07, 0.15, 0.05, 0.08, 0.28)
"""Shares of the width, of the table of checks."""
GOOD, BAD, LINE = colors.HexColor("#0b6e4f"), colors.HexColor("#b3261e"), colors.HexColor("#d3dbe3")
HEADS = ("check", "test set", "candidate", "champion", "difference", "margin", "verdict", "why")


def write_pdf(path: Path, gate: dict[str, Any]) -> None:
    """Write the PDF of a gate's content."""
    for font in (REGULAR, BOLD):
        pdfmetrics.registerFont(TTFont(font, str(FONTS / f"{font}.ttf")))
    file = io.BytesIO()
    document = SimpleDocTemplate(
        file,
        pagesize=landscape(A4),
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
        title=title(gate),
        author="Retinote",
        subject=RESEARCH,
    )
    document.build(_story(gate), onFirstPage=_footer, onLaterPages=_footer)
    replace_file(path, file.getvalue())


def _story(gate: dict[str, Any]) -> list[Flowable]:
    plan = gate["plan"]
    tone = GOOD if gate["passed"] else BAD
    story: list[Flowable] = [
        _text(title(gate), 15, bold=True),
        _text(
            f"Evidence for a predetermined change. Made {gate['made']}, Retinote {gate['code']['retinote']}.",
            8,
        ),
        _text(RESEARCH, 8, bold=True, colour=BAD),
        _text(verdict(gate), 11, bold=True, colour=tone),
        *(_text(f"{_name(check)}: {check['reason']}", 8) for check in failed(gate)),
        _heading("What changes"),
        *(_text(line, 8) for line in plan["changes"]),
        _text("What stays:", 8, bold=True),
        *(_text(line, 8) for line in plan["stays"]),
        _heading("What it may do"),
        _text(plan["may"], 8),
        _text(plan["undo"], 8),
        _heading("How it was tested"),
        _table(
            ("test set", "scans", "patients", "strangers", "sha256"),
            [
                [row["name"], row["scans"], row["patients"], row["strangers"], row["sha256"]]
                for row in gate["test_sets"]
            ],
            (0.3, 0.08, 0.08, 0.08, 0.46),
        ),
    ]
    for words, checks in grouped(gate):
        story += [_heading(words), _table(HEADS, [_row(check) for check in checks], COLUMNS)]
    if gate["replay"] and gate["replay"]["changes"]:
        rows = [[row["before"], row["after"], row["scans"]] for row in gate["replay"]["changes"]]
        story += [
            _heading("Stored scans whose urgency would change"),
            _table(("from", "to", "scans"), rows, (0.4, 0.4, 0.2)),
        ]
    story += [
        _heading("Margins and their reasons"),
        _table(
            ("check", "own", "given", "simulated", "reason", "source"),
            [[row["check"], *_margins(row), row["reason"], row["source"]] for row in gate["margins"]],
            (0.15, 0.05, 0.05, 0.07, 0.42, 0.26),
        ),
        _heading("Hashes (sha256)"),
        _table(
            ("of", ""),
            [
                ["candidate's weights", gate["candidate"]["weights_sha256"]],
                ["champion's weights", gate["champion"]["weights_sha256"]],
                ["margins", gate["margins_sha256"]],
                ["code", gate["code"].get("commit", gate["code"]["retinote"])],
                ["this gate", gate["sha256"]],
            ],
            (0.2, 0.8),
        ),
    ]
    return story


def _row(check: dict[str, Any]) -> list[Any]:
    interval = check["interval"]
    bounds = (
        f" [{number(interval[0])}, {number(interval[1])}]" if interval and interval[0] is not None else ""
    )
    return [
        check["name"],
        check["set"],
        number(check["candidate"]),
        number(check["champion"]),
        number(check["difference"]) + bounds,
        number(check["margin"]),
        VERDICTS[check["passed"]],
        check["reason"],
    ]


def _margins(row: dict[str, Any]) -> list[Any]:
    if row["least"] is not None:
        return [f"≥ {row['least']}"] * 3
    return [row["margin"][kind] for kind in ("own", "given", "simulated")]


def _name(check: dict[str, Any]) -> str:
    return f"{check['name']}, {check['set']}" if check["set"] else str(check["name"])


def _heading(text: str) -> Paragraph:
    return _text(text, 10, bold=True, before=8)


def _text(
    text: object, size: float, *, bold: bool = False, colour: colors.Color = colors.black, before: float = 1
) -> Paragraph:
    style = ParagraphStyle(
        "text",
        fontName=BOLD if bold else REGULAR,
        fontSize=size,
        leading=1.3 * size,
        textColor=colour,
        spaceBefore=before,
        spaceAfter=2,
        wordWrap="CJK" if len(str(text)) > 60 and " " not in str(text) else None,
    )
    return Paragraph(escape(str(text)), style)


def _table(heads: Sequence[str], rows: Sequence[Sequence[Any]], shares: Sequence[float]) -> Flowable:
    if not rows:
        return Spacer(1, 1)
    cells = [[_text(head, 7, bold=True) for head in heads]]
    tones = {VERDICTS[True]: GOOD, VERDICTS[False]: BAD}
    cells += [[_text(value, 7, colour=tones.get(value, colors.black)) for value in row] for row in rows]
    return Table(
        cells,
        colWidths=[share * WIDTH for share in shares],
        repeatRows=1,
        style=[
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE),
            ("LEFTPADDING", (0, 0), (-1, -1), 2),
            ("RIGHTPADDING", (0, 0), (-1, -1), 2),
            ("TOPPADDING", (0, 0), (-1, -1), 1),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 1),
        ],
    )


def _footer(canvas: Canvas, document: SimpleDocTemplate) -> None:
    canvas.setFont(REGULAR, 7)
    canvas.drawString(MARGIN, 7 * mm, RESEARCH)
    canvas.drawRightString(landscape(A4)[0] - MARGIN, 7 * mm, f"Page {canvas.getPageNumber()}")
