"""The launcher hands over to the command line, whoever calls it from wherever."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.launcher.conftest import ROOT, launch, make_installed, nothing_is_left


def test_an_installed_checkout_goes_straight_to_the_command_line(checkout: Path) -> None:
    make_installed(checkout)

    ran = launch(checkout, "up", "--port", "9000")

    assert (ran.returncode, ran.stdout, ran.stderr) == (5, "cli ['up', '--port', '9000']\n", "")


def test_it_may_be_called_by_links_from_anywhere(checkout: Path, tmp_path: Path) -> None:
    make_installed(checkout)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "first").symlink_to(checkout / "retinote")
    (tmp_path / "bin" / "second").symlink_to("first")

    ran = subprocess.run(
        [tmp_path / "bin" / "second", "status"], capture_output=True, text=True, check=False, cwd=tmp_path
    )

    assert (ran.returncode, ran.stdout, ran.stderr) == (5, "cli ['status']\n", "")


def test_what_other_projects_set_for_their_python_does_not_reach_ours(checkout: Path) -> None:
    make_installed(checkout)
    (checkout / "cli.py").write_text(
        "import locale, os; assert False, os.fsencode(locale.getpreferredencoding())\n"
    )

    ran = launch(
        checkout, "status", PYTHONOPTIMIZE="1", PYTHONHOME="/nowhere", PYTHONWARNINGS="x", LC_ALL="C"
    )

    assert "AssertionError: b'utf-8'" in ran.stderr.lower().replace("assertionerror", "AssertionError")


def test_compiled_modules_are_kept_where_nothing_may_be_written_beside_the_sources(checkout: Path) -> None:
    make_installed(checkout)
    (checkout / "part.py").touch()
    (checkout / "cli.py").write_text("import part\n")

    ran = launch(checkout, "status", PYTHONDONTWRITEBYTECODE="1")

    assert ran.returncode == 0, ran.stderr
    assert not (checkout / "__pycache__").exists()
    assert [file.name.split(".")[0] for file in (checkout / ".venv" / "bytecode").rglob("part.*")] == ["part"]


def test_arguments_keep_their_blanks(checkout: Path) -> None:
    make_installed(checkout)

    assert launch(checkout, "test", "-k", "one or two").stdout == "cli ['test', '-k', 'one or two']\n"


def test_it_can_be_called_from_anywhere(checkout: Path, tmp_path: Path) -> None:
    make_installed(checkout)

    ran = subprocess.run(["a checkout/retinote"], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert ran.stdout == "cli []\n"


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",), ("--version",)])
def test_help_needs_no_installation(checkout: Path, arguments: tuple[str, ...]) -> None:
    ran = launch(checkout, *arguments)

    assert ran.stdout == f"cli {list(arguments)}\n"
    assert nothing_is_left(checkout)


def test_the_real_help_needs_nothing_but_python() -> None:
    ran = subprocess.run(
        [sys.executable, "-I", "-S", ROOT / "cli.py", "--help"], capture_output=True, text=True, check=True
    )

    assert "start everything" in ran.stdout


def test_it_is_plain_shell() -> None:
    """dash has nothing but what POSIX asks for."""
    shell = shutil.which("dash") or shutil.which("sh")
    assert shell
    subprocess.run([shell, "-n", ROOT / "retinote"], check=True)
