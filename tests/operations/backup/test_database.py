"""Backup and restore use the database of the data folder's stack, and a restore has it for itself."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cli
from operations.backup import commands
from operations.backup.__main__ import main
from operations.backup.database import exclusive, shared
from operations.backup.errors import BackupError
from operations.backup.manifest import Files, Manifest
from operations.backup.restore import Restored
from operations.backup.rights import Withheld
from operations.stack.database import DATABASE_VARIABLE
from operations.stack.folder import DataFolder, write_state
from operations.stack.state import ADDRESS_VARIABLE, State


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


@pytest.mark.parametrize("start", [main, lambda: cli.main(sys.argv[1:])])
def test_the_address_of_the_database_may_be_in_a_file(
    data: DataFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    start: Callable[[], int],
) -> None:
    address = tmp_path / "uri"
    address.write_text("mongodb://user:op@kestrel@h/\n")
    monkeypatch.delenv(ADDRESS_VARIABLE)
    monkeypatch.setenv(f"{ADDRESS_VARIABLE}_FILE", str(address))
    words = ["backup", str(tmp_path / "a.tar"), "--data-dir", str(data.path)]
    monkeypatch.setattr(sys, "argv", ["operations.backup", *words])

    assert start() == 2
    assert capsys.readouterr().err.startswith("retinote: RETINOTE_MONGODB_URI can't be used")

    address.unlink()
    monkeypatch.delenv(ADDRESS_VARIABLE)
    monkeypatch.setenv(f"{ADDRESS_VARIABLE}_FILE", str(address))
    assert start() == 2
    assert capsys.readouterr().err.startswith(f"retinote: RETINOTE_MONGODB_URI_FILE: {address} can't be read")


@pytest.fixture
def stopped(data: DataFolder, monkeypatch: pytest.MonkeyPatch) -> DataFolder:
    """The folder of a stack that had a database of another name, in another server, and has ended."""
    data.make()
    with monkeypatch.context() as shell:
        shell.setenv(DATABASE_VARIABLE, "oct")
        State(data, {}).became_ready()
    monkeypatch.delenv(DATABASE_VARIABLE, raising=False)
    data.state.unlink()
    return data


@pytest.mark.parametrize("context", [exclusive, shared])
def test_beside_a_stopped_stack_its_database_is_the_one_that_it_had(
    stopped: DataFolder, monkeypatch: pytest.MonkeyPatch, context: Any
) -> None:
    with context(stopped) as database:
        assert database.name == "oct"

    monkeypatch.setenv(DATABASE_VARIABLE, "another")
    with context(stopped) as database:
        assert database.name == "another"


@pytest.mark.parametrize("context", [exclusive, shared])
def test_an_empty_server_is_not_taken_for_the_one_that_the_stack_had(
    stopped: DataFolder, monkeypatch: pytest.MonkeyPatch, context: Any
) -> None:
    monkeypatch.delenv(ADDRESS_VARIABLE)

    with pytest.raises(BackupError, match="in another MongoDB server than its own: set RETINOTE_MONGODB_URI"):
        context(stopped).__enter__()


@pytest.mark.parametrize(("name", "is_told"), [("retinote", True), ("oct", False)])
def test_a_restore_into_a_database_of_another_name_says_so(
    data: DataFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    is_told: bool,
) -> None:
    monkeypatch.setenv(DATABASE_VARIABLE, name)
    manifest = Manifest("1.0", "2026-11-30T10:00:00Z", "oct", (), Files(), Files())
    monkeypatch.setattr(
        commands, "restore_backup", lambda *_, **__: Restored(manifest, Withheld((), (), knew=False), True)
    )
    archive = tmp_path / "a.tar"
    archive.touch()

    commands.restore(
        argparse.Namespace(file=str(archive), data_dir=data.path, models_dir=None, replace=False)
    )

    told = "It was in the database oct, and is in retinote now, which RETINOTE_DATABASE has to name"
    assert (told in capsys.readouterr().out) is is_told
