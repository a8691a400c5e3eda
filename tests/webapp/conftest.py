"""Users of each role, their API clients, and a model server that is there or away."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils.module_loading import import_string
from pymongo import MongoClient
from pymongo.database import Database
from pytest_django import DjangoDbBlocker
from rest_framework.response import Response
from rest_framework.test import APIClient

from tests.images import png_bytes
from tests.services import ModelServer, free_ports
from tests.waiting import wait_for
from webapp.accounts import tokens
from webapp.accounts.abilities import Role
from webapp.accounts.models import User
from webapp.inference import torchserve
from webapp.scans import room
from webapp.scans.models import Scan, Status

PASSWORD = "correct-horse-battery-9"
Clients = Callable[[User | None], APIClient]
"""Makes an API client of somebody, or of nobody: the fixture `api`."""
Upload = Callable[..., Response]
"""Uploads a scan as somebody: the fixture `upload`."""
Predicted = Callable[..., Scan]
"""Makes a scan with a prediction: the fixture `predicted`."""


@pytest.fixture(scope="session", autouse=True)
def no_database_unasked(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """A test that uses the database asks for it by a fixture; any other access to it fails."""
    with django_db_blocker.block():
        yield


@pytest.fixture(autouse=True)
def own_folders(settings: Any, tmp_path: Path) -> None:
    """Each test has its media folder and its counts of failed sign-ins to itself, and hashes passwords quickly.

    The web app serves OCT alone; tests of several modalities set `settings.MODELS` to none.
    """
    settings.MODELS = ["retina-oct"]
    settings.PASSWORD_HASHERS = ["tests.webapp.passwords.QuickArgon2"]
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.AUDIT_HEAD_FILE = tmp_path / "audit-head"
    settings.DATA_DIR = tmp_path
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "LOCATION": str(tmp_path),
        }
    }
    AxesProxyHandler.get_implementation(force=True)  # it holds on to the cache that it was made with


@pytest.fixture
def away(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model server does not answer: nobody listens at its address, however often it is tried."""
    monkeypatch.setattr(torchserve, "PAUSES_S", (0.0,) * len(torchserve.PAUSES_S))
    settings.MODEL_URL, settings.MODEL_MANAGEMENT_URL = (f"http://127.0.0.1:{port}" for port in free_ports(2))
    settings.MODEL_KEY_FILE = ""


@pytest.fixture
def predicting(settings: Any, model_server: ModelServer) -> ModelServer:
    """The web app calls the run's real model server."""
    settings.MODEL_URL = model_server.inference_url
    settings.MODEL_MANAGEMENT_URL = model_server.management_url
    settings.MODEL_KEY_FILE = str(model_server.key_file)
    return model_server


class OutOfMemory(BaseHTTPRequestHandler):
    """A model server that is there, and fails at every picture for want of memory."""

    def do_GET(self) -> None:
        """A ping."""
        self._say(200, {"status": "Healthy"})

    def do_POST(self) -> None:
        """A picture."""
        self.rfile.read(int(self.headers["Content-Length"]))
        message = "The model server failed on this image; its log says why."
        self._say(500, {"error": {"code": "internal_error", "message": message, "status": 500}})

    def _say(self, status: int, said: dict[str, Any]) -> None:
        content = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: tests print enough."""


@pytest.fixture
def out_of_memory(settings: Any) -> Iterator[str]:
    """The web app calls a model server that fails at every picture; its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), OutOfMemory) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        settings.MODEL_URL = f"http://127.0.0.1:{server.server_port}"
        settings.MODEL_MANAGEMENT_URL = settings.MODEL_KEY_FILE = ""
        yield settings.MODEL_URL
        server.shutdown()
        thread.join()


