"""Every command that the docs name exists, with those options, and is not refused for the version that comes along."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

import cli

PAGES = sorted([*Path("docs").glob("*.md"), Path("README.md"), Path("CONTRIBUTING.md")])
BUNDLED = Path("model_store/retina-oct")
INLINE = re.compile(r"`(\./retinote [^`]*)`")
ENDS = (" #", " | ", " > ", " && ", " &")
CUT_SHORT = ("the following arguments are required", "expected ")
"""What argparse says of a command that a sentence names without all that it takes."""


def commands(text: str) -> Iterator[list[str]]:
    """The words of each command of the text, without `./retinote`."""
    for line in text.splitlines():
        for found in [line] if line.startswith("./retinote ") else INLINE.findall(line):
            for end in ENDS:
                found = found.split(end)[0]
            yield shlex.split(found.rstrip("\\ "))[1:]


def fault(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What is wrong with a command; empty if nothing is."""
    if words[:1] == ["test"]:  # whose further arguments are pytest's
        return ""
    try:
        cli._parser(words[0]).parse_args(words)
    except SystemExit as ended:
        said = capsys.readouterr().err.strip().splitlines()
        if ended.code and not any(words in said[-1] for words in CUT_SHORT):
            return said[-1]
    return ""


def made_again(text: str) -> list[str]:
    """The lines that train, register or promote a version of the bundled model that comes along: each would be refused."""
    there = "|".join(re.escape(folder.name) for folder in BUNDLED.iterdir())
    trained = re.compile(rf"\bretinote train (?!.*--name ).*--version ({there})(\s|$)")
    promoted = re.compile(rf"\bretinote models (register|gate|promote) {BUNDLED.name} ({there})(\s|$)")
    return [line for line in text.splitlines() if trained.search(line) or promoted.search(line)]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_they_do(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = [words for words in commands(page.read_text(encoding="utf-8")) if words]

    assert {" ".join(words): said for words in given if (said := fault(words, capsys))} == {}


def test_one_that_does_not_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    text = "Then `./retinote models trails` or\n./retinote models gate NAME 1.0.0 --with DIR   # and so on\n"
    given = list(commands(text))

    assert given == [["models", "trails"], ["models", "gate", "NAME", "1.0.0", "--with", "DIR"]]
    assert all(fault(words, capsys) for words in given)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_a_version_that_comes_along_is_not_made_again(page: Path) -> None:
    assert made_again(page.read_text(encoding="utf-8")) == []


def test_one_that_is_made_again_is_found() -> None:
    (version,) = (folder.name for folder in BUNDLED.iterdir())
    lines = [
        f"./retinote train --data runs/oct --out runs/base --version {version}    # the published recipe",
        f"docker compose exec model-server retinote models promote retina-oct {version} --override 'compared elsewhere'",
    ]
    others = [
        f"./retinote train --data runs/chest --out runs/chest --name chest --version {version}",
        f"./retinote train --data runs/oct --out runs/base --version 9.{version}",
        f"./retinote models diff retina-oct {version} 9.{version}",
    ]

    assert made_again("\n".join([*lines, *others])) == lines
