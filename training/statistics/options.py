"""How statistics are fitted; light to import, for `--help`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from training.groups import DEFAULT_GROUPS

AUTO, NONE = "auto", "none"
SHARES = (0.5, 0.999)
"""From where to where both shares make sense: beyond, hardly anything is known, or nothing unknown."""


@dataclass(frozen=True)
class Options:
    """How statistics are fitted.

    `method` is one of `handlers.card_statistics.METHODS`, or `auto`: the one that tells strangers best. `known_share` (0 to 1) of home's
    validation scans count as known, and `coverage` (0 to 1) of each label's keep that label in their set. `groups` is a
    file of groups of labels.
    """

    method: str = AUTO
    known_share: float = 0.95
    coverage: float = 0.9
    groups: Path = DEFAULT_GROUPS
