"""The guardrails: data with reasons, and what they say."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from webapp.rollouts import guardrails as module
from webapp.rollouts.guardrails import (
    Counted,
    Finding,
    GuardrailError,
    guardrails,
    judge_share,
    judge_time,
)

RULES = guardrails()


def test_each_has_a_title_and_a_reason() -> None:
    for rule in dataclasses.fields(RULES):
        made = getattr(RULES, rule.name)
        assert made.title and len(made.reason) > 80


@pytest.mark.parametrize(
    ("replaced", "by", "says"),
    [
        ("floor = 0.01", "floor = 1.5", "errors.floor must be above 0 and at most 0.5"),
        ("[readers]", "[readerz]", "readers is missing"),
        ('of = "verdicts"', "", "can't be used"),
    ],
)
def test_a_broken_file_is_refused(
    replaced: str, by: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = module.PATH.read_text()
    broken = tmp_path / "guardrails.toml"
    broken.write_text(text.replace(replaced, by) if replaced in text else f"{text}\n[more]\nx = 1\n")
    monkeypatch.setattr(module, "PATH", broken)

    with pytest.raises(GuardrailError, match=says):
        guardrails.__wrapped__()


@pytest.mark.parametrize(
    ("canary", "champion", "finding"),
    [
        ((0, 0), (0, 0), Finding.UNDECIDED),
        ((0, 3), (0, 100), Finding.UNDECIDED),
        ((0, 40), (0, 100), Finding.FINE),
        ((9, 20), (0, 100), Finding.BREACHED),
        # Readers differ as much from the champion: that is what is usual here.
        ((9, 20), (45, 100), Finding.UNDECIDED),
        # Of a champion of whom little is known, the floor stands for what is usual.
        ((9, 20), (2, 4), Finding.BREACHED),
    ],
)
def test_readers(canary: tuple[int, int], champion: tuple[int, int], finding: Finding) -> None:
    judged = judge_share("readers", RULES.readers, Counted(*canary), Counted(*champion))

    assert judged.finding is finding
    assert bool(judged.missing) is (finding is Finding.UNDECIDED)


def test_what_is_missing_is_said_with_its_number() -> None:
    judged = judge_share("readers", RULES.readers, Counted(1, 3), Counted())

    assert judged.missing == (
        "Readers' disagreement: 3 independent verdicts so far (1 that count against it); at least 17 are needed."
    )


def test_errors_that_have_just_begun_count_at_once_unless_the_champion_has_them_too() -> None:
    outcomes = [*[False] * 500, *[True] * 5]
    canary = Counted(5, 505)

    alone = judge_share("errors", RULES.errors, canary, Counted(0, 500), outcomes)
    both = judge_share("errors", RULES.errors, canary, Counted(250, 500), outcomes)

    assert (alone.finding, both.finding) == (Finding.BREACHED, Finding.FINE)
    # A server that is slow from the first fails for both.
    few = judge_share("errors", RULES.errors, Counted(6, 10), Counted(3, 8), [True] * 6 + [False] * 4)
    assert few.finding is Finding.UNDECIDED


def _times(usual: float, count: int = 100) -> list[float]:
    return [usual + at for at in range(count)]


@pytest.mark.parametrize(
    ("canary", "champion", "finding"),
    [
        (_times(100, 59), _times(100), Finding.UNDECIDED),
        (_times(100), _times(100, 59), Finding.UNDECIDED),
        (_times(110), _times(100), Finding.FINE),
        (_times(900), _times(100), Finding.BREACHED),
        # A single slow answer among many is no proof.
        ([*_times(100), 9000.0], _times(100), Finding.FINE),
    ],
)
def test_latency(canary: list[float], champion: list[float], finding: Finding) -> None:
    judged: Any = judge_time("latency", RULES.latency, canary, champion)

    assert judged.finding is finding
