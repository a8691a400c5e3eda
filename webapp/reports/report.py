"""What stands in a scan's report, as far as somebody may know it."""

from __future__ import annotations

from collections import Counter
from string import ascii_uppercase
from typing import Any

from webapp.accounts.deidentified import de_identified, shown
from webapp.accounts.models import User
from webapp.accounts.pseudonyms import shown_name
from webapp.annotations.geometry import outline_of, path_of
from webapp.annotations.measures import Drawn, area_of, drawn_on, square_mm
from webapp.annotations.models import Annotation, disclose_shapes, shapes_to_measure
from webapp.annotations.serializers import shown_label
from webapp.annotations.shapes import Shape
from webapp.core import modalities, numbers
from webapp.recommendations.answers import State
from webapp.recommendations.colours import colour_of
from webapp.reports.content import DrawnShape, MarkedFinding, Report, ReportedReading
from webapp.reports.lines import isolated
from webapp.reports.outlines import outlines
from webapp.reviews.models import Adjudication, Review
from webapp.reviews.reading import independence_of
from webapp.reviews.summary import summary
from webapp.scans import storage
from webapp.scans.details import DETAILS, ENTERED
from webapp.scans.disclosure import disclose, disclose_answers
from webapp.scans.final import FinalReading, final_reading
from webapp.scans.findings import FoundKind, kinds, kinds_found, names_looked_for
from webapp.scans.models import Scan
from webapp.scans.overlay import overlay
from webapp.scans.told import fields_in_words, remarks_on
from webapp.versions.withdrawals import WITHDRAWN

MOST_LINES = 14
"""Shapes, and readers, for which the page has room."""
LONGEST_FACT = 300
"""Characters."""
VERDICT_VERBS = {"agree": "agrees", "disagree": "disagrees", "unsure": "is unsure", "named": "names"}


def report_of(scan: Scan, user: User) -> Report:
    """The report of a scan that the user may see, noted as shown to the user.

    Raises FileNotFoundError when the scan's picture, its heat map or its map of findings is gone.
    """
    reading = summary(scan, user)
    drawn = Annotation.objects.of_scan(scan, user)
    final = final_reading(scan, user)
    disclose(user, [scan])
    disclose_shapes(user, drawn)
    scan = scan.as_shown_to(user)
    patient = shown("patient_ref", scan.patient_ref, user)
    predicted = bool(scan.probabilities)
    return Report(
        title=f"Scan of {isolated(patient)}" if patient else modalities.of_scan(scan.modality).title,
        made=f"for {isolated(shown_name(user, user))}",
        image=storage.read(scan.image_name),
        overlay=overlay(scan.image_name, scan),
        facts=_facts(scan, user),
        answer=scan.answer,
        confidence=scan.confidence,
        probabilities=scan.probabilities if predicted else {},
        familiarity=scan.familiarity,
        known=scan.known,
        nearest=scan.nearest or [],
        findings=_findings(scan) if scan.findings else None,
        looked_for=names_looked_for(scan),
        doubts=scan.doubts,
        warnings=[*([WITHDRAWN] if scan.is_withdrawn else []), *remarks_on(scan)],
        recommendation=scan.recommendation,
        urgency_colour=colour_of(scan.recommendation or {}, scan.urgency_rank),
        final=_final(scan, final) if final else None,
        readers=_reader_lines(reading, user),
        shapes=[
            DrawnShape(annotation.selector, _shape_line(annotation, scan, user))
            for annotation in list(drawn)[:MOST_LINES]
        ],
        measured=_measured_lines(scan, user),
    )


def _final(scan: Scan, final: FinalReading) -> ReportedReading:
    """The final reading, and the next step that follows from it."""
    recommended = final.recommend(scan.model_name, scan.doubts)
    given = recommended.to_dict()
    label = final.label or " or ".join(final.labels)
    return ReportedReading(label, final.source, given, colour_of(given, recommended.rank))


def _findings(scan: Scan) -> list[MarkedFinding]:
    """The kinds of findings, each with its area, its outlines and a letter as its mark."""
    outlined = outlines(storage.read(scan.findings_name), kinds(scan.findings), scan.width, scan.height)
    return [
        MarkedFinding(
            mark, f"{capitalised(found.name)}: {_area(found, scan)}", found.colour, outlined[found.kind]
        )
        for mark, found in zip(ascii_uppercase, kinds_found(scan), strict=False)
    ]


