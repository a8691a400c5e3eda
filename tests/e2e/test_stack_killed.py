"""A stack whose services, or all of whose processes, are killed; and one that many upload to at once."""

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.e2e.running import RESTART_TIMEOUT_S, SERVICES, scan_of, upload, wait_until_predicted
from tests.services import free_ports
from tests.stacks import Stack
from tests.waiting import is_running, wait_for

pytestmark = pytest.mark.xdist_group("stack")

CLIENTS, UPLOADS = 8, 40


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_that_is_killed_comes_back(stack: Stack, name: str) -> None:
    wait_for(stack.is_ready, timeout_s=RESTART_TIMEOUT_S)
    killed = stack.service_pid(name)
    assert killed

    os.kill(killed, signal.SIGKILL)

    wait_for(lambda: stack.service_pid(name) not in (killed, None), timeout_s=RESTART_TIMEOUT_S)
    wait_for(stack.is_ready, timeout_s=RESTART_TIMEOUT_S)
    assert f"{name} ended with SIGKILL; starting it again in" in stack.log()


def test_without_the_model_server_scans_wait_for_it(stack: Stack) -> None:
    wait_for(stack.is_ready, timeout_s=RESTART_TIMEOUT_S)
    headers = stack.sign_in("admin", stack.password)
    model_server = stack.service_pid("model server")
    assert model_server
    os.kill(model_server, signal.SIGKILL)

    answer = upload(stack, headers, seed=2)

    assert answer.status_code == 202, answer.text
    assert answer.json()["status"] == "queued"
    scan_id = answer.json()["id"]
    wait_until_predicted(stack, headers, scan_id)


def test_uploads_by_many_at_once_are_each_kept_once(stack: Stack) -> None:
    wait_for(stack.is_ready, timeout_s=RESTART_TIMEOUT_S)
    headers = stack.sign_in("admin", stack.password)

    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(lambda seed: upload(stack, headers, seed), range(100, 100 + UPLOADS)))

    assert {answer.status_code for answer in answers} <= {201, 202}
    ids = [answer.json()["id"] for answer in answers]
    assert len(set(ids)) == UPLOADS
    for scan_id in ids:
        wait_until_predicted(stack, headers, scan_id)
        path = scan_of(stack, headers, scan_id)["annotation_path"]
        assert requests.get(f"{stack.url}{path}", headers=headers, timeout=30).ok
    again = upload(stack, headers, seed=100)
    assert again.status_code == 200
    assert again.json()["id"] == ids[0]


def all_gone(processes: list[int]) -> Callable[[], bool]:
    return lambda: not any(is_running(pid) for pid in processes)


def test_a_second_stack_is_killed_and_started_again(stack: Stack, store: Path, tmp_path: Path) -> None:
    """Beside the first stack, which doesn't notice."""
    second = Stack(tmp_path / "var", store, *free_ports(1)).up()
    try:
        password = second.password
        scan_id = upload(second, second.sign_in("admin", password), seed=3).json()["id"]
        processes = second.processes()
        assert len(processes) > 10

        second.kill_supervisor()

        wait_for(all_gone(processes), timeout_s=60, what="the end of every process of the killed stack")
        assert second.command("status").returncode == 3
        second.up()
        assert "Sign in with your account" in second.output
        assert scan_of(second, second.sign_in("admin", password), scan_id)["status"] == "predicted"

        processes = second.processes()
        second.down()

        assert all_gone(processes)()
        assert second.command("status").returncode == 3
    finally:
        second.down()
    wait_for(stack.is_ready, timeout_s=RESTART_TIMEOUT_S)
