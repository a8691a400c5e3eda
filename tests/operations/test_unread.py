"""Whoever reads what a command prints may go away, as behind `| head -1`: the command then ends without a word.

The commands here have the web app's management commands run, as processes of their own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from operations.stack.folder import DataFolder, write_private, write_state
from operations.unread import UNREAD, check, running
from tests.unread import ROOT, unread

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def data(tmp_path: Path, mongodb_uri: str) -> Iterator[DataFolder]:
    """The data folder of a stack of which the database alone runs."""
    data = DataFolder(tmp_path / "data")
    data.make()
    write_private(data.mongodb_address, mongodb_uri)
    addresses = dict.fromkeys(("inference_url", "management_url", "key_file", "metrics_socket"), NOWHERE)
    lock = data.hold(print)
    write_state(data, {"pid": os.getpid(), "model_stores": [], **addresses})
    yield data
    os.close(lock)


@pytest.mark.parametrize(
    "words",
    [
        ("models", "trials"),
        ("learn", "status"),
        ("audit", "head"),
        ("pacs", "list"),
        ("calibrate", "--list"),
    ],
    ids=" ".join,
)
def test_a_command_of_the_web_app_ends_quietly(data: DataFolder, words: tuple[str, ...]) -> None:
    command = [sys.executable, ROOT / "cli.py", *words, "--data-dir", data.path]

    assert unread(command) == (UNREAD, "")


def test_a_module_that_is_read_to_its_end_keeps_its_words_and_status() -> None:
    ran = subprocess.run(
        running("training.gate", "frobnicate"), cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert ran.returncode == 2
    assert "invalid choice: 'frobnicate'" in ran.stderr


def test_who_started_it_learns_that_nobody_reads_on() -> None:
    assert check(1) == 1
    with pytest.raises(BrokenPipeError):
        check(UNREAD)