def capitalised(name: str) -> str:
    """The words with a capital letter at the beginning."""
    return name[:1].upper() + name[1:]


def _area(found: FoundKind, scan: Scan) -> str:
    """The share of the picture that it takes, and its area where the size of a pixel is known."""
    area = found.square_mm(scan.width, scan.height, scan.micrometres_x, scan.micrometres_y)
    measured = "" if area is None else f", {numbers.area(area, modalities.of_scan(scan.modality).units.area)}"
    places = f" in {found.regions} places" if found.regions > 1 else ""
    return f"{numbers.percent(found.share, 1)} of the picture{measured}{places}"


def _facts(scan: Scan, user: User) -> list[tuple[str, str]]:
    profile = modalities.of_scan(scan.modality)
    scale = (
        numbers.pixel_size(scan.micrometres_x, scan.micrometres_y, profile.units.size)
        if scan.micrometres_x is not None and scan.micrometres_y is not None
        else ""
    )
    names = ("timestamp", "sha256", *ENTERED)
    known = de_identified({name: getattr(scan, name) for name in names}, user)
    entered = [
        (detail.title, isolated(detail.line(known[detail.name])[:LONGEST_FACT]))
        for detail in DETAILS
        if detail.line and known[detail.name]
    ]
    return [
        ("Modality", profile.title),
        ("Uploaded", f"{known['timestamp']:%Y-%m-%d %H:%M} UTC" if known["timestamp"] else ""),
        *entered,
        *fields_in_words(scan),
        ("Eye in the file", f"{scan.eye_in_file}, which is not the one above" if _contradicts(scan) else ""),
        ("Eye in the en-face image", _eye_in_picture(scan)),
        ("Size", f"{scan.width} × {scan.height} pixels"),
        ("Pixel", scale),
        (capitalised(profile.picture), _in_volume(scan, user)),
        ("Device", shown("device", scan.device or "", user)),
        ("Model", f"{scan.model_name} {scan.model_version}".strip()),
        ("Calibrated here by", scan.calibration or ""),
        ("Weights (SHA-256)", scan.weights_sha256),
        ("Heat map", scan.gradcam_label),
        ("File (SHA-256)", known["sha256"]),
    ]


def _eye_in_picture(scan: Scan) -> str:
    """What a volume's en-face image suggests, where that is another eye than people say."""
    found = scan.volume.eye_in_picture if scan.volume else ""
    return f"perhaps {found}, which is not the one above" if scan.eye and found and found != scan.eye else ""


def _contradicts(scan: Scan) -> bool:
    """Whether the file names another eye than people do."""
    return bool(scan.eye and scan.eye_in_file and scan.eye != scan.eye_in_file)


def _in_volume(scan: Scan, user: User) -> str:
    """Which picture of its volume the report is of, and how far the model has answered all of them.

    "" for a scan by itself. That the user was told of the others' answers is noted, unless one of them is hidden.
    """
    if scan.volume is None:
        return ""
    place = f"{scan.place + 1} of {scan.volume.count} of a volume"
    together = list(scan.together().defer("regions", "findings", "nearest"))
    if any(each.hides_answer_from(user) for each in together):
        return place
    disclose_answers(user, together)
    states = Counter(each.state for each in together)
    said = [f"{states[state]} {state.label.lower()}" for state in State if states[state]]
    return f"{place}: {', '.join(said)}" if said else place


def _reader_lines(reading: dict[str, Any], user: User) -> list[str]:
    """A line for each verdict that the user may know, then their agreement and the adjudication."""
    reviews: list[Review] = reading["reviews"]
    lines = [_verdict_line(review, user) for review in reviews[:MOST_LINES]]
    if len(reviews) > MOST_LINES:
        lines.append(f"and {len(reviews) - MOST_LINES} more")
    if not reading["open"]:
        others = reading["reader_count"] - len(reviews)
        lines.append(f"{others} more, hidden until you have given your verdict." if others else "Nobody yet.")
    elif not reviews:
        lines.append("Nobody yet.")
    if reading["pairs"]:
        # Counts and no percentage: the pairs of one scan are few.
        pairs = (
            f"{reading['agreeing_pairs']} of {reading['pairs']} pair{'' if reading['pairs'] == 1 else 's'}"
        )
        lines.append(f"{pairs} of independent readings name the same label.")
    settled: Adjudication | None = reading["adjudication"]
    if settled is not None:
        lines.append(f"Settled as {settled.label} by {isolated(shown_name(settled.adjudicator, user))}.")
    return lines


