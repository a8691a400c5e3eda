"""What a gate writes: JSON with a hash, a page and a PDF that say the same, and what stored scans add to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from operations.unread import UNREAD, running
from serving.gates import read_gate
from tests.training.gate.conftest import World
from tests.unread import unread
from training.gate.commands import main
from training.gate.judging import Order, as_text, compare
from training.gate.margins import read_margins
from training.gate.record import with_replay

REPLAY = {
    "scans": 100,
    "changed": 3,
    "lowered": 1,
    "raised": 2,
    "refused": 0,
    "changes": [{"before": "Routine", "after": "Urgent", "scans": 2}],
}


@pytest.fixture(scope="module")
def measured(world: World) -> dict[str, Any]:
    """The champion compared with itself."""
    order = Order(world.champion, world.champion, (world.test,), world.folder, world.guideline, world.cache)
    return compare(order, lambda _: None)


@pytest.fixture
def conclude(measured: dict[str, Any], tmp_path: Path) -> Callable[..., int]:
    """Runs `conclude` on what was measured, with changes."""

    def conclude(*words: str, **changes: Any) -> int:
        file = tmp_path / "measured.json"
        file.write_text(as_text({**measured, **changes}), encoding="utf-8")
        return main(["conclude", "--measured", str(file), "--out", str(tmp_path / "out"), *words])

    return conclude


def test_a_gate_is_written_three_times_and_read_by_who_promotes(
    conclude: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert conclude("--why-not", "No stack runs.") == 0

    gate = read_gate(tmp_path / "out" / "gate.json")
    assert gate.passed and not gate.better
    printed = capsys.readouterr().out
    assert "not judged: This installation's test set (own): There is none yet" in printed
    assert "not judged: Stored scans replayed: No stack runs." in printed
    assert "Passed. It is not worse than the margins allow." in printed
    page = (tmp_path / "out" / "gate.html").read_text(encoding="utf-8")
    text = " ".join(
        " ".join(part.extract_text() for part in PdfReader(tmp_path / "out" / "gate.pdf").pages).split()
    )
    for words in ("Recall of BRIGHT", gate.sha256, "What it may do", "rollback spots", "nothing"):
        assert words in page, words
    for words in ("Recall of BRIGHT", "What it may do", "rollback spots", "Research software"):
        assert words in text, words


def test_who_reads_no_further_ends_it_quietly(measured: dict[str, Any], tmp_path: Path) -> None:
    """As behind `./retinote models gate NAME VERSION | head -0`: what it wrote is whole."""
    file = tmp_path / "measured.json"
    file.write_text(as_text(measured), encoding="utf-8")
    words = [
        "conclude",
        "--measured",
        str(file),
        "--out",
        str(tmp_path / "out"),
        "--why-not",
        "No stack runs.",
    ]

    assert unread(running("training.gate", *words)) == (UNREAD, "")
    assert read_gate(tmp_path / "out" / "gate.json").passed


def test_a_changed_word_is_noticed(conclude: Callable[..., int], tmp_path: Path) -> None:
    conclude("--why-not", "No stack runs.")
    path = tmp_path / "out" / "gate.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"better": false', '"better": true', 1))
    with pytest.raises(Exception, match=r"gate\.json was changed after it was written"):
        read_gate(path)


def test_stored_scans_are_among_the_checks(
    conclude: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replay = tmp_path / "replay.json"
    replay.write_text(json.dumps(REPLAY))
    assert conclude("--replay", str(replay)) == 0
    assert read_gate(tmp_path / "out" / "gate.json").content["replay"]["raised"] == 2

    replay.write_text(json.dumps({**REPLAY, "lowered": 11, "changed": 13}))
    assert conclude("--replay", str(replay)) == 1
    assert "11 of 100 stored scans would be less urgent; 10% are allowed." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("replay", "passed", "reason"),
    [
        ({**REPLAY, "refused": 1}, False, "1 stored scans that have an answer now would get none."),
        ({**REPLAY, "raised": 26}, False, "26 of 100 stored scans would be more urgent; 25% are allowed."),
        ({**REPLAY, "scans": 0}, True, "There is no stored scan with an answer."),
    ],
)
def test_what_stored_scans_say_decides(
    measured: dict[str, Any], replay: dict[str, Any], passed: bool, reason: str
) -> None:
    content = with_replay(measured, replay, "", read_margins())
    assert content["passed"] is passed
    assert reason in [check["reason"] for check in content["checks"]]


def test_what_can_not_be_compared_is_said_in_a_line(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["measure", "--candidate", str(tmp_path), "--champion", str(world.champion)]
    assert main([*words, "--measured", str(tmp_path / "measured.json")]) == 2
    assert capsys.readouterr().err.startswith("retinote: ")
    assert not (tmp_path / "measured.json").exists()
