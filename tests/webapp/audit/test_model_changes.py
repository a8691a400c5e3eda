"""What `./retinote models` did gets into the audit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from serving.changes import choice_sha256, note
from serving.registry import Choice
from tests.webapp.audit.conftest import Written

BEFORE = Choice(registered=["1.0.0"], promoted=["1.0.0"])
AFTER = Choice(registered=["1.0.0"], promoted=["1.0.0", "1.1.0"])


@pytest.fixture
def changes(settings: Any, tmp_path: Path) -> Path:
    """The file of changes."""
    settings.MODEL_CHANGES_FILE = tmp_path / "changes.jsonl"
    return tmp_path / "changes.jsonl"


def promote(path: Path, version: str = "1.1.0") -> None:
    note(path, "promote", "retina-oct", version, weights_sha256="ab" * 32, before=BEFORE, after=AFTER)


def test_a_promotion_is_recorded_once(changes: Path, written: Written) -> None:
    promote(changes)
    (record,) = written()
    assert (record.action, record.kind, record.object_id) == ("model.promote", "model", "retina-oct/1.1.0")
    assert record.actor.startswith("operator:")
    assert record.weights_sha256 == "ab" * 32
    assert (record.before, record.after) == (choice_sha256(BEFORE), choice_sha256(AFTER))
    assert written() == []
    promote(changes, "1.2.0")
    assert [record.object_id for record in written()] == ["retina-oct/1.2.0"]


def test_half_a_line_waits_for_its_end(changes: Path, written: Written) -> None:
    promote(changes)
    whole = changes.read_bytes()
    changes.write_bytes(whole[:40])
    assert written() == []
    changes.write_bytes(whole)
    assert [record.action for record in written()] == ["model.promote"]


@pytest.mark.parametrize(
    "line", ["nonsense", "[]", '{"action": "model.promote"}', '{"action": "scan.delete"}', '{"action": []}']
)
def test_a_line_that_is_none_is_recorded_as_such_and_holds_up_nothing(
    changes: Path, written: Written, line: str
) -> None:
    changes.write_text(line)  # cut off, and no line end
    promote(changes)
    assert {record.action for record in written()} == {"model.unreadable", "model.promote"}


def test_a_file_that_was_begun_anew(changes: Path, written: Written) -> None:
    promote(changes)
    promote(changes)
    assert len(written()) == 2
    changes.unlink()
    promote(changes)
    assert len(written()) == 1
