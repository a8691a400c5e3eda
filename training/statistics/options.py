"""Options by which statistics are fitted, apart from the code that fits them, so that `--help` is fast."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from training.groups import DEFAULT_GROUPS

AUTO, NONE = "auto", "none"
SHARES = (0.5, 0.999)
"""Range of both shares: below it hardly anything would be known, above it nothing unknown."""


@dataclass(frozen=True)
class Options:
    """How statistics are fitted.

    `method` is one of `handlers.card_statistics.METHODS`, or `auto` for the one that recognises strangers best.
    `known_share` (0 to 1) of the home scans count as known, and `coverage` (0 to 1) of each label's validation scans
    keep the label in their prediction set. `groups` is the file of groups.
    """

    method: str = AUTO
    known_share: float = 0.95
    coverage: float = 0.9
    groups: Path = DEFAULT_GROUPS
