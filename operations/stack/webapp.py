"""The web app and its worker as services of the stack: their environment and command lines.

The web app is known here by its commands and variables alone; nothing of it is imported.
"""

import os
import re
import secrets
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import requests
from celery import Celery
from kombu.exceptions import OperationalError
from pymongo.errors import PyMongoError

from handlers.local_calibration import FOLDER_VARIABLE
from operations.errors import OperationsError
from operations.stack import ports
from operations.stack.database import broker_of, database_name
from serving.capacity import core_count
from serving.direct import ask

ROOT = Path(__file__).resolve().parents[2]
FIRST_ADMINISTRATOR = "admin"
PASSWORD_BYTES = 12
THREADS_PER_WEB_WORKER = 4
MAX_WEB_WORKERS = 4
HEARTBEAT_TIMEOUT_S = 20
"""A gunicorn process whose main thread is silent for so long has hung; how long its requests take doesn't matter."""
WEB_PROBE_TIMEOUT_S = 5.0
"""More than a request waits for the model server: all threads may be at that."""
PROBE_TIMEOUT_S = 2.0
PING_EVERY_S = 10.0
WORKER_PROCESSES = 2
EVERYWHERE = ("0.0.0.0", "::")  # nosec B104 # what a user may say, to be compared with
HOSTS_VARIABLE = "RETINOTE_ALLOWED_HOSTS"
LOCAL_NAMES = "localhost,127.0.0.1,[::1]"
HOST_NAME = re.compile(r"[\w.-]+|[0-9A-Fa-f:]+", re.ASCII)
WORKER_NAME = "worker@retinote"
SET_UP = """
import django
from django.core.management import call_command
django.setup()
call_command("migrate", interactive=False)
call_command("sweep_scans")
call_command("publish_calibration")
"""


@dataclass(frozen=True)
class WebApp:
    """What the web app's processes of one stack share."""

    host: str
    port: int
    environment: Mapping[str, str]
    run_folder: Path

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it."""
        host = ports.LOOPBACK if self.host in EVERYWHERE else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"

    def set_up_command(self) -> list[str]:
        """Brings the database up to date and mends what a crash left, in one process: Django takes long to load."""
        return [sys.executable, "-c", SET_UP]

    def page_command(self) -> list[str]:
        """Builds the page if its sources have changed."""
        return [sys.executable, "-m", "operations.page"]

    def web_command(self) -> list[str]:
        """gunicorn: a process per core up to a few, each with threads, as most of a request is waiting."""
        workers = max(2, min(core_count(), MAX_WEB_WORKERS))
        return [
            *(sys.executable, "-m", "gunicorn", "webapp.wsgi:application"),
            *("--config", "python:webapp.gunicorn"),
            *("--bind", f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"),
            *("--workers", str(workers), "--threads", str(THREADS_PER_WEB_WORKER)),
            *("--timeout", str(HEARTBEAT_TIMEOUT_S)),
            *("--logger-class", "webapp.core.access_log.AccessLogger", "--access-logfile", "-"),
            "--no-control-socket",
            # Another folder's disk must not be able to stall the heartbeat of a worker. gunicorn makes a file in it
            # whose name nobody knows and nobody can guess.
            *("--worker-tmp-dir", "/dev/shm" if Path("/dev/shm").is_dir() else str(self.run_folder)),  # nosec B108
        ]

    def worker_command(self) -> list[str]:
        """The Celery worker, which is its own clock for the periodic tasks."""
        return [
            *(sys.executable, "-m", "celery", "--quiet", "-A", "webapp.celery", "worker", "--beat"),
            *("--concurrency", str(WORKER_PROCESSES), "--loglevel", "INFO"),
            *("--hostname", WORKER_NAME, "--schedule", str(self.run_folder / "celerybeat-schedule")),
        ]

    def web_answers(self) -> bool:
        """Whether the web app is alive; what it depends on has its own probe."""
        try:
            return bool(ask("GET", f"{self.url}healthz/", timeout=WEB_PROBE_TIMEOUT_S).status_code == 200)
        except requests.RequestException:
            return False


class WorkerPing:
    """Whether the Celery worker answers a ping sent through the broker.

    A ping takes up to a second of waiting, so that a worker which answered is believed for a while.
    """

    def __init__(self, broker_url: str) -> None:
        self._broker_url = broker_url
        self._client: Celery | None = None
        self._answered_at: float | None = None

    def forget(self) -> None:
        """Ask again: the worker is being started."""
        self._answered_at = None

    def __call__(self) -> bool:
        if self._answered_at is not None and time.monotonic() - self._answered_at < PING_EVERY_S:
            return True
        # One client for all pings: each has a queue of its own for the answers.
        if self._client is None:
            self._client = Celery(broker=self._broker_url)
        try:
            pong = self._client.control.ping(destination=[WORKER_NAME], timeout=PROBE_TIMEOUT_S, limit=1)
        except (OSError, PyMongoError, OperationalError):
            pong = None
            self._client.close()
            self._client = None
        self._answered_at = time.monotonic() if pong else None
        return bool(pong)


def django(*arguments: str) -> list[str]:
    """Command line of a Django management command."""
    return [sys.executable, "-m", "django", *arguments]


def environment(
    *,
    data: Path,
    secret_key: str,
    mongodb_uri: str,
    model_url: str,
    management_url: str,
    key_file: Path,
    model_metrics: Path,
    calibration: Path,
    hosts: Sequence[str] = (),
    inherited: Mapping[str, str] = os.environ,
) -> dict[str, str]:
    """Variables of the web app's settings. Those that the user set already (RETINOTE_…) stay, the stack's own excepted.

    `hosts` are names that it answers to beside those that it does anyway.
    """
    broker = broker_of(database_name(inherited))
    answered = [inherited.get(HOSTS_VARIABLE) or LOCAL_NAMES, *hosts]
    defaults = {"RETINOTE_BROKER_URL": urlsplit(mongodb_uri)._replace(path=f"/{broker}").geturl()}
    return (
        defaults
        | dict(inherited)
        | {
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "DJANGO_SETTINGS_MODULE": "webapp.settings",
            HOSTS_VARIABLE: ",".join(answered),
            "RETINOTE_MONGODB_URI": mongodb_uri,
            "RETINOTE_DATA_DIR": str(data),
            "RETINOTE_SECRET_KEY": secret_key,
            "RETINOTE_MODEL_URL": model_url,
            "RETINOTE_MODEL_MANAGEMENT_URL": management_url,
            "RETINOTE_MODEL_KEY_FILE": str(key_file),
            "RETINOTE_MODEL_METRICS": str(model_metrics),
            FOLDER_VARIABLE: str(calibration),
        }
    )


def answered_hosts(host: str, names: Sequence[str]) -> list[str]:
    """Names by which other computers may call a web app that listens on `host`: where that is this machine, `names` alone.

    Raises OperationsError for one that is no name.
    """
    for name in names:
        if not HOST_NAME.fullmatch(name):
            raise OperationsError(
                f"--allowed-host {name}: give a name or address alone, such as oct.example.org."
            )
    own = [] if host in EVERYWHERE else [host]
    beside = [] if host in (ports.LOOPBACK, "::1", "localhost") else [*own, socket.gethostname()]
    return [f"[{name}]" if ":" in name else name for name in (*beside, *names)]


def new_password() -> str:
    """A password that is hard to guess and can be typed."""
    return secrets.token_urlsafe(PASSWORD_BYTES)
