"""Ten bad candidates are refused, each for its reason; ten that are equal pass."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.gate_candidates import BAD, GOOD, Candidate, Workshop
from tests.training.gate.conftest import World
from tests.training.gate.scans import names, write_set
from training.gate.judging import Order, compare
from training.gate.margins import read_margins


def gate(world: World, candidate: Path, *data: Path) -> dict[str, Any]:
    """The gate of a candidate against the champion, on these test sets."""
    order = Order(candidate, world.champion, data, None, world.guideline, world.cache)
    return compare(order, lambda _: None)


def workshop(world: World, out: Path) -> Workshop:
    learn = world.scans(world.learn)[:90]
    return Workshop(world.champion, learn, world.scans(world.test), out)


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_a_bad_candidate_is_refused_for_its_reason(world: World, tmp_path: Path, bad: Candidate) -> None:
    made = workshop(world, tmp_path)
    if bad.name == "learnt the source":
        confounded = write_set(tmp_path / "confounded", 90, seed=5, split="train", confounded=True)
        made = dataclasses.replace(made, learn=world.scans(confounded))

    found = gate(world, bad.make(made, "2.0.0"), world.test)

    assert not found["passed"]
    assert any(name.startswith(bad.refused_by) for name in names(found["checks"])), names(found["checks"])
    assert not found["better"]


@pytest.mark.parametrize("good", GOOD, ids=lambda good: good.name)
def test_a_candidate_that_is_as_good_passes(world: World, tmp_path: Path, good: Candidate) -> None:
    found = gate(world, good.make(workshop(world, tmp_path), "2.0.0"), world.test)

    assert names(found["checks"]) == []
    assert found["passed"]
    assert {one["name"] for one in found["test_sets"]} == {"test, split test"}
    assert found["margins_sha256"] == read_margins().sha256
    json.dumps(found, allow_nan=False)
