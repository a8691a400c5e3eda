"""The colours of urgencies: one table for the page, which imports the file, and for reports. Text on them is black."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from webapp.recommendations.rules import needs_review

TABLE = Path(__file__).parents[2] / "frontend" / "src" / "common" / "urgencies.json"


def colour_of(recommendation: Mapping[str, Any], rank: int) -> str:
    """The colour of a stored recommendation, `#rrggbb`; `rank` is the scan's, 1 for the least urgent tier."""
    table = _table()
    if needs_review(recommendation):
        return str(table["review"])
    return str(table["tiers"][min(max(rank, 1), len(table["tiers"])) - 1])


@cache
def _table() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(TABLE.read_text(encoding="utf-8"))
    return found
