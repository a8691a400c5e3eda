"""The texts of a report: the final reading, the model's answer, the readers, and the facts of the scan."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape, unescape  # nosec B406 # it writes XML and reads a mark of our own

from reportlab.platypus import Flowable, Spacer

from webapp.core import numbers
from webapp.recommendations.answers import State
from webapp.reports.canvas import Bar, Text
from webapp.reports.content import FINDINGS_TITLE, Report, ReportedReading

BOLD_TAG = re.compile("</?b>")
NO_FINDINGS = "nothing of what it looks for ({kinds})."
STRANGE_FINDINGS = "It does not know pictures like this one, so what it sees may be something else."
DOUBTFUL = "The picture is doubtful, as said above: the only next step is to look at it."


def final_reading(final: ReportedReading | None) -> list[Flowable]:
    """The final reading and the next step that follows from it; nothing where nobody has read the scan."""
    if final is None:
        return []
    reading = [
        _heading("Final reading"),
        _text(f"<b>{escape(final.label)}</b>", 11),
        _text(escape(final.source)),
    ]
    given = final.recommendation
    return [*reading, *_recommendation("Recommendation", given, given["reasons"], final.urgency_colour)]


def model_answer(report: Report) -> list[Flowable]:
    """The model's answer and the next step that follows from it."""
    parts: list[Flowable] = [_heading("What the model says")]
    if not report.probabilities:
        return [*parts, _text("There is no prediction.")]
    parts.append(_text(_answer_text(report), 11))
    if report.doubts:
        parts.append(_text(f"<b>Doubtful:</b> {escape(' '.join(report.doubts))}", 9))
    parts.extend(_text(escape(sentence), 9) for sentence in _limits_of_answer(report))
    if report.answer.is_given:  # without an answer, bars would look like one
        shares = sorted(report.probabilities.items(), key=lambda item: -item[1])
        parts.extend(Bar(label, share) for label, share in shares)
    parts.extend(_text(escape(line)) for line in _finding_lines(report))
    parts.extend(_text(f"To keep in mind: {escape(warning)}") for warning in report.warnings)
    if report.recommendation:
        # What stands beside the label is not repeated.
        shown = {*report.doubts, *report.warnings, report.answer.why}
        reasons = [DOUBTFUL] if report.doubts else []
        reasons += [reason for reason in report.recommendation["reasons"] if reason not in shown]
        alone = "Recommendation from the model's answer alone" if report.final else "Recommendation"
        parts.extend(_recommendation(alone, report.recommendation, reasons, report.urgency_colour))
    return parts


def _answer_text(report: Report) -> str:
    """The answer as far as the model has given one; its confidence only where it names one label."""
    answer = report.answer
    if answer.names_label:
        return (
            f"<b>{escape(answer.label)}</b>, confidence {escape(numbers.probability(report.confidence or 0))}"
        )
    if answer.is_given:
        return f"<b>{State.UNDECIDED.label}:</b> {escape(answer.text)}"
    return f"<b>{escape(answer.text)}</b>"


def _limits_of_answer(report: Report) -> list[str]:
    """Why the model says no more, and how familiar the picture is to it, as sentences."""
    answer = report.answer
    sentences = [answer.why] if answer.why and answer.why not in report.warnings else []
    # What the model can't rule out on a picture that it does not know means nothing.
    if not answer.names_label and answer.labels and report.known is not False:
        sentences.append(f"It can't rule out: {', '.join(answer.labels)}.")
    if report.familiarity is not None:
        share = numbers.percent(report.familiarity)
        sentences.append(
            f"Familiarity {share}: this share of the scans that the model learnt from looks stranger than this one."
        )
    if report.nearest:
        sentences.append(f"Most similar simulated scans: {'; '.join(report.nearest)}.")
    return sentences


def _finding_lines(report: Report) -> list[str]:
    """A line for each kind of finding; nothing for models without a map of findings."""
    if report.findings is None:
        return []
    if not report.findings:
        return [f"{FINDINGS_TITLE}: {NO_FINDINGS.format(kinds=', '.join(report.looked_for))}"]
    strange = [STRANGE_FINDINGS] if report.known is False else []
    return [
        f"{FINDINGS_TITLE}:",
        *strange,
        *(f"{finding.mark}. {finding.text}" for finding in report.findings),
    ]


def _recommendation(title: str, given: dict[str, Any], reasons: Sequence[str], colour: str) -> list[Flowable]:
    """The next step, its reasons and its sources. `colour` (`#rrggbb`) is that of the urgency."""
    urgency = given["urgency"][:1].upper() + given["urgency"][1:]
    parts: list[Flowable] = [_heading(title), _text(f"<b>{escape(urgency)}</b>", colour=colour)]
    parts.append(_text(escape(given["action"])))
    parts.extend(_text(f"• {escape(reason)}") for reason in reasons)
    for source in given["sources"]:
        address = f" {source['url']}" if source["url"] else ""
        parts.append(_text(f"Source: {escape(source['title'] + address)}", 7))
    return parts


def readers_and_scan(report: Report) -> list[Flowable]:
    """What people said and drew, and the facts of the scan."""
    parts: list[Flowable] = [_heading("Readers")]
    parts.extend(_text(escape(said)) for said in report.readers)
    if report.shapes:
        parts.append(_heading("Drawn"))
        parts.extend(
            _text(f"{number}. {escape(shape.text)}") for number, shape in enumerate(report.shapes, start=1)
        )
    if report.measured:
        parts.append(_heading("Drawn in all"))
        parts.extend(_text(escape(line)) for line in report.measured)
    parts.append(_heading("Scan"))
    parts.extend(_text(f"{escape(name)}: {escape(value)}") for name, value in report.facts if value)
    return parts


def _heading(text: str) -> Flowable:
    return Text([(text, True)], 9.5, before=6, after=2)


def _text(text: str, size: float = 8, colour: str = "") -> Flowable:
    """A text, `size` points high. <b> and </b> stand around what is bold; all else is escaped.

    `colour`, `#rrggbb`, is that of the ground behind it; "" for none.
    """
    parts = [(unescape(part), number % 2 == 1) for number, part in enumerate(BOLD_TAG.split(text)) if part]
    if not parts:
        return Spacer(0, 0)
    return Text(parts, size, *((4, 4) if colour else (0, 0)), ground=colour)
