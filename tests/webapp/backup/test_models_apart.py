"""Where the model server has a data folder of its own, as in containers, a backup takes the models from there."""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from operations.backup import commands
from operations.backup.documents import AnyDatabase
from operations.backup.errors import BackupError
from operations.stack.database import DATABASE_VARIABLE
from operations.stack.folder import DataFolder
from operations.stack.options import DATA_VARIABLE
from operations.stack.state import ADDRESS_VARIABLE
from serving.registry import Registry
from tests.models import make_model

pytestmark = pytest.mark.django_db(transaction=True)

NAME = "retina-oct"
Run = Callable[..., str]


@pytest.fixture
def apart(tmp_path: Path) -> DataFolder:
    """The model server's data folder, with a version that was imported and promoted."""
    apart = DataFolder(tmp_path / "models")
    apart.make()
    make_model(apart.model_store, version="2.0.0")
    Registry(apart.registry).note_promoted(NAME, "2.0.0", "ab" * 32)
    return apart


@pytest.fixture
def run(
    data: DataFolder,
    database: AnyDatabase,
    mongodb_uri: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Runs `backup` or `restore` as a container does; what it printed."""
    monkeypatch.setenv(ADDRESS_VARIABLE, mongodb_uri)
    monkeypatch.setenv(DATABASE_VARIABLE, database.name)
    monkeypatch.setenv(DATA_VARIABLE, str(data.path))
    actions = {
        "backup": (commands.add_backup_arguments, commands.backup),
        "restore": (commands.add_restore_arguments, commands.restore),
    }

    def run(action: str, *arguments: str | Path) -> str:
        declare, command = actions[action]
        parser = argparse.ArgumentParser()
        declare(parser)
        assert command(parser.parse_args([*map(str, arguments)])) == 0
        return capsys.readouterr().out

    return run


def test_models_and_decisions_come_back_into_the_model_servers_folder(
    run: Run, data: DataFolder, apart: DataFolder, tmp_path: Path
) -> None:
    assert "promoted" not in run("backup", tmp_path / "a.tar", "--models-dir", apart.path)
    card = (apart.model_store / NAME / "2.0.0" / "model.json").read_bytes()
    shutil.rmtree(apart.path)
    apart.path.mkdir()

    printed = run("restore", tmp_path / "a.tar", "--replace", "--models-dir", apart.path)

    assert f"are in {apart.path}" in printed
    assert Registry(apart.registry).choice(NAME).default == "2.0.0"
    assert (apart.model_store / NAME / "2.0.0" / "model.json").read_bytes() == card
    assert not data.registry.exists() and not data.model_store.exists()


def test_a_backup_without_decisions_says_so(run: Run, data: DataFolder, tmp_path: Path) -> None:
    printed = run("backup", tmp_path / "a.tar")

    assert f"{data.registry} is not there" in printed
    assert "--models-dir" in printed


def test_a_folder_of_models_that_is_not_there_is_an_error(run: Run, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="there is no folder .*/nowhere"):
        run("backup", tmp_path / "a.tar", "--models-dir", tmp_path / "nowhere")


def test_nothing_is_restored_while_the_model_server_runs(run: Run, apart: DataFolder, tmp_path: Path) -> None:
    run("backup", tmp_path / "a.tar", "--models-dir", apart.path)
    lock = apart.hold(print)

    with pytest.raises(BackupError, match="A model server runs on .*: stop it first"):
        run("restore", tmp_path / "a.tar", "--replace", "--models-dir", apart.path)
    os.close(lock)
