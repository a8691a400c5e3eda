"""The supervisor with small real programs as services."""

import os
import signal
import threading
from pathlib import Path

import pytest

from operations.errors import OperationsError
from operations.stack.runner import Pace
from operations.stack.service import CannotRun, Service, StackFailed, Status
from operations.stack.supervisor import StopRequested, Supervisor
from tests.faults.conftest import RUNS, Watched, service
from tests.waiting import is_running, wait_for


def test_services_are_waited_for(tmp_path: Path, watched: Watched) -> None:
    watched.supervisor.start(service(tmp_path, "first", RUNS, address="here:1"))
    watched.supervisor.start(service(tmp_path, "second", RUNS))

    watched.supervisor.wait_ready()

    assert {status.state for status in watched.statuses.values()} == {"ready"}
    assert watched.said(r"^first is ready after \d+\.\d s  here:1$")


def test_a_service_that_dies_is_started_again_and_said_so(tmp_path: Path, watched: Watched) -> None:
    watched.supervisor.start(service(tmp_path, "web", RUNS))
    watched.supervisor.wait_ready()
    first = watched.pid("web")

    os.kill(first, signal.SIGKILL)

    wait_for(lambda: watched.pid("web") != first and watched.statuses["web"].state == "ready")
    assert watched.said(r"web ended with SIGKILL; starting it again in 0\.01 s")
    assert watched.statuses["web"].restarts == 1


def test_pauses_grow_and_the_fifth_quick_death_stops_the_stack(tmp_path: Path, watched: Watched) -> None:
    watched.supervisor.start(service(tmp_path, "steady", RUNS))
    watched.supervisor.start(service(tmp_path, "broken", "echo no such option --frob; exit 3", ready="never"))

    with pytest.raises(StackFailed) as failed:
        watched.supervisor.run()

    assert [line.rsplit(" ", 2)[1] for line in watched.lines if line.startswith("broken ended")] == [
        "0.01",
        "0.02",
        "0.04",
        "0.08",
    ]
    assert "broken ended with status 3, for the 5th time in a row" in str(failed.value)
    assert "no such option --frob" in str(failed.value)
    watched.supervisor.stop()
    assert watched.statuses["steady"].state == "stopped"


def test_deaths_far_apart_do_not_add_up(tmp_path: Path) -> None:
    lines: list[str] = []
    statuses: list[Status] = []
    with Supervisor(
        lines.append, lambda now: statuses.extend(now), pace=Pace(quick_death_s=0.0, first_pause_s=0.01)
    ) as supervisor:
        supervisor.start(service(tmp_path, "tired", "echo up; exit 1", ready=None))
        wait_for(lambda: sum("tired ended" in line for line in list(lines)) > 6)
        supervisor.pause(0)  # would raise if the stack had failed
    assert all(line.endswith("in 0.01 s") for line in lines if "tired ended" in line)


def test_a_service_that_never_gets_ready_is_started_again(tmp_path: Path, watched: Watched) -> None:
    watched.supervisor.start(service(tmp_path, "slow", "sleep 1000", ready="never", ready_timeout_s=0.2))

    wait_for(lambda: watched.said("slow was not ready within 0 s; starting it again"))


def test_a_service_that_stops_answering_is_shown_so(tmp_path: Path, watched: Watched) -> None:
    answers = threading.Event()
    answers.set()
    watched.supervisor.start(
        Service("web", lambda: ["sleep", "1000"], tmp_path / "web.log", probe=answers.is_set)
    )
    watched.supervisor.wait_ready()

    answers.clear()

    wait_for(lambda: watched.statuses["web"].state == "unresponsive")
    answers.set()
    wait_for(lambda: watched.statuses["web"].state == "ready")


def test_what_cannot_run_stops_the_stack_at_once(tmp_path: Path, watched: Watched) -> None:
    def probe() -> bool:
        raise CannotRun("the weights are broken")

    watched.supervisor.start(Service("model", lambda: ["sleep", "1000"], tmp_path / "log", probe=probe))

    with pytest.raises(StackFailed, match="the weights are broken"):
        watched.supervisor.run()


def test_what_was_ready_once_is_tried_until_it_can_run_again(tmp_path: Path, watched: Watched) -> None:
    may_run = threading.Event()
    may_run.set()

    def probe() -> bool:
        if not may_run.is_set():
            raise CannotRun("the weights are broken")
        return True

    watched.supervisor.start(service(tmp_path, "steady", RUNS))
    watched.supervisor.start(Service("model", lambda: ["sleep", "1000"], tmp_path / "log", probe=probe))
    watched.supervisor.wait_ready()

    may_run.clear()
    wait_for(lambda: watched.statuses["model"].restarts > 5)

    assert watched.said(r"model can't run \(the weights are broken\); starting it again in")
    assert watched.statuses["steady"].state == "ready"
    may_run.set()
    wait_for(lambda: watched.statuses["model"].state == "ready")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_bug_in_a_probe_stops_the_stack_with_its_name(tmp_path: Path, watched: Watched) -> None:
    def probe() -> bool:
        raise KeyError("missing")

    watched.supervisor.start(Service("model", lambda: ["sleep", "1000"], tmp_path / "log", probe=probe))

    with pytest.raises(StackFailed, match="model: KeyError"):
        watched.supervisor.run()


def test_the_first_service_ends_last(tmp_path: Path) -> None:
    order = tmp_path / "order"
    script = 'trap "echo {} >> {}; exit" TERM; echo up; while :; do sleep 0.05; done'
    with Supervisor(lambda line: None) as supervisor:
        for name in ("database", "web"):
            supervisor.start(service(tmp_path, name, script.format(name, order)))
        supervisor.wait_ready()

    assert order.read_text().split() == ["web", "database"]


def test_a_stop_during_the_start_leaves_nothing(tmp_path: Path) -> None:
    watched = Watched()
    with pytest.raises(StopRequested), watched.supervisor:
        watched.supervisor.start(service(tmp_path, "slow", "sleep 1000", ready="never"))
        pid = watched.pid("slow")
        timer = threading.Timer(0.2, watched.supervisor.request_stop)
        timer.start()
        watched.supervisor.wait_ready()

    assert not is_running(pid)


def test_tasks_run_to_their_end(tmp_path: Path, watched: Watched) -> None:
    task = watched.supervisor.start_task(
        "Writing",
        ["sh", "-c", "echo $WORD > word"],
        log=tmp_path / "log",
        environment={"WORD": "yes"},
        folder=tmp_path,
    )
    task.wait()

    assert (tmp_path / "word").read_text() == "yes\n"


def test_a_task_that_fails_shows_its_last_lines(tmp_path: Path, watched: Watched) -> None:
    with pytest.raises(OperationsError, match=r"(?s)Migrating failed \(status 2\).*no such table"):
        watched.supervisor.start_task(
            "Migrating",
            ["sh", "-c", "echo no such table; exit 2"],
            log=tmp_path / "log",
            environment=os.environ,
            folder=tmp_path,
        ).wait()


def test_a_task_that_nobody_has_waited_for_ends_with_the_stack(tmp_path: Path, watched: Watched) -> None:
    watched.supervisor.start_task(
        "Building",
        ["sh", "-c", "echo $$ > pid; exec sleep 600"],
        log=tmp_path / "log",
        environment=os.environ,
        folder=tmp_path,
    )
    pid = int(wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text()))
    assert is_running(pid)

    watched.supervisor.stop()

    assert not is_running(pid)
