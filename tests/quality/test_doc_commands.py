"""Every command that the docs name exists, with those options."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

import cli

PAGES = sorted([*Path("docs").glob("*.md"), Path("README.md"), Path("CONTRIBUTING.md")])
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


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_they_do(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = [words for words in commands(page.read_text(encoding="utf-8")) if words]

    assert {" ".join(words): said for words in given if (said := fault(words, capsys))} == {}


def test_one_that_does_not_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    text = "Then `./retinote models trails` or\n./retinote models gate NAME 1.0.0 --with DIR   # and so on\n"
    given = list(commands(text))

    assert given == [["models", "trails"], ["models", "gate", "NAME", "1.0.0", "--with", "DIR"]]
    assert all(fault(words, capsys) for words in given)
