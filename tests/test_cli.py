"""The command line as a person meets it."""

import argparse
import re
import subprocess
import sys
from pathlib import Path

import pytest

import cli
from operations.unread import UNREAD
from operations.version import installed_version
from tests.unread import unread

ROOT = Path(__file__).parents[1]


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, ROOT / "cli.py", *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def test_help_names_every_command() -> None:
    shown = run("--help")

    assert shown.returncode == 0
    for name in cli.COMMANDS:
        assert re.search(rf"^    {name}\b", shown.stdout, re.MULTILINE)


def test_no_command_shows_the_help() -> None:
    assert run().stdout == run("--help").stdout


def test_version() -> None:
    assert run("--version").stdout == f"retinote {installed_version()}\n"


@pytest.mark.parametrize("name", [name for name in cli.COMMANDS if name != "test"])
def test_every_command_has_a_help_of_its_own(name: str) -> None:
    shown = run(name, "--help")

    assert shown.returncode == 0
    assert f"usage: ./retinote {name}" in shown.stdout
    assert f"Retinote {installed_version()}." in " ".join(shown.stdout.split())


@pytest.mark.parametrize("name", [name for name in cli.COMMANDS if name != "test"])
def test_no_option_takes_the_place_of_the_command_before_it(name: str) -> None:
    """`--action` of `audit list` once hid that it was `list`."""

    def look(parser: argparse.ArgumentParser, chosen: frozenset[str]) -> None:
        choices = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
        taken = chosen & {action.dest for action in parser._actions}
        assert not taken, f"{parser.prog}: {taken}"
        for choice in choices:
            for further in choice.choices.values():
                look(further, chosen | {choice.dest})

    look(cli._parser(chosen=name), frozenset())


def test_help_loads_no_heavy_package() -> None:
    program = (
        "import sys, cli; cli.main([]); print({'torch', 'django', 'celery', 'pymongo'} & set(sys.modules))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert shown.stdout.splitlines()[-1] == "set()"


def test_an_unknown_command_names_the_known_ones() -> None:
    shown = run("frobnicate")

    assert shown.returncode == 2
    assert "invalid choice: 'frobnicate'" in shown.stderr
    assert "Traceback" not in shown.stderr


def test_an_expected_failure_is_one_line(tmp_path: Path) -> None:
    shown = run("key", "--data-dir", str(tmp_path))

    assert shown.returncode == 2
    assert shown.stderr == (
        f"retinote: No stack runs on {tmp_path}; start one with ./retinote up --data-dir {tmp_path}.\n"
    )


def test_a_reader_who_has_read_enough_is_no_failure(tmp_path: Path) -> None:
    command = [sys.executable, ROOT / "cli.py", "status", "--data-dir", tmp_path]

    assert unread(command) == (UNREAD, "")


def test_status_without_a_stack(tmp_path: Path) -> None:
    shown = run("status", "--data-dir", str(tmp_path))

    assert shown.returncode == 3
    assert "No stack runs" in shown.stdout


def test_down_without_a_stack_is_no_error(tmp_path: Path) -> None:
    shown = run("down", "--data-dir", str(tmp_path))

    assert shown.returncode == 0
    assert "No stack runs" in shown.stdout


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], 3),
        (["tests", "-k", "gradcam"], 3),
        (["tests/test_cli.py"], 0),
        (["tests/test_cli.py::test_version", "-x"], 0),
        (["tests/test_cli.py", "tests/test_order.py"], 2),
        (["tests/webapp/gateway"], 2),
    ],
)
def test_tests_run_in_as_many_processes_as_are_worth_starting(
    monkeypatch: pytest.MonkeyPatch, options: list[str], expected: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0, 1})

    assert cli.test_processes(options) == expected


def test_tests_get_their_arguments_and_cores(tmp_path: Path) -> None:
    """`test` hands over to pytest; asking it for its version shows that without running the suite again."""
    shown = run("test", "--version", "-p", "no:django", "--noconftest")

    assert shown.returncode == 0
    assert "pytest" in shown.stdout + shown.stderr


@pytest.mark.parametrize(
    "words", [["up"], ["down"], ["restore", "a.tar"], ["models", "list"], ["learn", "status"]]
)
def test_all_commands_find_the_same_data_folder(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def found() -> Path:
        folder: Path = cli._parser(chosen=words[0]).parse_args(words).data_dir
        return folder

    monkeypatch.setenv("RETINOTE_DATA_DIR", "/srv/retinote")
    assert found() == Path("/srv/retinote")

    monkeypatch.setenv("RETINOTE_DATA_DIR", "")
    assert found() == ROOT / "var"
