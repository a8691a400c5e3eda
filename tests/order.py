"""In which order tests run, and which of them in one process: dear ones first, those of a file or a group together.

What begins last should be cheap, or one process works alone at the end while all others idle.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from xdist.scheduler import LoadGroupScheduling

COSTS = Path(__file__).with_name("costs.json")
"""Seconds by unit, as `./retinote test --write-costs` measured them; what is not in it is cheap."""


def unit_of(nodeid: str) -> str:
    """What goes to one process as a whole: the group that a test is marked with (`xdist_group`), else its file.

    Fixtures of a module, which often start servers, are so made once.
    """
    _, mark, group = nodeid[nodeid.rfind("]") + 1 :].rpartition("@")
    return f"@{group}" if mark else nodeid.partition("::")[0]


def dearest_first(items: list[pytest.Item]) -> None:
    """Sort tests by the cost of their unit; within it and among equals they stay in the order that they have."""
    costs: dict[str, float] = json.loads(COSTS.read_text(encoding="utf-8"))
    items.sort(key=lambda item: -costs.get(_unit(item), 0.0))


def _unit(item: pytest.Item) -> str:
    mark = item.get_closest_marker("xdist_group")
    return f"@{mark.args[0]}" if mark else item.nodeid.partition("::")[0]


class UnitScheduling(LoadGroupScheduling):  # type: ignore[misc]
    """Gives each process one unit after the other, in the order in which they were collected."""

    def schedule(self) -> None:
        self.config.option.loadscopereorder = (
            False  # by how many tests there are, which says little of their cost
        )
        super().schedule()

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)
