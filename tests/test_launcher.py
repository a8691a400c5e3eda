"""The launcher, in a folder of its own: what it does before and instead of installing."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.waiting import wait_for

ROOT = Path(__file__).parents[1]
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
TOOLS = (
    "sh",
    "dirname",
    "readlink",
    "awk",
    "cksum",
    "cat",
    "df",
    "mkdir",
    "rm",
    "mv",
    "grep",
    "tail",
    "flock",
    "setsid",
    "sleep",
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The launcher with the lock file and a command line that says what it was given."""
    folder = tmp_path / "a checkout"
    folder.mkdir()
    shutil.copy(ROOT / "retinote", folder)
    shutil.copy(ROOT / "requirements.lock", folder)
    (folder / "cli.py").write_text("import sys; print('cli', sys.argv[1:]); sys.exit(5)\n")
    return folder


def launch(checkout: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the launcher to its end, with pip's own settings out of the way."""
    return subprocess.run(
        [checkout / "retinote", *arguments],
        env=offline(environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def offline(environment: dict[str, str]) -> dict[str, str]:
    """An environment in which nothing can be downloaded."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_", "PYTHON"))
    }
    nowhere = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_CACHE_DIR": "1",
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
    }
    return inherited | nowhere | {"PYTHON": sys.executable} | environment


def make_installed(checkout: Path) -> None:
    """An environment that looks as if the launcher had made it from the present lock file."""
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").symlink_to(sys.executable)
    checksum = subprocess.check_output(
        ["cksum"], stdin=(checkout / "requirements.lock").open("rb"), text=True
    )
    (checkout / ".venv" / "installed-from").write_text(f"{checksum.strip()} for Python {VERSION}\n")


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def nothing_is_left(checkout: Path) -> bool:
    return not (checkout / ".venv").exists()


@pytest.fixture
def silent_index() -> Iterator[str]:
    """A package index that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/simple"


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


def test_a_python_that_is_too_old_is_named(checkout: Path, tmp_path: Path) -> None:
    old = script(tmp_path / "python-old", "echo 3.10.13")

    ran = launch(checkout, "up", PYTHON=str(old))

    assert ran.returncode == 2
    assert ran.stderr.count("\n") == 1
    assert f"needs Python 3.11 or newer, found {old} is 3.10.13" in ran.stderr


def test_no_python_at_all(checkout: Path, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in TOOLS:
        (tools / tool).symlink_to(shutil.which(tool) or pytest.fail(f"{tool} is not installed"))

    ran = launch(checkout, "up", PATH=str(tools), PYTHON="")

    assert ran.returncode == 2
    assert "needs Python 3.11 or newer, found none" in ran.stderr


def test_a_python_without_venv(checkout: Path, tmp_path: Path) -> None:
    lacking = script(
        tmp_path / "python-lacking",
        f'case "$*" in *venv*) echo "ensurepip is not available" >&2; exit 1;; esac; exec {sys.executable} "$@"',
    )

    ran = launch(checkout, "up", PYTHON=str(lacking))

    assert ran.returncode == 2
    assert "its venv module is missing (Debian and Ubuntu: apt-get install python3-venv)" in ran.stderr
    assert nothing_is_left(checkout)


def test_no_network(checkout: Path) -> None:
    ran = launch(checkout, "up")

    assert ran.returncode == 2
    assert "the package index can't be reached" in ran.stderr.splitlines()[-1]
    assert nothing_is_left(checkout)


def test_a_disk_that_is_too_small(checkout: Path, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    script(
        tools / "df",
        'echo "Filesystem 1024-blocks Used Available Capacity Mounted"; echo "/dev/x 9 9 4000000 99% /"',
    )

    ran = launch(checkout, "up", PATH=f"{tools}:{os.environ['PATH']}")

    assert ran.returncode == 2
    assert "less than 8 GB free" in ran.stderr
    assert nothing_is_left(checkout)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_checkout_that_cannot_be_written(checkout: Path) -> None:
    checkout.chmod(0o500)

    ran = launch(checkout, "up")

    assert ran.returncode == 2
    assert "can't write into" in ran.stderr


@pytest.fixture(scope="module")
def quick_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that makes environments by copying one that it made before, which takes a tenth of the time."""
    folder = tmp_path_factory.mktemp("python")
    subprocess.run([sys.executable, "-m", "venv", folder / "made"], check=True)
    return script(
        folder / "python",
        f'if [ "$1 $2 $3" = "-m venv --clear" ]; then exec cp -a "{folder}/made" "$4"; fi\n'
        f'exec "{sys.executable}" "$@"',
    )


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_installation_leaves_nothing(
    checkout: Path, silent_index: str, quick_python: Path, how: signal.Signals
) -> None:
    running = subprocess.Popen(
        [checkout / "retinote", "up"],
        env=offline({"PIP_INDEX_URL": silent_index, "PYTHON": str(quick_python)}),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert running.stderr
    while "installing the installer" not in running.stderr.readline():
        pass

    running.send_signal(how)

    assert running.wait(60) == 130
    assert "interrupted; nothing is installed" in running.stderr.read()
    running.stderr.close()
    assert nothing_is_left(checkout)


def test_two_first_runs_do_not_install_at_once(checkout: Path, silent_index: str) -> None:
    environment = offline({"PIP_INDEX_URL": silent_index})
    first = subprocess.Popen(
        [checkout / "retinote", "up"], env=environment, stderr=subprocess.PIPE, text=True
    )
    assert first.stderr
    while "making .venv" not in first.stderr.readline():
        pass

    second = subprocess.Popen(
        [checkout / "retinote", "up"], env=environment, stderr=subprocess.PIPE, text=True
    )

    assert second.stderr
    assert "another run is installing; waiting for it" in second.stderr.readline()
    second.terminate()
    second.wait(60)
    first.terminate()
    first.wait(60)
    for ended in (first, second):
        assert ended.stderr
        ended.stderr.close()
    wait_for(lambda: nothing_is_left(checkout))


def test_a_changed_lock_file_is_noticed(checkout: Path) -> None:
    make_installed(checkout)
    with (checkout / "requirements.lock").open("a") as lock:
        lock.write("# another pin\n")

    ran = launch(checkout, "up")

    assert ran.returncode == 2
    assert "the package index can't be reached" in ran.stderr


def test_it_is_plain_shell() -> None:
    """dash has nothing but what POSIX asks for."""
    shell = shutil.which("dash") or shutil.which("sh")
    assert shell
    subprocess.run([shell, "-n", ROOT / "retinote"], check=True)
