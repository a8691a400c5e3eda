"""The map and regions made of what a decoder finds at each position."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from handlers import findings_map
from handlers.card_findings import FindingsFacts
from tests.handlers.findings_maps import KINDS, opened


def facts(**others: Any) -> FindingsFacts:
    given: dict[str, Any] = {
        "sha256": "0" * 64,
        "kinds": KINDS,
        "temperature": 1.0,
        "thresholds": {"fluid_within": 0.5, "material": 0.3},
        "least_share": 0.0,
    }
    return FindingsFacts(**given | others)


def probabilities(rows: int, columns: int, **kinds: list[tuple[int, int, float]]) -> npt.NDArray[np.float32]:
    """None everywhere but at these (row, column, probability)."""
    made = np.zeros((len(KINDS) + 1, rows, columns), np.float32)
    for kind, places in kinds.items():
        for row, column, probability in places:
            made[KINDS.index(kind) + 1, row, column] = probability
    made[0] = 1 - made[1:].sum(axis=0)
    return made


def test_a_position_is_its_leading_kind_from_that_ones_threshold_on() -> None:
    given = probabilities(
        4, 4, fluid_within=[(0, 0, 0.5), (0, 3, 0.4), (3, 3, 0.45)], material=[(3, 0, 0.3), (3, 3, 0.35)]
    )
    found = findings_map.findings(given, facts(), 4, 4)
    # In the last corner fluid leads and is not sure enough; material, which would be, doesn't lead.
    assert opened(found["map"]).tolist() == [[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [2, 0, 0, 0]]


def test_positions_that_touch_at_a_corner_are_one_region() -> None:
    places = [(0, 0, 0.9), (1, 1, 0.7), (3, 3, 0.8)]
    found = findings_map.findings(probabilities(4, 4, material=places), facts(), 40, 20)
    assert found["regions"] == [
        {"finding": "material", "box": [0, 0, 20, 10], "share": 0.125, "confidence": 0.8},
        {"finding": "material", "box": [30, 15, 10, 5], "share": 0.0625, "confidence": 0.8},
    ]


def test_regions_that_are_too_small_are_not_on_the_map_either() -> None:
    given = probabilities(4, 4, material=[(0, 0, 0.9), (0, 1, 0.9), (3, 3, 0.9)])
    found = findings_map.findings(given, facts(least_share=0.125), 4, 4)
    assert len(found["regions"]) == 1
    assert opened(found["map"]).sum() == 4


def test_the_twenty_largest_regions_are_told() -> None:
    places = [(row, column, 0.9) for row in range(0, 56, 4) for column in range(0, 56, 4)]
    found = findings_map.findings(probabilities(56, 56, material=[*places, (1, 0, 0.9)]), facts(), 32, 32)
    assert len(found["regions"]) == 20
    assert found["regions"][0]["share"] == pytest.approx(2 / 56**2, abs=1e-6)
    for region in found["regions"]:
        x, y, width, height = region["box"]
        assert 0 <= x < x + width <= 32 and 0 <= y < y + height <= 32


def test_a_small_region_of_another_kind_is_told_beside_twenty_larger_ones() -> None:
    """What the model found must not depend on how much else there is: the kind may contradict the label."""
    large = [(row, column + side, 0.9) for row in (0, 4, 8) for column in range(0, 28, 4) for side in (0, 1)]
    given = probabilities(32, 32, material=large, fluid_within=[(20, 20, 0.9), (24, 24, 0.9)])
    judge = facts(excluded={"NORMAL": ("fluid_within",)})

    regions = findings_map.findings(given, judge, 32, 32)["regions"]

    found = [region["finding"] for region in regions]
    assert judge.contradicts("NORMAL", found)
    assert found == ["material"] * 19 + ["fluid_within"]
    assert regions[-1]["box"] == [20, 20, 1, 1]
