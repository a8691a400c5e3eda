"""What a stack decides before it starts anything: its folder and its ports."""

import argparse
import os
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from operations.errors import OperationsError
from operations.stack import ports
from operations.stack.commands import down
from operations.stack.folder import DataFolder, running_state, write_state
from operations.stack.webapp import answered_hosts
from tests.services import free_ports

NOTHING_ASKED: dict[str, int | None] = dict.fromkeys(ports.OFFSETS)


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    made = DataFolder(tmp_path / "var")
    made.make()
    return made


def test_the_folder_is_its_owners_alone(folder: DataFolder) -> None:
    for path in (folder.path, folder.media, folder.secrets, folder.run):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


@pytest.mark.parametrize("where", ["a-file/var", "/proc/var"])
def test_a_folder_that_cannot_be_written(tmp_path: Path, where: str) -> None:
    (tmp_path / "a-file").touch()

    with pytest.raises(OperationsError, match=r"can't be written \(.+\); choose another with --data-dir"):
        DataFolder(tmp_path / where).make()


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operations.stack.folder.MIN_FREE_BYTES", 2**60)

    with pytest.raises(OperationsError, match=r"has only \d+ MB free"):
        DataFolder(tmp_path / "var").make()


def test_local_calibrations_lie_in_the_folder_or_where_the_environment_says(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert folder.calibration == folder.path / "calibration"
    monkeypatch.setenv("RETINOTE_CALIBRATION_DIR", str(tmp_path / "shared"))
    assert DataFolder(folder.path).calibration == tmp_path / "shared"


def test_the_secret_key_is_made_once(folder: DataFolder) -> None:
    first = folder.secret_key()

    assert len(first) >= 50
    assert folder.secret_key() == first
    assert stat.S_IMODE((folder.secrets / "secret_key").stat().st_mode) == 0o600


def test_what_runs_is_recorded_for_the_owner_alone(folder: DataFolder) -> None:
    write_state(folder, {"pid": os.getpid()})

    assert stat.S_IMODE(folder.state.stat().st_mode) == 0o600


def test_without_a_running_stack_its_database_has_no_address(folder: DataFolder) -> None:
    with pytest.raises(OperationsError, match=r"mongodb_uri can't be read \(No such file or directory\)"):
        folder.database_address()


def test_a_folder_is_used_by_one_stack_at_a_time(folder: DataFolder) -> None:
    lock = folder.hold(print)
    write_state(folder, {"pid": os.getpid(), "url": "http://127.0.0.1:8000/"})
    try:
        assert folder.is_held()
        with pytest.raises(OperationsError, match=rf"runs on {folder.path} already \(process {os.getpid()}"):
            folder.hold(print)
    finally:
        os.close(lock)
    assert not folder.is_held()


def test_what_is_left_of_a_killed_stack_is_waited_for(folder: DataFolder) -> None:
    """The lock lives on in a service of the killed stack, which ends when the new one says that it waits."""
    lock = folder.hold(print)
    leftover = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[lock])
    os.close(lock)
    said: list[str] = []

    def announce(line: str) -> None:
        said.append(line)
        leftover.communicate(b"\n")

    os.close(folder.hold(announce))

    assert said == ["Waiting for the services of an earlier stack to end"]


def test_no_stack_runs(folder: DataFolder) -> None:
    with pytest.raises(OperationsError, match=f"No stack runs on {folder.path}"):
        running_state(folder)


def test_a_dead_stack_is_not_taken_for_a_running_one(folder: DataFolder) -> None:
    write_state(folder, {"pid": 2**22 + 1, "url": "http://127.0.0.1:8000/"})

    with pytest.raises(OperationsError, match="No stack runs"):
        running_state(folder)


