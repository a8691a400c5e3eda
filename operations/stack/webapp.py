"""The web app and its worker as services of the stack: their environment and command lines.

This module knows the web app's commands and variables, and imports nothing of it.
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

import requests
from celery import Celery
from kombu.exceptions import OperationalError
from pymongo.errors import PyMongoError

from handlers.local_calibration import FOLDER_VARIABLE
from operations.broker import broker_url
from operations.errors import OperationsError
from operations.stack import ports
from operations.stack.database import database_name
from operations.unread import running
from serving.capacity import core_count
from serving.direct import ask
from serving.shared.place import STORE_VARIABLE
from serving.wanted import MODELS_VARIABLE, STORED_VARIABLE

ROOT = Path(__file__).resolve().parents[2]
FIRST_ADMINISTRATOR = "admin"
PASSWORD_BYTES = 12
MAX_WEB_WORKERS = 4
HEARTBEAT_TIMEOUT_S = 20
"""A gunicorn process whose main thread is silent for so long has hung. Long requests don't silence it."""
WEB_PROBE_TIMEOUT_S = 5.0
"""Longer than a request waits for the model server, as all threads may be waiting for it."""
PROBE_TIMEOUT_S = 2.0
PING_EVERY_S = 10.0
WORKER_PROCESSES = 2
EVERYWHERE = ("0.0.0.0", "::")  # nosec B104 # compared with what a user has chosen
HOSTS_VARIABLE = "RETINOTE_ALLOWED_HOSTS"
LOCAL_NAMES = "localhost,127.0.0.1,[::1]"
HOST_NAME = re.compile(r"[\w.-]+|[0-9A-Fa-f:]+", re.ASCII)
WORKER_NAME, TRAINER_NAME = "worker@retinote", "trainer@retinote"
LEARNING_VARIABLE = "RETINOTE_LEARNING"
ON = ("1", "true", "yes")
TRAINER_NICENESS = 15
SET_UP = """
import sys
import django
from django.core.management import call_command
from django.core.management.base import SystemCheckError
django.setup()
try:
    call_command("check", tags=["modalities"], verbosity=0)
except SystemCheckError as error:
    sys.exit(str(error))
call_command("migrate", interactive=False)
call_command("sweep_scans")
call_command("publish_calibration")
call_command("publish_test_set")
"""