def _verdict_line(review: Review, user: User) -> str:
    label = f": {review.label}" if review.label else ""
    known = f", {independence_of(review)}" if independence_of(review) else ""
    comment = isolated(shown("comment", review.comment, user)[:200])
    created = shown("created", review.created, user)
    said = f"{isolated(shown_name(review.reader, user))} {VERDICT_VERBS[review.verdict]}{label}{known}"
    day = f"{created:%Y-%m-%d}, " if created else ""
    of_model = f"said {review.model_answer.text}" if review.model_answer.is_given else "had not answered"
    return f"{said} ({day}model {review.model_version} {of_model})" + (f": {comment}" if comment else "")


def _shape_line(annotation: Annotation, scan: Scan, user: User) -> str:
    """An annotation in words: kind, label, length of a caliper or size of an area, comment, author."""
    parts = [f"{annotation.shape} {shown_label(annotation, user)}".strip()]
    if annotation.shape == Shape.CALIPER:
        parts.append(_length(annotation.selector, scan))
    elif (outline := outline_of(annotation.selector)) is not None:
        size = area_of([outline])
        unit = modalities.of_scan(scan.modality).units.area
        parts.append(area_in_words(size, square_mm(size, scan), unit))
    comment = isolated(shown("comment", annotation.comment, user)[:120])
    return ", ".join([*parts, *([comment] if comment else []), isolated(shown_name(annotation.author, user))])


def _measured_lines(scan: Scan, user: User) -> list[str]:
    """For each reader and label, what was drawn on the scan, and over the pictures of its volume."""
    scans = list(scan.together().order_by("place"))
    shapes = shapes_to_measure(scans, user)
    if shapes is None:
        return ["Too much was drawn to be measured at once."]
    found = drawn_on(scans, shapes, scan.volume, user)
    lines = [_measured_line(each, scan, user) for each in found[:MOST_LINES]]
    return lines + ([f"and {len(found) - MOST_LINES} more"] if len(found) > MOST_LINES else [])


def _measured_line(drawn: Drawn, scan: Scan, user: User) -> str:
    said = f"{drawn.label or 'No label'}, {isolated(shown_name(drawn.author, user))}: "
    here = next((area for area in drawn.bscans if area.scan.pk == scan.pk), None)
    profile = modalities.of_scan(scan.modality)
    unit = profile.units.area
    parts = [] if here is None else [area_in_words(here.square_pixels, here.square_mm, unit)]
    if scan.volume is not None:
        parts = [f"{part} on this {profile.picture}" for part in parts]
        count = len(drawn.bscans)
        over = f"on {count} of {scan.volume.count} {profile.pictures}"
        parts.append(
            over
            if drawn.cubic_mm is None
            else f"{numbers.volume(drawn.cubic_mm, unit)} {over}, by their distance"
        )
    return said + "; ".join(parts)


def area_in_words(square_pixels: float, square_mm: float | None, unit: str) -> str:
    """An area in one of the units of `numbers.AREAS`, where its size is known, and in pixels."""
    pixels = f"{square_pixels:.0f} px²"
    return pixels if square_mm is None else f"{numbers.area(square_mm, unit)} ({pixels})"


def _length(selector: dict[str, str], scan: Scan) -> str:
    """A caliper's length in pixels, and in the modality's unit where the size of a pixel is known."""
    (x1, y1), (x2, y2) = path_of(selector)[0].tolist()
    across, down = x2 - x1, y2 - y1
    pixels = f"{(across**2 + down**2) ** 0.5:.1f} px"
    if scan.micrometres_x is None or scan.micrometres_y is None:
        return pixels
    long = ((across * scan.micrometres_x) ** 2 + (down * scan.micrometres_y) ** 2) ** 0.5
    return f"{numbers.measured_length(long, modalities.of_scan(scan.modality).units.size)} ({pixels})"
