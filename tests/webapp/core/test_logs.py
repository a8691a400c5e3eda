"""What log lines say, in one piece and through all processes."""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from celery import Celery
from django.db import connection
from pymongo.errors import BulkWriteError, DuplicateKeyError

from operations.processes import GuardedProcess
from tests.images import png_bytes
from tests.services import ModelServer, free_ports
from tests.waiting import wait_for
from tests.webapp.conftest import PASSWORD
from webapp.accounts.models import User
from webapp.core import logs
from webapp.scans.models import Scan

ROOT = Path(__file__).parents[3]
PATIENT, NOTE, TYPED, WRONG = "P-7351-Q", "sees a grey curtain", "typed-in-the-wrong-place", "wrong-otter-9"


def formatted(log_format: str, error: Exception) -> str:
    """The line, or lines, of a record with the exception."""
    try:
        raise error
    except type(error):
        record = logging.LogRecord("a", logging.ERROR, "", 0, "failed: %s", ("step 1",), sys.exc_info())
    logs.ContextFilter().filter(record)
    return logs.formatter(log_format).format(record)


@pytest.mark.parametrize("log_format", ["line", "json"])
@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError(PATIENT), "builtins.ValueError"),
        (BulkWriteError({"writeErrors": [{"op": {"patient_ref": PATIENT}}]}), "BulkWriteError"),
        (
            DuplicateKeyError(f'dup key: {{ patient_ref: "{PATIENT}" }}', 11000),
            "DuplicateKeyError (code 11000)",
        ),
        (FileNotFoundError(2, "No such file or directory", PATIENT), "(No such file or directory)"),
    ],
)
def test_an_exception_is_told_by_its_type_and_place(log_format: str, error: Exception, told: str) -> None:
    text = formatted(log_format, error)
    assert told in text and "in formatted" in text and "failed: step 1" in text
    assert PATIENT not in text


def test_what_led_to_an_exception_is_told_as_well() -> None:
    error = KeyError("outer")
    error.__cause__ = ValueError("inner")
    assert "builtins.KeyError" in formatted("line", error) and "builtins.ValueError" in formatted(
        "line", error
    )


def test_an_unknown_format_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="RETINOTE_LOG_FORMAT is 'xml'; it may be line or json"):
        logs.configuration("xml")


@dataclass
class Running:
    """The web app and the worker as processes, each with its log."""

    url: str
    folder: Path
    environment: dict[str, str]
    broker: str

    @property
    def web_log(self) -> Path:
        return self.folder / "web.log"

    @property
    def worker_log(self) -> Path:
        return self.folder / "worker.log"

    def start_web(self) -> GuardedProcess:
        address = self.url.removeprefix("http://")
        command = [sys.executable, "-m", "gunicorn", "webapp.wsgi:application", "--bind", address]
        command += ["--threads", "4", "--no-control-socket"]
        command += ["--logger-class", "webapp.core.access_log.AccessLogger", "--access-logfile", "-"]
        return GuardedProcess.start(command, log=self.web_log, environment=self.environment, folder=ROOT)

    def answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/healthz/", timeout=5).ok
        except requests.RequestException:
            return False

    def start_worker(self, server: ModelServer) -> GuardedProcess:
        command = [sys.executable, "-m", "celery", "--quiet", "-A", "webapp.celery", "worker"]
        variables = {
            "RETINOTE_MODEL_URL": server.inference_url,
            "RETINOTE_MODEL_MANAGEMENT_URL": server.management_url,
            "RETINOTE_MODEL_KEY_FILE": str(server.key_file),
        }
        return GuardedProcess.start(
            [*command, "--concurrency", "1", "--loglevel", "INFO"],
            log=self.worker_log,
            environment=self.environment | variables,
            folder=ROOT,
        )

    def sign_in(self, name: str, password: str) -> requests.Response:
        given = {"username": name, "password": password}
        return requests.post(f"{self.url}/api/v1/auth/token/", json=given, timeout=30)

    def upload(self, headers: dict[str, str], content: bytes) -> requests.Response:
        return requests.post(
            f"{self.url}/api/v1/scans/",
            headers=headers,
            files={"image": (f"{PATIENT}.png", content)},
            data={"patient_ref": PATIENT, "note": NOTE},
            timeout=30,
        )

    def send(self, raw: bytes) -> bytes:
        host, _, port = self.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=30) as opened:
            opened.sendall(raw)
            return opened.recv(4096)


