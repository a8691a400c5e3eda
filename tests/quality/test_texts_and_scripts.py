"""Texts are spelt right, and shell scripts and Dockerfiles are free of the mistakes that programs find."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = Path(sys.executable).parent
SHELL = re.compile(rb"#!.*\b(?:ba)?sh\b")


def tracked() -> list[Path]:
    """The files of this project, without links."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    paths = [Path(path) for path in listed.stdout.split("\0") if path]
    return [path for path in paths if (ROOT / path).is_file() and not (ROOT / path).is_symlink()]


def shell_scripts() -> list[Path]:
    found = []
    for path in tracked():
        with (ROOT / path).open("rb") as file:
            if SHELL.match(file.readline(80)):
                found.append(path)
    return found


def dockerfiles() -> list[Path]:
    return [path for path in tracked() if path.name.endswith("Dockerfile")]


def complaints(tool: str, folder: Path, *arguments: str | Path) -> str:
    done = subprocess.run(
        [TOOLS / tool, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )
    return done.stdout + done.stderr if done.returncode else ""


def test_texts_are_spelt_right() -> None:
    assert complaints("codespell", ROOT, *tracked()) == ""


def test_shell_scripts_pass_shellcheck() -> None:
    assert Path("retinote") in shell_scripts()
    assert complaints("shellcheck", ROOT, *shell_scripts()) == ""


def test_dockerfiles_pass_hadolint() -> None:
    assert len(dockerfiles()) >= 2
    assert complaints("hadolint", ROOT, "--no-color", *dockerfiles()) == ""


@pytest.mark.parametrize(
    ("tool", "name", "text", "complaint"),
    [
        ("codespell", "page.md", "The recieved scan.\n", "received"),  # codespell:ignore recieved
        ("shellcheck", "run.sh", "#!/bin/sh\nrm $1\n", "SC2086"),
        ("hadolint", "Dockerfile", "FROM debian:latest\n", "DL3007"),
    ],
)
def test_each_tool_finds_a_mistake(tmp_path: Path, tool: str, name: str, text: str, complaint: str) -> None:
    (tmp_path / name).write_text(text)

    assert complaint in complaints(tool, tmp_path, name)
