"""What the model thinks it sees on a scan: the kinds of findings, as people name them, and how much of it they take."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
NAMES = ROOT / "handlers" / "findings.json"
TABLE = ROOT / "frontend" / "src" / "common" / "findings.json"
"""How the kinds look, on the page and in reports."""
UNKNOWN_COLOUR = "#ffffff"
SQUARE_MICROMETRES = 1e6
"""In a square millimetre."""


@dataclass(frozen=True)
class Seen:
    """A kind of finding on a scan: its code, and the share of the picture (0 to 1) that its regions take together."""

    kind: str
    share: float
    regions: int

    @property
    def name(self) -> str:
        """As people call it."""
        return name_of(self.kind)

    @property
    def colour(self) -> str:
        """`#rrggbb`, in which it is outlined."""
        return str(_looks().get(self.kind, {}).get("colour", UNKNOWN_COLOUR))

    def square_mm(self, width: int, height: int, across: float | None, down: float | None) -> float | None:
        """Its area on a picture of so many pixels, each `across` × `down` micrometres; None where these aren't known."""
        if across is None or down is None:
            return None
        return self.share * width * height * across * down / SQUARE_MICROMETRES


def seen(findings: Mapping[str, Any] | None) -> list[Seen]:
    """The kinds that were found, in the order in which the model names them; `findings` as an answer stores them."""
    regions = findings["regions"] if findings else []
    found = {kind: [region for region in regions if region["finding"] == kind] for kind in kinds(findings)}
    return [
        Seen(kind, sum(region["share"] for region in of_kind), len(of_kind))
        for kind, of_kind in found.items()
        if of_kind
    ]


def kinds(findings: Mapping[str, Any] | None) -> list[str]:
    """What the model looks for; nothing where it has no map of findings."""
    return list(findings["kinds"]) if findings else []


def name_of(kind: str) -> str:
    """A kind as people call it; one that a later model brings, by its code."""
    known = _names().get(kind)
    return known["name"] if known else kind.replace("_", " ")


@cache
def _names() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads(NAMES.read_text(encoding="utf-8"))
    return found


@cache
def _looks() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads(TABLE.read_text(encoding="utf-8"))
    return found