@pytest.fixture
def running(clinician: User, tmp_path: Path) -> Running:
    web, nobody = free_ports(2)
    database = str(connection.settings_dict["NAME"])
    broker = os.environ["RETINOTE_MONGODB_URI"].replace("/?", f"/{database}_broker?")
    environment = os.environ | {
        "RETINOTE_DATABASE": database,
        "RETINOTE_BROKER_URL": broker,
        "RETINOTE_DATA_DIR": str(tmp_path),
        "RETINOTE_LOG_FORMAT": "json",
        "RETINOTE_MODEL_URL": f"http://127.0.0.1:{nobody}",
        "RETINOTE_MODEL_MANAGEMENT_URL": f"http://127.0.0.1:{nobody}",
        "RETINOTE_MODEL_KEY_FILE": "",
        "PYTHONUNBUFFERED": "1",
        # Celery warns root before it logs anything; in a container nobody is root.
        "PYTHONWARNINGS": "ignore",
    }
    return Running(f"http://127.0.0.1:{web}", tmp_path, environment, broker)


@pytest.fixture
def web(running: Running) -> Iterator[Running]:
    process = running.start_web()
    try:
        wait_for(running.answers, timeout_s=60, what="the web app")
        yield running
    finally:
        process.stop()


def lines(log: Path) -> list[dict[str, Any]]:
    """The log's lines; each must be a JSON object."""
    return [json.loads(line) for line in log.read_text().splitlines()]


def send_what_fails(web: Running, headers: dict[str, str], token: str) -> None:
    """Send requests with secrets in them, which are refused, and one on which the web app fails."""
    assert web.sign_in(TYPED, WRONG).status_code == 401
    assert web.upload(headers, b"no image at all").status_code == 400
    for path in (f"/{PATIENT}/", f"/api/v1/scans/{PATIENT}/?note={PATIENT}"):
        assert requests.get(f"{web.url}{path}", headers=headers, timeout=30).status_code == 404
    assert b" 400 " in web.send(f"GET /?patient_ref={PATIENT} NONSENSE\r\n\r\n".encode())
    assert b" 400 " in web.send(f"GET / HTTP/1.1\r\nAuthor ization: {token}\r\n\r\n".encode())
    # A file where the folder of images was: an error that nobody has thought of.
    media = web.folder / "media" / "scans"
    media.rename(web.folder / "kept")
    media.touch()
    assert web.upload(headers, png_bytes(seed=4)).status_code == 500
    media.unlink()
    (web.folder / "kept").rename(media)


def test_one_id_from_the_upload_to_the_model_server_and_nothing_of_patients(
    web: Running, clinician: User, model_server: ModelServer
) -> None:
    token = web.sign_in("clara", PASSWORD).json()["access"]
    headers = {"Authorization": f"Bearer {token}", "X-Request-Id": "follow-me-4711"}
    image = png_bytes(seed=3)

    queued = web.upload(headers, image)
    found = requests.get(
        f"{web.url}/api/v1/scans/?patient_ref={PATIENT}",
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    )
    assert (queued.status_code, found.json()["results"][0]["patient_ref"]) == (202, PATIENT)
    send_what_fails(web, headers, token)
    worker = web.start_worker(model_server)
    try:
        with Celery(broker=web.broker) as client:
            client.send_task("scans.predict_queued")
            client.send_task("audit.seal")
        wait_for(lambda: Scan.objects.get().status == "predicted", timeout_s=60, what="the prediction")
        wait_for(lambda: "audit head" in web.worker_log.read_text(), timeout_s=60, what="the sealing")
        answered, worked = lines(web.web_log), lines(web.worker_log)
    finally:
        worker.stop()

    upload = next(line for line in answered if line.get("status") == 202)
    assert upload["request_id"] == "follow-me-4711"
    assert upload["user_id"] == str(clinician.pk)
    assert (upload["method"], upload["path"]) == ("POST", "/api/v1/scans/")
    assert upload["duration_ms"] > 0
    later = next(line for line in worked if line["request_id"] == "follow-me-4711")
    assert later["message"] == f"scan {Scan.objects.get().pk}, left by its upload, is predicted"
    handled = (model_server.logs / "torchserve-worker.log").read_text()
    assert "request follow-me-4711: 200 ok" in handled
    (crash,) = (line for line in answered if "exception" in line)
    assert "NotADirectoryError" in crash["exception"] or "FileExistsError" in crash["exception"]
    assert (crash["level"], crash["path"]) == ("ERROR", "/api/v1/scans/")

    secrets = (
        PATIENT,
        NOTE,
        TYPED,
        WRONG,
        PASSWORD,
        token,
        os.environ["RETINOTE_SECRET_KEY"],
        "no image at all",
    )
    for log in (web.web_log, web.worker_log, model_server.logs / "torchserve-worker.log"):
        text = log.read_text()
        assert text
        assert [secret for secret in secrets if secret in text] == [], log


def test_watching_leaves_no_line(web: Running) -> None:
    requests.get(f"{web.url}/healthz/", timeout=30)
    requests.get(f"{web.url}/api/v1/auth/me/", timeout=30)
    wait_for(lambda: any("auth/me" in line.get("path", "") for line in lines(web.web_log)))
    assert not any("healthz" in line.get("path", "") for line in lines(web.web_log))
