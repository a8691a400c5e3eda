"""While a backup is restored, nobody else works on the data folder, wherever its database is."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from operations.backup.__main__ import main
from operations.backup.database import ADDRESS_VARIABLE, exclusive, shared
from operations.backup.errors import BackupError
from operations.stack.folder import DataFolder, write_state


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataFolder:
    """A data folder whose database is elsewhere, as in containers."""
    monkeypatch.setenv(ADDRESS_VARIABLE, "mongodb://127.0.0.1:9/")
    return DataFolder(tmp_path / "var")


def test_no_stack_can_start_while_a_backup_is_restored_into_a_database_elsewhere(data: DataFolder) -> None:
    with exclusive(data):
        assert data.is_held()

    os.close(data.hold(print))  # as the next start does


def test_a_second_restore_and_a_backup_are_told_that_one_is_at_work(data: DataFolder) -> None:
    with exclusive(data):
        for context in (exclusive, shared):
            with (
                pytest.raises(BackupError, match="Another backup or restore of .* is at work"),
                context(data),
            ):
                pytest.fail("it was let in")


def test_nothing_is_restored_while_a_stack_runs(data: DataFolder) -> None:
    data.make()
    lock = data.hold(print)
    write_state(data, {"pid": os.getpid()})

    with pytest.raises(BackupError, match="A stack runs on .*: stop it first"), exclusive(data):
        pytest.fail("it was let in")
    os.close(lock)


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("RETINOTE_MEDIA", "s3://Not_A_Bucket", "'s3://Not_A_Bucket' is no store of images"),
        (ADDRESS_VARIABLE, "mongodb://user:op@kestrel@h/", "RETINOTE_MONGODB_URI can't be used"),
    ],
)
def test_in_a_container_a_wrong_setting_is_a_line(
    data: DataFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    variable: str,
    value: str,
    told: str,
) -> None:
    monkeypatch.setenv(variable, value)
    words = ["backup", str(tmp_path / "a.tar"), "--data-dir", str(data.path)]
    monkeypatch.setattr(sys, "argv", ["operations.backup", *words])

    assert main() == 2

    assert capsys.readouterr().err.startswith(f"retinote: {told}")
    assert not (tmp_path / "a.tar").exists()
