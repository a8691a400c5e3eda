"""Several processes of one service count together: gunicorn's workers, and those of Celery."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from operations.processes import GuardedProcess
from operations.stack.webapp import ROOT, WebApp
from tests.services import free_ports
from tests.waiting import is_running, wait_for
from webapp.metrics.folder import MEMORY, TOKEN_VARIABLE, VARIABLE

TOKEN = "what-only-prometheus-knows"
READER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def environment(tmp_path: Path, mongodb_uri: str) -> dict[str, str]:
    return os.environ | {
        TOKEN_VARIABLE: TOKEN,
        "RETINOTE_MONGODB_URI": mongodb_uri,
        "RETINOTE_DATA_DIR": str(tmp_path),
        "RETINOTE_DATABASE": f"retinote-{tmp_path.name}"[:60],
        "PYTHONPATH": str(ROOT),
    }


@pytest.fixture
def web(tmp_path: Path, environment: dict[str, str]) -> Iterator[tuple[GuardedProcess, str]]:
    """The web app under gunicorn, as `up` starts it, and its address."""
    (port,) = free_ports(1)
    app = WebApp("127.0.0.1", port, environment, tmp_path)
    process = GuardedProcess.start(app.web_command(), log=tmp_path / "web.log", environment=environment)
    try:
        wait_for(app.web_answers, timeout_s=120, what="the web app")
        yield process, app.url
    finally:
        process.stop()


def scraped(url: str) -> dict[str, float]:
    """Sums of samples by name."""
    answer = requests.get(f"{url}metrics", headers=READER, timeout=30)
    assert answer.ok, answer.text
    sums: dict[str, float] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            sums[sample.name] = sums.get(sample.name, 0) + sample.value
    return sums


def metrics_folders(pid: int) -> list[Path]:
    return list(MEMORY.glob(f"retinote-*-{pid}"))


def test_workers_of_the_web_app_count_together(web: tuple[GuardedProcess, str]) -> None:
    process, url = web
    assert requests.get(f"{url}metrics", timeout=30).status_code == 404
    before = scraped(url)["retinote_http_requests_total"]
    # A connection each, so that either worker gets some of them.
    for _ in range(30):
        requests.get(f"{url}healthz/", timeout=30)
    assert scraped(url)["retinote_http_requests_total"] == before + 30
    # What a killed worker has counted stays; what it had in hand does not.
    master = psutil.Process(process.pid)
    victim = master.children()[0].pid
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: not is_running(victim) and len(master.children()) >= 2, what="another worker")
    after = wait_for(lambda: scraped(url), what="a scrape")
    assert after["retinote_http_requests_total"] >= before + 30
    assert after["retinote_http_requests_in_progress"] == 0


def test_nothing_is_left_behind(web: tuple[GuardedProcess, str]) -> None:
    process, url = web
    assert scraped(url)
    assert metrics_folders(process.pid)
    process.stop()
    assert not metrics_folders(process.pid)


def test_the_worker_answers_at_an_address_of_its_own(tmp_path: Path, environment: dict[str, str]) -> None:
    (port,) = free_ports(1)
    broker = environment["RETINOTE_MONGODB_URI"].replace("/?", f"/{environment['RETINOTE_DATABASE']}_broker?")
    environment |= {"RETINOTE_WORKER_METRICS_PORT": str(port), "RETINOTE_BROKER_URL": broker}
    app = WebApp("127.0.0.1", port, environment, tmp_path)
    url = f"http://127.0.0.1:{port}/"
    worker = GuardedProcess.start(app.worker_command(), log=tmp_path / "worker.log", environment=environment)

    def tasks() -> float:
        try:
            return scraped(url).get("retinote_tasks_total", 0)
        except requests.ConnectionError:
            return 0

    try:
        wait_for(tasks, timeout_s=120, what="a task that has ended")
        assert scraped(url)["retinote_task_duration_seconds_count"] >= 1
        assert requests.get(f"{url}metrics", timeout=30).status_code == 404
        assert requests.get(url, headers=READER, timeout=30).status_code == 404
    finally:
        worker.stop()


def test_without_a_token_no_files_are_written(tmp_path: Path) -> None:
    script = (
        "import os, pathlib; from webapp.metrics.folder import count_in_files;"
        f"count_in_files('web', pathlib.Path({str(tmp_path)!r})); print(os.environ.get({VARIABLE!r}))"
    )
    kept = {name: value for name, value in os.environ.items() if name != TOKEN_VARIABLE}
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=kept, capture_output=True, text=True, check=False
    )
    assert run.stdout.strip() == "None", run.stderr
