"""The findings of the model on a scan: their kinds, with names for people, and the share of the picture they take."""

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
"""The colours of the kinds, on the page and in reports."""
UNKNOWN_COLOUR = "#ffffff"
SQUARE_MICROMETRES = 1e6
"""In one square millimetre."""


@dataclass(frozen=True)
class FoundKind:
    """A kind of finding on a scan: its code, the share of the picture (0 to 1) that it takes, in how many regions."""

    kind: str
    share: float
    regions: int

    @property
    def name(self) -> str:
        """The kind's name for people."""
        return name_of(self.kind)

    @property
    def colour(self) -> str:
        """The colour of its outline, `#rrggbb`."""
        return str(_colours().get(self.kind, {}).get("colour", UNKNOWN_COLOUR))

    def square_mm(self, width: int, height: int, across: float | None, down: float | None) -> float | None:
        """Its area in mm² on a picture of `width` × `height` pixels of `across` × `down` micrometres.

        None where the size of a pixel is not known.
        """
        if across is None or down is None:
            return None
        return self.share * width * height * across * down / SQUARE_MICROMETRES


def kinds_found(findings: Mapping[str, Any] | None) -> list[FoundKind]:
    """The kinds that the model found, in the order in which it names them; `findings` as an answer stores them."""
    regions = findings["regions"] if findings else []
    found = {kind: [region for region in regions if region["finding"] == kind] for kind in kinds(findings)}
    return [
        FoundKind(kind, sum(region["share"] for region in of_kind), len(of_kind))
        for kind, of_kind in found.items()
        if of_kind
    ]


def kinds(findings: Mapping[str, Any] | None) -> list[str]:
    """The kinds that the model looks for; none where it has no map of findings."""
    return list(findings["kinds"]) if findings else []


def name_of(kind: str) -> str:
    """The name of a kind for people; its code, with spaces, for a kind of a later model."""
    known = _names().get(kind)
    return known["name"] if known else kind.replace("_", " ")


@cache
def _names() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads(NAMES.read_text(encoding="utf-8"))
    return found


@cache
def _colours() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads(TABLE.read_text(encoding="utf-8"))
    return found
