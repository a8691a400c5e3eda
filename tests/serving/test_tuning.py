"""What was measured for a machine is used on that machine, and on no other."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from serving.capacity import Batching, Capacity, capacity
from serving.tuning import load_tuned, save

FOUND = Capacity(workers=3, threads=2, engine="openvino", batching=Batching(size=4, delay_ms=5))


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    path = tmp_path / "tuning.json"
    save(path, FOUND, [{"lone_ms": 20.0}])
    return path


def test_what_was_found_is_used(kept: Path) -> None:
    said: list[str] = []
    assert load_tuned(kept, said.append) == FOUND
    assert said == []


@pytest.mark.parametrize(("fastest", "used"), [("compiled", "auto"), ("int8", "auto-int8")])
def test_an_engine_is_not_waited_for_because_it_was_the_fastest(
    tmp_path: Path, fastest: str, used: str
) -> None:
    save(tmp_path / "tuning.json", replace(FOUND, engine=fastest), [])
    assert load_tuned(tmp_path / "tuning.json", lambda _: None) == replace(FOUND, engine=used)


def test_without_a_calibration_a_rule_of_thumb_holds(tmp_path: Path) -> None:
    said: list[str] = []
    assert load_tuned(tmp_path / "tuning.json", said.append) == capacity()
    assert said == []


def test_what_holds_for_another_machine_is_passed_over_aloud(kept: Path) -> None:
    content = json.loads(kept.read_text())
    content["machine"]["cores"] += 1
    kept.write_text(json.dumps(content))
    said: list[str] = []
    assert load_tuned(kept, said.append) == capacity()
    assert len(said) == 1 and "was measured on another machine" in said[0]


@pytest.mark.parametrize("text", ["", "{}", '{"machine": {}, "capacity": {"workers": 2}}', "[1]"])
def test_a_damaged_calibration_is_passed_over_aloud(kept: Path, text: str) -> None:
    kept.write_text(text)
    said: list[str] = []
    assert load_tuned(kept, said.append) == capacity()
    assert len(said) == 1 and str(kept) in said[0] and "bench tune" in said[0]
