"""What a load generator's answers come to: rates, percentiles, and the steps of a request."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.load import Shot, Target, read_load, run_load


def answer(ms: float, problem: str | None = None, size: int = 100, **timing: float) -> dict[str, Any]:
    return {"ended_s": 0.1, "ms": ms, "bytes": size, "problem": problem, "timing_ms": timing or None}


def test_only_good_answers_count_for_speed() -> None:
    found = {
        "warm": True,
        "window_s": 2.0,
        "answers": [answer(10), answer(30), answer(20), answer(1, "status 503: busy")],
    }

    load = read_load(found)

    assert load.per_second == 1.5
    assert load.times_ms == (10, 30, 20)
    assert load.problems == ("status 503: busy",)
    assert (load.percentile_ms(50), load.percentile_ms(95)) == (20, 30)


def test_what_answers_tell_of_themselves_is_the_median_by_step() -> None:
    answers = [answer(9, decode=1, forward=7), answer(9, decode=3, forward=5), answer(9, decode=2, forward=6)]

    load = read_load({"warm": True, "window_s": 1.0, "answers": answers})

    assert load.timings_ms == {"decode": 2, "forward": 6}


def test_a_window_without_a_good_answer() -> None:
    load = read_load({"warm": False, "window_s": 1.0, "answers": [answer(1, "status 500: ")]})

    assert load.per_second == 0
    assert load.percentile_ms(50) == float("inf")
    assert load.timings_ms == {}


def test_options_travel_as_the_server_takes_them() -> None:
    image = b"\xff\xd8scan"

    raw = Target("http://127.0.0.1:1/x", {"Authorization": "Bearer k"}).shot(image, explain=False)
    joined = Target("http://127.0.0.1:1/x", body_kind="json list").shot(image, explain=True)

    assert raw == Shot(
        image,
        {"Content-Type": "image/jpeg", "X-Explain": "false", "Authorization": "Bearer k"},
        "plain",
    )
    assert json.loads(joined.body) == {"scans": [{"image": "/9hzY2Fu", "explain": True}]}
    assert joined.expect == "explained"


def test_load_goes_to_this_machine_only() -> None:
    with pytest.raises(BenchmarkError, match="this machine only"):
        run_load(Path(sys.executable), "http://192.0.2.1/predict", [Shot(b"", {})], clients=1, seconds=1)


def test_a_load_generator_that_is_not_there_is_said() -> None:
    with pytest.raises(BenchmarkError, match="The load generator ended with status"):
        run_load(Path(sys.executable), "http://127.0.0.1:1/", [Shot(b"", {})], clients=1, seconds=1)
