"""The findings of the model on a scan: their kinds, with names for people, and the share of the picture they take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modalities.profile import Finding
from webapp.core import modalities
from webapp.scans.models import Scan

SQUARE_MICROMETRES = 1e6
"""In one square millimetre."""


@dataclass(frozen=True)
class FoundKind:
    """A kind of finding on a scan: its code, its name for people, the colour of its outline (`#rrggbb`), the share of the
    picture (0 to 1) that it takes, and in how many regions."""

    kind: str
    name: str
    colour: str
    share: float
    regions: int

    def square_mm(self, width: int, height: int, across: float | None, down: float | None) -> float | None:
        """Its area in mm² on a picture of `width` × `height` pixels of `across` × `down` micrometres.

        None where the size of a pixel is not known.
        """
        if across is None or down is None:
            return None
        return self.share * width * height * across * down / SQUARE_MICROMETRES


def kinds_found(scan: Scan) -> list[FoundKind]:
    """The kinds that the model found on a scan, in the order in which it names them."""
    return [kind for kind in kinds_looked_for(scan) if kind.regions]


def kinds_looked_for(scan: Scan) -> list[FoundKind]:
    """The kinds that the model looks for on a scan, in its order; those that it did not find take none of the picture."""
    regions = scan.findings["regions"] if scan.findings else []
    looked_for = []
    for kind in kinds(scan.findings):
        shares = [region["share"] for region in regions if region["finding"] == kind]
        look = look_of(kind, scan)
        looked_for.append(FoundKind(kind, look.title, look.colour, float(sum(shares)), len(shares)))
    return looked_for


def kinds(findings: Mapping[str, Any] | None) -> list[str]:
    """The kinds that the model looks for; none where it has no map of findings."""
    return list(findings["kinds"]) if findings else []


def names_looked_for(scan: Scan) -> list[str]:
    """The names for people of the kinds that the model looks for on a scan."""
    return [look_of(kind, scan).title for kind in kinds(scan.findings)]


def look_of(kind: str, scan: Scan) -> Finding:
    """How a kind is named and drawn, by the scan's modality; a kind of a later model by its code, with spaces."""
    known = modalities.of_scan(scan.modality).findings.get(kind)
    return known or Finding(kind.replace("_", " "))
