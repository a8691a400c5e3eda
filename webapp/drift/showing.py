"""What is kept of a comparison, and drawn on its page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from webapp.drift.comparing import Difference, Homes
from webapp.drift.gathering import NewScan
from webapp.drift.samples import Sample, mean_confidence, numbers_of

QUANTILES = 41
"""Points of each distribution that are kept for the plots."""
MOST_WORDS = 6
WIDTH, HEIGHT, MARGIN = 240, 90, 6
"""Of a plot, in pixels."""
COLOURS = {"home": "#8a8a8a", "before": "#2563eb", "now": "#c2410c"}
NAMES = {"home": "home", "before": "earlier", "now": "now"}


def shown(
    scans: Sequence[NewScan], sample: Sample, found: Sequence[Difference], earlier: Sample, homes: Homes
) -> dict[str, Any]:
    """What is kept of a comparison of these scans, to be shown until the next one."""
    at_home: dict[str, list[float]] = {}
    for home in homes:
        for name, values in home.sample().items():
            at_home.setdefault(name, []).extend(values)
    return {
        "scans": len(scans),
        "from": scans[0].time.isoformat(),
        "until": scans[-1].time.isoformat(),
        "differences": [one.to_dict() for one in found],
        "expected_accuracy": {
            "now": mean_confidence(sample),
            "before": mean_confidence(earlier),
            "home": mean_confidence(at_home),
        },
        "plots": {
            measure: {
                "now": _quantiles(numbers_of(sample, measure)),
                "before": _quantiles(numbers_of(earlier, measure)),
                "home": _quantiles(at_home.get(measure, [])),
            }
            for measure in sample
            if numbers_of(sample, measure)
        },
        "words": {
            measure: {"now": _counts(sample, measure), "before": _counts(earlier, measure)}
            for measure in sample
            if not numbers_of(sample, measure)
        },
    }


def _quantiles(values: Sequence[float]) -> list[float]:
    if not values:
        return []
    return [round(float(value), 6) for value in np.quantile(values, np.linspace(0, 1, QUANTILES))]


def _counts(sample: Sample, measure: str) -> list[tuple[str, int]]:
    return Counter(str(value) for value in sample.get(measure, [])).most_common(MOST_WORDS)


def plot(curves: dict[str, Sequence[float]]) -> SafeString:
    """The cumulative distributions of a measure as an SVG: of the compared scans, of earlier ones, and at home."""
    drawn = {name: values for name, values in curves.items() if len(values) > 1}
    if not drawn:
        return SafeString("")
    low, high = min(values[0] for values in drawn.values()), max(values[-1] for values in drawn.values())
    lines = format_html_join(
        "",
        '<polyline fill="none" stroke="{}" stroke-width="1.5" points="{}"><title>{}</title></polyline>',
        [(COLOURS[name], _points(drawn[name], low, high), NAMES[name]) for name in NAMES if name in drawn],
    )
    axis = format_html(
        '<line x1="{0}" y1="{1}" x2="{2}" y2="{1}" stroke="#bbbbbb"/><text x="{0}" y="{3}" font-size="10">{4}</text>'
        '<text x="{2}" y="{3}" font-size="10" text-anchor="end">{5}</text>',
        MARGIN, HEIGHT - 14, WIDTH - MARGIN, HEIGHT - 3, f"{low:.3g}", f"{high:.3g}",
    )  # fmt: skip
    words = "; ".join(
        f"{NAMES[name]}: median {values[len(values) // 2]:.3g}" for name, values in drawn.items()
    )
    return format_html(
        '<svg role="img" aria-label="{}" width="{}" height="{}" viewBox="0 0 {} {}">{}{}</svg>',
        words, WIDTH, HEIGHT, WIDTH, HEIGHT, axis, lines,
    )  # fmt: skip


def _points(values: Sequence[float], low: float, high: float) -> str:
    width, height = WIDTH - 2 * MARGIN, HEIGHT - 14 - MARGIN
    span = (high - low) or 1.0
    last = len(values) - 1
    return " ".join(
        f"{MARGIN + width * (value - low) / span:.1f},{MARGIN + height * (1 - number / last):.1f}"
        for number, value in enumerate(values)
    )
