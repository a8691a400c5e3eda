"""The launcher installs, or says why it can't, and leaves nothing half done."""

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

from tests.launcher.conftest import launch, make_installed, nothing_is_left, offline
from tests.waiting import wait_for

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


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def silent_index() -> Iterator[str]:
    """A package index that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/simple"


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


@pytest.mark.parametrize("own_pip", [True, False], ids=["with pip", "without pip"])
def test_no_network(checkout: Path, tmp_path: Path, own_pip: bool) -> None:
    """A Python without a pip, or with one that is too old, gives its environments the one that it comes with."""
    lacking = f'case "$*" in *"import sys, pip"*) exit 1;; esac; exec {sys.executable} "$@"'
    python = sys.executable if own_pip else script(tmp_path / "python-lacking", lacking)

    ran = launch(checkout, "up", PYTHON=str(python))

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


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_installation_leaves_nothing(
    checkout: Path, silent_index: str, how: signal.Signals
) -> None:
    running = subprocess.Popen(
        [checkout / "retinote", "up"],
        env=offline({"PIP_INDEX_URL": silent_index}),
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
