"""What a report shows of a scan: plain records, which `report.py` fills and `layout.py` lays out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from webapp.annotations.geometry import Points
from webapp.recommendations.answers import Answer

FINDINGS_TITLE = "What the model thinks it sees"


@dataclass(frozen=True)
class DrawnShape:
    """A shape that somebody drew: its selector, and the text of its line below the picture."""

    selector: dict[str, str]
    text: str


@dataclass(frozen=True)
class MarkedFinding:
    """A kind of finding that the model sees. `mark` stands beside each outline, which is in pixels of the scan."""

    mark: str
    text: str
    colour: str
    outlines: Sequence[Points]


@dataclass(frozen=True)
class ReportedReading:
    """The final reading where people have read the scan: the label, who says so, and the next step that follows."""

    label: str
    source: str
    recommendation: dict[str, Any]
    urgency_colour: str


@dataclass(frozen=True)
class Report:
    """All that the report shows, as far as its reader may know it."""

    title: str
    made: str
    image: bytes
    overlay: bytes | None
    facts: Sequence[tuple[str, str]]
    answer: Answer = field(default_factory=Answer)
    confidence: float | None = None
    probabilities: dict[str, float] = field(default_factory=dict)
    familiarity: float | None = None
    """Share of the scans in the training data that are stranger than this one, 0 to 1."""
    known: bool | None = None
    nearest: Sequence[str] = ()
    """Simulated scans that the picture is most like, in words."""
    findings: Sequence[MarkedFinding] | None = None
    """None where the model has no map of findings, empty where it found nothing."""
    looked_for: Sequence[str] = ()
    """The kinds of findings that it looks for, as people name them."""
    doubts: Sequence[str] = ()
    """Why the picture is doubtful, as sentences."""
    warnings: Sequence[str] = ()
    recommendation: dict[str, Any] | None = None
    urgency_colour: str = "#ffffff"
    final: ReportedReading | None = None
    readers: Sequence[str] = ()
    shapes: Sequence[DrawnShape] = ()
    measured: Sequence[str] = ()
    """How much each reader drew with each label, as lines."""