@pytest.fixture
def small_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the room for large pictures a few kilobytes are a lot, and what finds no place is refused at once."""
    for name, value in {
        "PLACE_BYTES": 10_000,
        "ALL_BYTES": room.PLACES * 10_000,
        "SMALL_BYTES": 1000,
        "LARGE_FILE_BYTES": 1000,
        "WAIT_S": 0.0,
    }.items():
        monkeypatch.setattr(room, name, value)


def make_user(name: str, role: str, clinic: str = "") -> User:
    """A user who can sign in with PASSWORD."""
    password = _hashed(settings.PASSWORD_HASHERS[0])
    return User.objects.create(username=name, password=password, role=role, clinic=clinic)


@cache
def _hashed(hasher: str) -> str:
    """What is kept of PASSWORD. Hashing it takes longer than most tests, so that it is done once in a process."""
    work = import_string(hasher)()
    return str(work.encode(PASSWORD, work.salt()))


@pytest.fixture
def clinician(db: None) -> User:
    return make_user("clara", Role.CLINICIAN, "east")


@pytest.fixture
def colleague(db: None) -> User:
    """A clinician of the same clinic as `clinician`."""
    return make_user("colin", Role.CLINICIAN, "east")


@pytest.fixture
def stranger(db: None) -> User:
    """A clinician of another clinic."""
    return make_user("stella", Role.CLINICIAN, "west")


@pytest.fixture
def researcher(db: None) -> User:
    return make_user("rita", Role.RESEARCHER)


@pytest.fixture
def administrator(db: None) -> User:
    return make_user("anna", Role.ADMINISTRATOR)


@pytest.fixture
def api() -> Clients:
    """Makes an API client, signed in as a user with a bearer token."""

    def client(user: User | None) -> APIClient:
        made = APIClient()
        if user:
            made.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens.issue(user).access}")
        return made

    return client


@pytest.fixture
def database(mongodb_uri: str) -> Iterator[Database[dict[str, Any]]]:
    """The web app's database, reached without the web app: it shows what was committed."""
    client: MongoClient[dict[str, Any]] = MongoClient(mongodb_uri)
    with client:
        yield client[connection.settings_dict["NAME"]]


@pytest.fixture
def upload(api: Clients) -> Upload:
    """Uploads a B-scan as a user: `upload(user, seed=1, eye="OD")`."""

    def send(user: User, content: bytes | None = None, seed: int = 0, **fields: str) -> Response:
        from django.core.files.uploadedfile import SimpleUploadedFile

        file = SimpleUploadedFile("scan.png", png_bytes(seed=seed) if content is None else content)
        response = api(user).post("/api/v1/scans/", {"image": file, **fields}, format="multipart")
        assert isinstance(response, Response)
        return response

    return send


def signed_in(user: User) -> Client:
    """A browser in which the user has signed in to the administration."""
    browser = Client()
    browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return browser


@pytest.fixture
def browser(administrator: User) -> Client:
    """A browser in which an administrator has signed in."""
    return signed_in(administrator)


def predict_again(client: APIClient, scan: str) -> None:
    """Have a scan predicted anew, as soon as the model server that all tests share has time for it."""
    path = f"/api/v1/scans/{scan}/predictions/"
    wait_for(lambda: client.post(path, {}).status_code < 300, timeout_s=60, what="a new prediction")


@pytest.fixture
def predicted(away: None, upload: Upload) -> Predicted:
    """Uploads a scan and gives it a prediction: `predicted(user, "CNV", 0.8, patient_ref="P-1")`.

    The answer is written into the database, without a model server: such tests are about what people do with it.
    """
    seeds = count(1000)

    def make(user: User, label: str = "CNV", confidence: float = 0.8, rank: int = 3, **fields: str) -> Scan:
        scan = Scan.objects.get(pk=upload(user, seed=next(seeds), **fields).json()["id"])
        others = [name for name in LABELS if name != label]
        Scan.objects.filter(pk=scan.pk).update(
            status=Status.PREDICTED,
            label=label,
            confidence=confidence,
            probabilities={label: confidence, **{name: (1 - confidence) / len(others) for name in others}},
            gradcam_label=label,
            regions=[{"box": [100, 100, 100, 100], "polygon": SQUARE, "score": 0.9}],
            recommendation=RECOMMENDATION,
            urgency_rank=rank,
            model_name="retina-oct",
            model_version="1.0.0",
            weights_sha256="ab" * 32,
            predicted_at=scan.timestamp,
            waited_ms=250,
        )
        scan.refresh_from_db()
        return scan

    return make


LABELS = ("CNV", "DME", "NORMAL")
SEEN = {"label": "CNV", "model_version": "1.0.0"}
"""What `predicted` lets the model say, as a verdict names it."""
SQUARE = [[100, 100], [200, 100], [200, 200], [100, 200]]
RECOMMENDATION = {
    "urgency": "urgent referral",
    "action": "Refer to a retina clinic.",
    "reasons": ["CNV at 80%"],
    "sources": [{"title": "A guideline", "url": "https://example.org/guideline"}],
    "version": "1",
}
