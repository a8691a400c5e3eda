"""What follows from a difference: passed, not passed, or too few patients to tell, which is not passed either."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.data.manifest import DataError
from training.gate.margins import MARGINS, OWN, SIMULATED, Margin, read_margins
from training.gate.resampling import Paired
from training.gate.verdict import judged, least

F1, ECE = (read_margins().checks[name] for name in ("macro_f1", "calibration"))


def paired(candidate: float, champion: float, low: float, high: float) -> Paired:
    return Paired(candidate, champion, (low, high), low)


@pytest.mark.parametrize(
    ("margin", "found", "passed", "reason"),
    [
        (F1, paired(0.80, 0.80, 0.0, 0.0), True, "It is the same."),
        (F1, paired(0.90, 0.80, 0.05, 0.15), True, "It is better."),
        (F1, paired(0.79, 0.80, -0.03, 0.02), True, "At worst it is lower by 0.030; the margin is 0.04."),
        (F1, paired(0.70, 0.80, -0.15, -0.05), False, "It is lower by 0.100, more than the margin of 0.04."),
        (ECE, paired(0.09, 0.02, 0.05, 0.09), False, "It is higher by 0.070, more than the margin of 0.04."),
        (ECE, paired(0.02, 0.09, -0.09, -0.05), True, "It is better."),
    ],
)
def test_a_difference_within_the_margin_passes(
    margin: Margin, found: Paired, passed: bool, reason: str
) -> None:
    check = judged("check", margin, SIMULATED, "a set", found, 100)
    assert (check.passed, check.reason) == (passed, reason)


def test_an_interval_that_is_too_wide_says_how_many_patients_are_missing() -> None:
    check = judged("check", F1, SIMULATED, "a set", paired(0.79, 0.80, -0.07, 0.05), 100)
    assert check.passed is False
    assert check.reason == (
        "100 patients can't tell: it may be worse by 0.070, and the margin is 0.04; to tell, about 300 more patients are "
        "needed."
    )


def test_too_few_patients_do_not_pass_unless_another_set_has_enough() -> None:
    found = paired(0.8, 0.8, 0.0, 0.0)
    few = judged("check", F1, OWN, "a set", found, 12)
    assert (few.passed, few.reason) == (False, "Too few to judge by: 12 patients of 20; 8 more are needed.")
    elsewhere = judged("check", F1, OWN, "a set", found, 1, elsewhere=True)
    assert elsewhere.passed is None
    assert elsewhere.reason.startswith("Too few to judge by: 1 patient of 20; 19 more are needed. Another")


def test_nothing_to_judge_by_is_not_judged() -> None:
    nothing = float("nan")
    check = judged("check", F1, OWN, "a set", paired(nothing, nothing, nothing, nothing), 30)
    assert check.passed is None
    assert check.to_dict()["candidate"] is None


def test_a_value_by_itself_has_a_least() -> None:
    margin = read_margins().checks["agreement"]
    for value, passed in ((0.6, True), (0.1, False)):
        found = paired(value, 1.0, value - 1, value - 1)
        assert least("check", margin, SIMULATED, "a set", found, 40).passed is passed


def test_every_margin_has_a_reason_and_their_hash_follows_what_they_say(tmp_path: Path) -> None:
    margins = read_margins()
    assert all(margin.reason.strip() and margin.source for margin in margins.checks.values())
    text = MARGINS.read_text(encoding="utf-8")
    (tmp_path / "same.toml").write_text(f"# a comment more\n{text}", encoding="utf-8")
    assert read_margins(tmp_path / "same.toml").sha256 == margins.sha256
    (tmp_path / "other.toml").write_text(text.replace("simulated = 0.04", "simulated = 0.4", 1))
    assert read_margins(tmp_path / "other.toml").sha256 != margins.sha256


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("resamples = 10000", "resamples = -1", "resampling.resamples must be"),
        ("level = 0.05", "level = 0.9", "resampling.level must be above 0 and at most 0.5"),
        ('group = "answers"', 'group = "guesses"', "group must be one of"),
        ("[machine]", "[engine]", "machine"),
        ("[machine]", "[machine", "margins.toml: "),
    ],
)
def test_a_wrong_margin_is_named(tmp_path: Path, before: str, after: str, sentence: str) -> None:
    path = tmp_path / "margins.toml"
    path.write_text(MARGINS.read_text(encoding="utf-8").replace(before, after, 1), encoding="utf-8")
    with pytest.raises(DataError, match=sentence):
        read_margins(path)
