"""Services that stand still or no longer answer, as the supervisor sees them."""

import os
import signal
import threading
from dataclasses import replace
from pathlib import Path

from operations.stack.service import Service
from operations.stack.supervisor import Supervisor
from tests.faults.conftest import RUNS, Watched, service
from tests.waiting import is_running, wait_for


def quick_to_notice(watched: Watched, **limits: float) -> Supervisor:
    """The supervisor, with limits so short that a service soon counts as hung."""
    watched.supervisor.pace = replace(watched.supervisor.pace, **limits)
    return watched.supervisor


def test_a_service_that_stands_still_is_started_again(tmp_path: Path, watched: Watched) -> None:
    supervisor = quick_to_notice(watched, stopped_limit_s=0.1)
    supervisor.start(service(tmp_path, "database", RUNS, grace_s=1000.0))
    supervisor.wait_ready()
    frozen = watched.pid("database")

    os.kill(frozen, signal.SIGSTOP)

    wait_for(lambda: watched.pid("database") != frozen and watched.statuses["database"].state == "ready")
    assert not is_running(frozen)
    assert watched.said(f"database: process {frozen} has stood still; it is ended")


def test_what_stands_still_is_seen_long_before_it_would_be_asked_again(
    tmp_path: Path, watched: Watched
) -> None:
    supervisor = quick_to_notice(watched, stopped_limit_s=0.1, check_every_s=1000.0)
    supervisor.start(service(tmp_path, "database", RUNS, grace_s=1000.0))
    supervisor.wait_ready()
    frozen = watched.pid("database")

    os.kill(frozen, signal.SIGSTOP)

    wait_for(lambda: watched.pid("database") != frozen and watched.statuses["database"].state == "ready")


def test_a_process_of_a_service_that_stands_still_is_ended_alone(tmp_path: Path, watched: Watched) -> None:
    supervisor = quick_to_notice(watched, stopped_limit_s=0.1)
    script = f"cd {tmp_path}; echo up; while :; do sleep 1000 & echo $! >> children; wait; done"
    supervisor.start(service(tmp_path, "pool", script))
    supervisor.wait_ready()
    children = tmp_path / "children"
    (frozen,) = wait_for(lambda: children.exists() and children.read_text().split())

    os.kill(int(frozen), signal.SIGSTOP)

    wait_for(lambda: len(children.read_text().split()) == 2)
    wait_for(lambda: watched.statuses["pool"].state == "ready")
    assert watched.statuses["pool"].restarts == 0
    assert not is_running(int(frozen))


def test_a_service_that_does_not_answer_any_more_is_started_again(tmp_path: Path, watched: Watched) -> None:
    supervisor = quick_to_notice(watched, silence_limit_s=0.2)
    answers = threading.Event()
    answers.set()
    supervisor.start(
        Service(
            "web",
            # In its first life it would not heed a request to end either.
            lambda: [
                "sh",
                "-c",
                f"cd {tmp_path}; mkdir first || exec sleep 1000; trap '' TERM; sleep 1000 & wait",
            ],
            tmp_path / "web.log",
            probe=answers.is_set,
            prepare=answers.set,
            grace_s=1000.0,
        )
    )
    supervisor.wait_ready()
    hung = watched.pid("web")

    answers.clear()

    wait_for(lambda: watched.pid("web") != hung and watched.statuses["web"].state == "ready")
    assert watched.said(r"web has not answered for \d+ s; starting it again")
    assert not is_running(hung)


def test_a_service_is_not_blamed_for_another_that_it_needs(tmp_path: Path, watched: Watched) -> None:
    supervisor = quick_to_notice(watched, silence_limit_s=0.2)
    database, web = threading.Event(), threading.Event()
    for event in (database, web):
        event.set()
    sleep = ["sleep", "1000"]
    supervisor.start(
        Service("database", lambda: sleep, tmp_path / "log", probe=database.is_set, alive=lambda: True)
    )
    supervisor.start(Service("web", lambda: sleep, tmp_path / "log", probe=web.is_set, needs=("database",)))
    supervisor.wait_ready()
    blamed = watched.pid("web")

    database.clear()
    wait_for(lambda: watched.statuses["database"].state == "unresponsive")
    web.clear()
    wait_for(lambda: watched.statuses["web"].state == "unresponsive")
    assert not watched.said("web has not answered")
    database.set()

    wait_for(lambda: watched.pid("web") != blamed)
    assert watched.statuses["database"].restarts == 0
