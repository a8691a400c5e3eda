"""The gate as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2

from training.export import replace_file

GROUPS = {
    "model": "The model itself",
    "data": "Data",
    "answers": "Answers",
    "confidence": "Confidence",
    "heat maps": "Heat maps",
    "strangers": "Strangers",
    "machine": "This machine",
    "replay": "Stored scans",
}
"""The groups of checks in their order, as people read them."""
VERDICTS = {True: "passed", False: "not passed", None: "not judged"}


def write_page(path: Path, gate: dict[str, Any]) -> None:
    """Write the page of a gate's content."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"number": number, "verdict": VERDICTS.__getitem__}
    text = environment.get_template("gate.html.j2").render(
        gate=gate, title=title(gate), verdict=verdict(gate), failed=failed(gate), groups=grouped(gate)
    )
    replace_file(path, text.encode())


def title(gate: dict[str, Any]) -> str:
    """The heading of a gate."""
    ours, theirs = gate["candidate"], gate["champion"]
    return f"{ours['name']} {ours['version']} in place of {theirs['version']}"


def verdict(gate: dict[str, Any]) -> str:
    """The verdict in a sentence."""
    if not gate["passed"]:
        return f"Not passed: {len(failed(gate))} of {len(gate['checks'])} checks are not."
    better = (
        "It is better than the champion." if gate["better"] else "It is not worse than the margins allow."
    )
    return f"Passed. {better}"


def failed(gate: dict[str, Any]) -> list[dict[str, Any]]:
    """The checks that are not passed."""
    return [check for check in gate["checks"] if check["passed"] is False]


def grouped(gate: dict[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    """The checks by the words of their group."""
    return [
        (words, own)
        for group, words in GROUPS.items()
        if (own := [check for check in gate["checks"] if check["group"] == group])
    ]


def number(value: float | None) -> str:
    """A number of a check with up to three decimals, "" for none."""
    return "" if value is None else f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"