def let_go_while_down_waits(lock: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is free once `down` has looked for the first time."""
    clock = SimpleNamespace(monotonic=time.monotonic, sleep=lambda _: os.close(lock))
    monkeypatch.setattr("operations.stack.commands.time", clock)


def test_after_a_power_cut_nobody_elses_process_is_taken_for_the_stacks(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state of before has a number that another process has by now; the next stack has not written its own yet."""
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    write_state(folder, {"pid": other.pid, "url": "http://127.0.0.1:8000/"})
    lock = folder.hold(print)
    with pytest.raises(OperationsError, match="No stack runs"):
        running_state(folder)
    let_go_while_down_waits(lock, monkeypatch)

    assert down(argparse.Namespace(data_dir=folder.path)) == 0

    other.communicate(b"\n")
    assert other.returncode == 0


def test_what_is_left_of_a_killed_stack_is_waited_for_until_it_is_down(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = folder.hold(print)
    write_state(folder, {"pid": 2**22 + 1, "url": "http://127.0.0.1:8000/"})
    let_go_while_down_waits(lock, monkeypatch)

    assert down(argparse.Namespace(data_dir=folder.path)) == 0

    assert "is stopped; its data are kept" in capsys.readouterr().out


def test_ports_follow_the_web_apps() -> None:
    (web,) = free_ports(1)

    chosen = ports.choose("127.0.0.1", web, NOTHING_ASKED)

    assert chosen["web"] == web
    assert set(chosen) == {"web", *ports.OFFSETS}
    assert len(set(chosen.values())) == len(chosen)


def test_any_free_port_takes_the_others_along() -> None:
    chosen = ports.choose("127.0.0.1", 0, NOTHING_ASKED)
    assert chosen["web"] > 1023 and min(chosen.values()) > 1023


def test_no_free_port_is_one_that_is_lent_to_connections() -> None:
    first_lent = int(ports.EPHEMERAL_PORTS.read_text().split()[0])

    assert all(port < first_lent for port in free_ports(20))
    assert ports.choose("127.0.0.1", 0, NOTHING_ASKED)["web"] < first_lent


def test_a_usual_port_that_is_taken_is_replaced() -> None:
    (web,) = free_ports(1)
    usual = ports.choose("127.0.0.1", web, NOTHING_ASKED)["inference"]
    with socket.create_server(("127.0.0.1", usual)):
        chosen = ports.choose("127.0.0.1", web, NOTHING_ASKED)

    assert chosen["inference"] != usual


@pytest.mark.parametrize("name", ["web", "mongodb", "inference", "management", "metrics", "grpc-inference"])
def test_a_chosen_port_that_is_taken_is_an_error_naming_its_option(name: str) -> None:
    (web,) = free_ports(1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = listener.getsockname()[1]
        asked = NOTHING_ASKED | ({} if name == "web" else {name: taken})
        option = "--port" if name == "web" else f"--{name}-port"

        with pytest.raises(OperationsError, match=f"Port {taken} is in use by another program; .*{option}"):
            ports.choose("127.0.0.1", taken if name == "web" else web, asked)


@pytest.mark.parametrize("port", [-1, 70_000])
def test_a_port_that_cannot_be(port: int) -> None:
    with pytest.raises(OperationsError, match="choose another with --port"):
        ports.choose("127.0.0.1", port, NOTHING_ASKED)


def test_high_ports_leave_none_out() -> None:
    assert len(ports.choose("127.0.0.1", free_high_port(), NOTHING_ASKED)) == 1 + len(ports.OFFSETS)


def free_high_port() -> int:
    """A free port so high that the usual ports of the other services would lie above the last one."""
    for port in range(65535, 65535 - 60, -1):
        with socket.socket() as attempt:
            try:
                attempt.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    pytest.skip("no high port is free")


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", []),
        ("::1", []),
        ("0.0.0.0", [socket.gethostname()]),
        ("fd00::2", ["[fd00::2]", socket.gethostname()]),
    ],
)
def test_an_address_of_ipv6_is_answered_as_browsers_write_it(host: str, own: list[str]) -> None:
    assert answered_hosts(host, ["fd00::1", "oct.example.org"]) == [*own, "[fd00::1]", "oct.example.org"]
