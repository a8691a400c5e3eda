"""One number for the product: pyproject.toml has it, and wherever it is said, it is that one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import cli
from operations.version import UNKNOWN, installed_version

ROOT = Path(__file__).parents[2]


def text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def test_there_is_a_version_of_three_numbers() -> None:
    assert installed_version() != UNKNOWN
    assert re.fullmatch(r"\d+\.\d+\.\d+", installed_version())


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("CITATION.cff", r"^version: (.+)$"),
        ("frontend/package.json", r'^  "version": "(.+)"'),
        ("deploy/images/web.Dockerfile", r'org\.opencontainers\.image\.version="(.+?)"'),
        ("deploy/images/trainer.Dockerfile", r'org\.opencontainers\.image\.version="(.+?)"'),
        ("deploy/images/model-server.Dockerfile", r'org\.opencontainers\.image\.version="(.+?)"'),
    ],
)
def test_files_that_cannot_ask_name_the_same(path: str, pattern: str) -> None:
    assert re.findall(pattern, text(path), re.MULTILINE) == [installed_version()]


def test_the_lock_file_of_the_page_names_the_same() -> None:
    lock = json.loads(text("frontend/package-lock.json"))
    assert [lock["version"], lock["packages"][""]["version"]] == [installed_version()] * 2


def test_changelog_and_upgrade_notes_have_the_version() -> None:
    released = re.findall(r"^## (\d+\.\d+\.\d+) – \d{4}-\d\d-\d\d$", text("CHANGELOG.md"), re.MULTILINE)
    notes = re.findall(r"^## From .+ to (\d+\.\d+)$", text("docs/upgrading.md"), re.MULTILINE)

    assert released[0] == installed_version()
    assert notes[0] == installed_version().rpartition(".")[0]


def test_the_command_line_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """So do the API's description, the health answer and the bill of materials: the tests of these look."""
    with pytest.raises(SystemExit):
        cli.main(["--version"])

    assert capsys.readouterr().out == f"retinote {installed_version()}\n"
