"""What `./retinote models` did gets into the audit."""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from serving.changes import choice_sha256, note
from serving.registry import Choice
from tests.webapp.audit.conftest import NewRecords, collection, verified
from webapp.accounts.models import User
from webapp.audit import model_changes, sealing
from webapp.audit.models import Action, Record, RefusedLine
from webapp.audit.recording import record

BEFORE = Choice(registered=["1.0.0"], promoted=["1.0.0"])
AFTER = Choice(registered=["1.0.0"], promoted=["1.0.0", "1.1.0"])


@pytest.fixture
def changes(settings: Any, tmp_path: Path) -> Path:
    """The file of changes."""
    settings.MODEL_CHANGES_FILE = tmp_path / "changes.jsonl"
    return tmp_path / "changes.jsonl"


def promote(path: Path, version: str = "1.1.0") -> None:
    note(path, "promote", "retina-oct", version, weights_sha256="ab" * 32, before=BEFORE, after=AFTER)


def test_a_promotion_is_recorded_once(changes: Path, new_records: NewRecords) -> None:
    promote(changes)
    (record,) = new_records()
    assert (record.action, record.kind, record.object_id) == ("model.promote", "model", "retina-oct/1.1.0")
    assert record.actor.startswith("operator:")
    assert record.weights_sha256 == "ab" * 32
    assert (record.before, record.after) == (choice_sha256(BEFORE), choice_sha256(AFTER))
    assert new_records() == []
    promote(changes, "1.2.0")
    assert [record.object_id for record in new_records()] == ["retina-oct/1.2.0"]


def forge(path: Path, **said: object) -> None:
    """Add a line that says something else than what was done."""
    promote(path)
    *before, last = path.read_text().splitlines(keepends=True)
    path.write_text("".join(before) + json.dumps(json.loads(last) | said) + "\n")


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"actor": "operator:the-boss"}, "it names another actor than the file's owner, operator:"),
        ({"actor": "0" * 24}, "it names another actor than the file's owner, operator:"),
        ({"uid": os.getuid() + 1}, "it isn't by the file's owner, user "),
        ({"uid": None}, "it isn't by the file's owner, user "),
        ({"time": (datetime.now(UTC) + HOUR).isoformat()}, "its time lies in the future"),
        ({"time": (datetime.now(UTC) - HOUR).isoformat()}, "its time lies before that of records that were"),
    ],
)
def test_a_forged_line_is_refused_kept_and_told_of(
    changes: Path, clinician: User, new_records: NewRecords, said: dict[str, object], reason: str
) -> None:
    new_records()
    forge(changes, **said)
    promote(changes, "1.2.0")

    honest, refused = sorted(new_records(), key=lambda record: record.action)

    assert (refused.action, refused.actor) == ("model.refused", "system")
    assert (honest.action, honest.object_id) == ("model.promote", "retina-oct/1.2.0")
    kept = RefusedLine.objects.get()
    assert kept.sha256 == refused.after
    assert kept.line == changes.read_text().splitlines()[0]
    assert kept.reason.startswith(reason)
    status, text = verified()
    assert status == 1
    assert text.startswith(f"REFUSED record {refused.number} of ") and reason in text


def test_who_has_noted_a_later_head_has_seen_what_was_refused(changes: Path, new_records: NewRecords) -> None:
    forge(changes, actor="operator:the-boss")
    new_records()
    assert verified()[0] == 1
    head = sealing.head()
    assert verified("--expect", f"{head.number}:{head.hash}")[0] == 0
    forge(changes, actor="operator:the-boss")
    assert verified("--expect", f"{head.number}:{head.hash}")[0] == 1


def test_nothing_in_a_file_that_others_may_write_to_is_believed(
    changes: Path, new_records: NewRecords
) -> None:
    promote(changes)
    changes.chmod(0o622)
    assert [record.action for record in new_records()] == ["model.refused"]
    assert "may write to the file (mode 0622)" in RefusedLine.objects.get().reason


def test_a_line_that_is_taken_in_a_second_time_is_refused(
    changes: Path, clinician: User, new_records: NewRecords
) -> None:
    promote(changes)
    (first,) = [record for record in new_records() if record.kind == "model"]
    collection(Record).update_many({}, {"$set": {"time": first.time + HOUR}})  # an hour goes by
    line = changes.read_text()
    changes.write_text("")
    assert new_records() == []
    changes.write_text(line)
    assert [record.action for record in new_records()] == ["model.refused"]


@pytest.mark.parametrize("made", [lambda path: path.symlink_to("/etc/hosts"), os.mkfifo, Path.mkdir])
def test_what_is_no_file_holds_up_nothing(
    changes: Path, clinician: User, new_records: NewRecords, made: Callable[[Path], object]
) -> None:
    made(changes)
    assert [record.action for record in new_records()] == []
    record(Action.SIGN_OUT, clinician, "user")
    assert [record.action for record in new_records()] == ["account.sign_out"]
    assert verified()[0] == 1
    assert "the file of model changes can't be read" in verified()[1]


def test_the_environment_names_nobody(
    changes: Path, new_records: NewRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "the-boss")
    promote(changes)
    assert [record.actor for record in new_records()] == [f"operator:{pwd.getpwuid(os.getuid()).pw_name}"]


def test_half_a_line_waits_for_its_end(changes: Path, new_records: NewRecords) -> None:
    promote(changes)
    whole = changes.read_bytes()
    changes.write_bytes(whole[:40])
    assert new_records() == []
    changes.write_bytes(whole)
    assert [record.action for record in new_records()] == ["model.promote"]


def test_more_than_is_read_at_once_is_taken_in_whole(
    changes: Path, new_records: NewRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in range(10):
        promote(changes, f"1.{version}.0")
    monkeypatch.setattr(model_changes, "MOST_BYTES", 2 * changes.stat().st_size // 7)

    assert [record.object_id for record in new_records()] == [
        f"retina-oct/1.{version}.0" for version in range(10)
    ]


@pytest.mark.parametrize(
    "line", ["nonsense", "[]", '{"action": "model.promote"}', '{"action": "scan.delete"}', '{"action": []}']
)
def test_a_line_that_is_none_is_recorded_as_such_and_holds_up_nothing(
    changes: Path, new_records: NewRecords, line: str
) -> None:
    changes.write_text(line)  # cut off, and no line end
    promote(changes)
    assert {record.action for record in new_records()} == {"model.unreadable", "model.promote"}


def test_a_file_that_was_begun_anew(changes: Path, new_records: NewRecords) -> None:
    promote(changes)
    promote(changes)
    assert len(new_records()) == 2
    changes.unlink()
    promote(changes)
    assert len(new_records()) == 1