@dataclass(frozen=True)
class WebApp:
    """The settings that all processes of a stack's web app share."""

    host: str
    port: int
    environment: Mapping[str, str]
    run_folder: Path

    @property
    def url(self) -> str:
        """The address for a browser on this machine."""
        host = ports.LOOPBACK if self.host in EVERYWHERE else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"

    def set_up_command(self) -> list[str]:
        """Migrates the database and cleans up after a crash, in one process, as Django takes long to load."""
        return [sys.executable, "-c", SET_UP]

    def page_command(self) -> list[str]:
        """Builds the page if its sources have changed."""
        return [sys.executable, "-m", "operations.page"]

    def web_command(self) -> list[str]:
        """gunicorn with a process per core, up to a few; its other settings are in `webapp/gunicorn.py`."""
        workers = max(2, min(core_count(), MAX_WEB_WORKERS))
        return [
            *(sys.executable, "-m", "gunicorn", "webapp.wsgi:application"),
            *("--config", "python:webapp.gunicorn"),
            *("--bind", f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"),
            *("--workers", str(workers)),
            *("--timeout", str(HEARTBEAT_TIMEOUT_S)),
            *("--logger-class", "webapp.core.access_log.AccessLogger", "--access-logfile", "-"),
            "--no-control-socket",
            # In memory, so that no slow disk can stall a worker's heartbeat. The name of gunicorn's file there can't
            # be guessed.
            *("--worker-tmp-dir", "/dev/shm" if Path("/dev/shm").is_dir() else str(self.run_folder)),  # nosec B108
        ]

    def worker_command(self) -> list[str]:
        """The Celery worker, which also schedules the periodic tasks."""
        return [
            *(sys.executable, "-m", "celery", "--quiet", "-A", "webapp.celery", "worker", "--beat"),
            *("--concurrency", str(WORKER_PROCESSES), "--loglevel", "INFO"),
            *("--hostname", WORKER_NAME, "--schedule", str(self.run_folder / "celerybeat-schedule")),
        ]

    def trainer_command(self) -> list[str]:
        """The Celery worker for learning runs, one at a time; what answers comes first."""
        return [
            *("nice", "-n", str(TRAINER_NICENESS)),
            *(sys.executable, "-m", "celery", "--quiet", "-A", "webapp.celery", "worker"),
            *("--queues", "learning", "--concurrency", "1", "--loglevel", "INFO"),
            *("--hostname", TRAINER_NAME),
        ]

    @property
    def learns(self) -> bool:
        """Whether learning runs are switched on, so that a trainer belongs to the stack."""
        return self.environment.get(LEARNING_VARIABLE, "").lower() in ON

    def receiver_command(self, host: str, port: int) -> list[str]:
        """The DICOM receiver."""
        return django("receive_dicom", "--host", host, "--port", str(port))

    def web_answers(self) -> bool:
        """Whether the web app is alive. The services that it needs have probes of their own."""
        try:
            return bool(ask("GET", f"{self.url}healthz/", timeout=WEB_PROBE_TIMEOUT_S).status_code == 200)
        except requests.RequestException:
            return False


class WorkerPing:
    """Whether a Celery worker answers a ping through the broker.

    A ping may take a second, so an answer counts for `PING_EVERY_S`.
    """

    def __init__(self, broker_url: str, worker: str = WORKER_NAME) -> None:
        self._broker_url, self._worker = broker_url, worker
        self._client: Celery | None = None
        self._answered_at: float | None = None

    def forget(self) -> None:
        """Drop the last answer, as the worker is being started."""
        self._answered_at = None

    def __call__(self) -> bool:
        if self._answered_at is not None and time.monotonic() - self._answered_at < PING_EVERY_S:
            return True
        # One client for all pings, as each client makes a queue for its answers.
        if self._client is None:
            self._client = Celery(broker=self._broker_url)
        try:
            pong = self._client.control.ping(destination=[self._worker], timeout=PROBE_TIMEOUT_S, limit=1)
        except (OSError, PyMongoError, OperationalError):
            pong = None
            self._client.close()
            self._client = None
        self._answered_at = time.monotonic() if pong else None
        return bool(pong)


def takes_connections(host: str, port: int) -> bool:
    """Whether somebody listens there."""
    try:
        with socket.create_connection(
            (ports.LOOPBACK if host in EVERYWHERE else host, port), PROBE_TIMEOUT_S
        ):
            return True
    except OSError:
        return False


def django(*arguments: str) -> list[str]:
    """The command line of a Django management command."""
    return running("django", *arguments)


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
    model_store: str = "",
    models: Sequence[str] = (),
    stored_models: Sequence[str] = (),
    hosts: Sequence[str] = (),
    inherited: Mapping[str, str] = os.environ,
) -> dict[str, str]:
    """The environment of the web app. The user's own variables (RETINOTE_…) stay, except for those that the stack sets.

    `hosts` are names under which it answers, beside those of this machine. `model_store` is the URL of the store that
    the model server shares with others; "" if it shares none. `models` are those that it serves where it leaves others
    out; empty where it leaves out none. `stored_models` are those that the stores have, empty where nobody looked.
    """
    answered = [inherited.get(HOSTS_VARIABLE) or LOCAL_NAMES, *hosts]
    defaults = {"RETINOTE_BROKER_URL": broker_url(mongodb_uri, database_name(inherited))}
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
            STORE_VARIABLE: model_store,
            MODELS_VARIABLE: ",".join(models),
            STORED_VARIABLE: ",".join(stored_models),
        }
    )


def answered_hosts(host: str, names: Sequence[str]) -> list[str]:
    """The names by which other computers may reach a web app that listens on `host`; on loopback `names` alone.

    Raises OperationsError for one that is no name or address.
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
    """A password that can be typed and can't be guessed."""
    return secrets.token_urlsafe(PASSWORD_BYTES)
