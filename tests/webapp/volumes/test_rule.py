"""Which B-scan stands for its volume."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from webapp.volumes.rule import PATH, Because, Rule, RuleError, Said, choose, read

RULE = Rule(version="test", sure_states=("answered",), neighbours=2, not_answered_share=0.5)
URGENT, ROUTINE = 4, 1


def said(*each: str) -> list[Said]:
    """B-scans in a few letters: A an urgent answer, a one of routine, U an urgent undecided one, n nothing said, - a gap."""
    kinds: dict[str, tuple[int, str, bool]] = {
        "A": (URGENT, "answered", False),
        "a": (ROUTINE, "answered", False),
        "D": (URGENT, "answered", True),
        "U": (URGENT, "undecided", False),
        "n": (2, "not_answered", False),
    }
    (word,) = each
    return [
        Said(place, kinds[letter][0], kinds[letter][1], kinds[letter][2], 0.9)
        for place, letter in enumerate(word)
        if letter != "-"
    ]


@pytest.mark.parametrize(
    ("word", "place", "because"),
    [
        ("aaaaa", 2, Because.SURE),
        ("aaaaA", 4, Because.SURE),
        ("Aaaaaaa", 0, Because.SURE),
        ("AaaAAaa", 3, Because.SURE),
        ("aaUaa", 1, Because.SURE),
        ("aUUaa", 2, Because.NEIGHBOURS),
        ("aU-Ua", 4, Because.SURE),
        ("aUUaA", 4, Because.SURE),
        ("aDaaa", 2, Because.SURE),
        ("aDDaa", 2, Because.NEIGHBOURS),
        ("aanan", 0, Because.SURE),
        ("nanan", 2, Because.MOSTLY_NOT_ANSWERED),
        ("nAnnn", 1, Because.SURE),
        ("U", 0, Because.NONE_COUNTS),
        ("U-n-U", 4, Because.NONE_COUNTS),
    ],
)
def test_the_rule_by_examples(word: str, place: int, because: Because) -> None:
    chosen = choose(said(word), (len(word) - 1) // 2, RULE)
    if word in ("aU-Ua", "aanan", "U-n-U"):  # of equals the nearest to the middle
        assert chosen.because == because
    else:
        assert (chosen.said.place, chosen.because) == (place, because)


def test_no_volume_is_less_urgent_than_its_most_urgent_sure_bscan() -> None:
    chance = random.Random(7)
    for _ in range(2000):
        of_volume = [
            Said(place, chance.randint(1, 4), chance.choice(["answered", "undecided", "not_answered", ""]),
                 chance.random() < 0.2, chance.random())
            for place in range(chance.randint(1, 12))
        ]  # fmt: skip
        sure = [each.rank for each in of_volume if each.is_sure(RULE)]
        assert choose(of_volume, len(of_volume) // 2, RULE).said.rank >= max(sure, default=0)


def test_the_rule_that_comes_along_can_be_used() -> None:
    assert read() == read(PATH)


@pytest.mark.parametrize(
    "changed",
    [
        {"neighbours": 0},
        {"not_answered_share": 0},
        {"sure_states": ["sure"]},
        {"another": 1},
        {"version": None},
    ],
    ids=str,
)
def test_a_rule_that_can_not_be_used_is_named(tmp_path: Path, changed: dict[str, Any]) -> None:
    file = tmp_path / "rule.json"
    file.write_text(json.dumps(json.loads(PATH.read_text()) | changed))
    with pytest.raises(RuleError, match=f"rule.json.*{next(iter(changed))}"):
        read(file)
