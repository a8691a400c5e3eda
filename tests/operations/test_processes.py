"""A guarded process ends with all its descendants, however its starter ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from operations.errors import OperationsError
from operations.processes import GuardedProcess, last_lines, wait_until
from tests.waiting import is_running, wait_for

ROOT = Path(__file__).parents[2]

# A program with a child that ignores SIGTERM in a session of its own, as a worker of a worker may be.
STUBBORN_FAMILY = """
(trap '' TERM; setsid sh -c 'trap "" TERM; echo $$ > "$0.grandchild"; while :; do sleep 0.2; done' "$0") &
echo $$ > "$0.parent"
wait
"""


def stubborn_family(folder: Path) -> list[str]:
    return ["sh", "-c", STUBBORN_FAMILY, str(folder / "pid")]


def pids(folder: Path) -> list[int]:
    """Process ids of the family, once all of it runs."""
    files = [folder / "pid.parent", folder / "pid.grandchild"]
    wait_for(lambda: all(file.exists() and file.read_text() for file in files), what="both processes running")
    return [int(file.read_text()) for file in files]


def running(process_ids: list[int]) -> list[int]:
    return [pid for pid in process_ids if is_running(pid)]


def test_output_goes_to_the_log(tmp_path: Path) -> None:
    process = GuardedProcess.start(["sh", "-c", "echo one; echo two >&2"], log=tmp_path / "log")

    assert process.wait(10) == 0
    assert (tmp_path / "log").read_text().split() == ["one", "two"]


def test_status_of_the_program_is_kept(tmp_path: Path) -> None:
    assert GuardedProcess.start(["sh", "-c", "exit 7"], log=tmp_path / "log").wait(10) == 7


def test_status_after_a_signal_is_128_and_its_number(tmp_path: Path) -> None:
    process = GuardedProcess.start(["sleep", "100"], log=tmp_path / "log")
    os.kill(process.pid, signal.SIGUSR1)

    assert process.wait(10) == 128 + signal.SIGUSR1


def test_a_program_that_is_not_there_is_named_in_the_log(tmp_path: Path) -> None:
    process = GuardedProcess.start(["no-such-program"], log=tmp_path / "log")

    assert process.wait(10) == 127
    assert "cannot run no-such-program" in (tmp_path / "log").read_text()


def test_a_log_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()

    with pytest.raises(OperationsError, match="writable"):
        GuardedProcess.start(["true"], log=tmp_path / "log")


def test_stop_lets_the_program_finish_what_it_does(tmp_path: Path) -> None:
    script = 'trap "echo goodbye; exit 3" TERM; echo up; while :; do sleep 0.05; done'
    process = GuardedProcess.start(["sh", "-c", script], log=tmp_path / "log")
    wait_for(lambda: "up" in (tmp_path / "log").read_text())

    assert process.stop() == 3
    assert "goodbye" in (tmp_path / "log").read_text()


def test_stop_ends_descendants_that_ignore_it(tmp_path: Path) -> None:
    process = GuardedProcess.start(stubborn_family(tmp_path), log=tmp_path / "log", grace_s=0.3)
    family = pids(tmp_path)

    process.stop()

    assert running(family) == []


def test_descendants_go_when_the_program_dies_by_itself(tmp_path: Path) -> None:
    process = GuardedProcess.start(stubborn_family(tmp_path), log=tmp_path / "log", grace_s=0.3)
    family = pids(tmp_path)
    os.kill(process.pid, signal.SIGKILL)

    assert process.wait(10) == 128 + signal.SIGKILL
    assert running(family) == []


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_nothing_is_left_when_the_starter_is_killed(tmp_path: Path, end: signal.Signals) -> None:
    program = (
        "import sys, time; from pathlib import Path; from operations.processes import GuardedProcess\n"
        "GuardedProcess.start(sys.argv[2:], log=Path(sys.argv[1]), grace_s=0.3); time.sleep(100)"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "log"), *stubborn_family(tmp_path)], cwd=ROOT
    )
    family = pids(tmp_path)

    starter.send_signal(end)
    starter.wait(10)

    wait_for(lambda: running(family) == [], what="the family's end")


def test_the_program_goes_when_its_guardian_is_killed(tmp_path: Path) -> None:
    process = GuardedProcess.start(["sleep", "100"], log=tmp_path / "log")
    psutil.Process(process.pid).parent().kill()  # type: ignore[union-attr]

    assert process.wait(10) == 128 + signal.SIGKILL
    wait_for(lambda: running([process.pid]) == [])


def test_a_large_log_is_rotated(tmp_path: Path) -> None:
    lines = "import sys\nfor i in range(400_000): print(f'line {i:06} ' + 'x' * 60)"
    process = GuardedProcess.start([sys.executable, "-c", lines], log=tmp_path / "log")

    assert process.wait(60) == 0
    assert sorted(file.name for file in tmp_path.iterdir()) == ["log", "log.1", "log.2"]
    kept = "".join((tmp_path / name).read_text() for name in ("log.2", "log.1", "log"))
    assert kept.count("line ") == 400_000
    assert kept.splitlines()[-1].startswith("line 399999")


def test_a_file_is_held_until_all_has_ended(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    process = GuardedProcess.start(["sleep", "100"], log=tmp_path / "log", kept_open=[writer])
    os.close(writer)
    os.set_blocking(reader, False)
    with pytest.raises(BlockingIOError):
        os.read(reader, 1)

    process.stop()

    assert os.read(reader, 1) == b""
    os.close(reader)


def test_waiting_ends_with_the_log_when_the_program_does(tmp_path: Path) -> None:
    process = GuardedProcess.start(["sh", "-c", "echo the disk is on fire; exit 4"], log=tmp_path / "log")

    with pytest.raises(OperationsError, match=r"(?s)Thing ended with status 4.*the disk is on fire"):
        wait_until(lambda: False, process=process, name="Thing", timeout_s=10)


def test_waiting_has_an_end(tmp_path: Path) -> None:
    process = GuardedProcess.start(["sleep", "100"], log=tmp_path / "log")

    with pytest.raises(OperationsError, match="not ready within 0 s"):
        wait_until(lambda: False, process=process, name="Thing", timeout_s=0.2)
    process.stop()


def test_last_lines_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"{number}\n" for number in range(100)))

    assert last_lines(log, 2) == f"Last lines of {log}:\n  98\n  99"
    assert "(nothing)" in last_lines(tmp_path / "none")
