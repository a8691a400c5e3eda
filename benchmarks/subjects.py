"""The servers that are measured: how each is started, and where it takes images."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import requests

from benchmarks.errors import BenchmarkError
from benchmarks.load import BodyKind, Target
from benchmarks.peers.settings import PeerSettings
from benchmarks.torchserve import Running, engines_below, retinote, torchserve_plain
from operations.processes import GuardedProcess, wait_until
from operations.stack.ports import free_ports
from serving.capacity import Capacity
from serving.torchserve import worker_variables

ROOT = Path(__file__).resolve().parent.parent
START_TIMEOUT_S = 300
FIRST_ANSWER_TIMEOUT_S = 120
RETINOTE = "Retinote"
TORCHSERVE_PLAIN = "TorchServe, plain handler"
SAME, PLAIN = "same model code", "plain"
PEERS = ("LitServe", "BentoML", "Ray Serve")
NO_TELEMETRY = {
    "BENTOML_DO_NOT_TRACK": "True",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DISABLE_IMPORT_WARNING": "1",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


@dataclass(frozen=True)
class Setting:
    """What all servers of one architecture have in common."""

    store: Path
    """The model store that holds the one model."""
    model: Path
    """The model's folder in it."""
    python: Path
    """Interpreter of the other servers."""
    capacity: Capacity
    folder: Path
    """For archives, logs and other files of the servers; its path is short."""
    image: bytes
    """A scan to check whether a server is ready."""

    def variables(self) -> dict[str, str]:
        """The variables of this project's TorchServe workers, for the same model code in other servers."""
        return worker_variables(self.capacity, engines_below(self.folder), self.capacity.engine)


Form = Literal["same", "plain"]
Start = Callable[[Setting, Path], Running]


@dataclass(frozen=True)
class Subject:
    """A server by name, and how to start it."""

    name: str
    start: Start


def peer_name(peer: str, form: str) -> str:
    """The name of another server in one of its two forms."""
    return f"{peer}, {form}"


@contextmanager
def running(subject: Subject, setting: Setting) -> Iterator[Running]:
    """A server that is started and answers; it is stopped at the end. Raises BenchmarkError or OperationsError."""
    home = setting.folder / "home"
    home.mkdir(exist_ok=True)
    server = subject.start(setting, home)
    try:
        wait_until(
            lambda: _answers(server.target, setting.image),
            process=server.process,
            name=subject.name,
            timeout_s=START_TIMEOUT_S,
        )
        yield server
    finally:
        server.stop()


def _answers(target: Target, image: bytes) -> bool:
    load_request = target.request(image, explain=True)
    try:
        answer = requests.post(
            target.url,
            data=load_request.body,
            headers=dict(load_request.headers),
            timeout=FIRST_ANSWER_TIMEOUT_S,
        )
    except requests.RequestException:
        return False
    if 400 <= answer.status_code < 500 and answer.status_code not in (404, 429):
        raise BenchmarkError(f"{target.url} refuses a scan ({answer.status_code}): {answer.text[:300]}")
    return answer.ok


def _peer(
    setting: Setting, home: Path, form: Form, body: BodyKind, command: Callable[[int], Sequence[str]]
) -> Running:
    """Start another server; `command` takes its port."""
    (port,) = free_ports(1)
    # A short path: Ray makes sockets far below it, whose whole path is limited to 107 characters.
    scratch = Path(tempfile.mkdtemp(prefix="peer-"))
    settings = PeerSettings(
        model=str(setting.model),
        port=port,
        workers=setting.capacity.workers,
        threads=setting.capacity.threads,
        batch_size=setting.capacity.batching.size,
        batch_delay_ms=setting.capacity.batching.delay_ms,
        scratch=str(scratch),
    )
    variables = {
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "PATH": f"{setting.python.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "BENTOML_HOME": str(scratch),
    }
    if form == "same":
        variables |= setting.variables()
    process = GuardedProcess.start(
        command(port),
        log=home / "server.log",
        environment=os.environ | NO_TELEMETRY | variables | settings.to_environment(),
        folder=home,
    )
    target = Target(f"http://127.0.0.1:{port}/predict", body_kind=body)
    return Running(target, process, lambda: shutil.rmtree(scratch, ignore_errors=True))


def _module(name: str, body: BodyKind) -> Callable[[Form], Start]:
    """How a server is started by a module of `benchmarks.peers`."""

    def of(form: Form) -> Start:
        def start(setting: Setting, home: Path) -> Running:
            command = [str(setting.python), "-m", f"benchmarks.peers.{name}", form]
            return _peer(setting, home, form, body, lambda port: command)

        return start

    return of


def _bento(form: Form) -> Start:
    def start(setting: Setting, home: Path) -> Running:
        def command(port: int) -> list[str]:
            service = f"benchmarks.peers.bento_service:{form.capitalize()}"
            program = [str(setting.python), "-m", "bentoml", "serve", service]
            return [*program, "--host", "127.0.0.1", "--port", str(port), "--working-dir", str(ROOT)]

        return _peer(setting, home, form, "json list" if form == "same" else "json", command)

    return start


def all_subjects() -> list[Subject]:
    """Every server, this project's own first."""
    makers = dict(
        zip(PEERS, (_module("lit_serve", "json"), _bento, _module("ray_serve", "raw")), strict=True)
    )
    return [
        Subject(
            RETINOTE,
            lambda setting, home: retinote(setting.store, setting.model, setting.folder, setting.capacity),
        ),
        *(Subject(peer_name(peer, SAME), make("same")) for peer, make in makers.items()),
        Subject(
            TORCHSERVE_PLAIN, lambda setting, home: torchserve_plain(setting.model, setting.folder, home)
        ),
        *(Subject(peer_name(peer, PLAIN), make("plain")) for peer, make in makers.items()),
    ]


def choose_subjects(only: Sequence[str] | None) -> list[Subject]:
    """The servers whose names begin with one of `only`, in any case. Raises BenchmarkError for an unknown name."""
    subjects = all_subjects()
    if not only:
        return subjects
    for name in only:
        if not any(_fits(subject, name) for subject in subjects):
            known = "; ".join(subject.name for subject in subjects)
            raise BenchmarkError(f"--only: there is no subject {name}; there are: {known}.")
    return [subject for subject in subjects if any(_fits(subject, name) for name in only)]


def _fits(subject: Subject, name: str) -> bool:
    return subject.name.lower().startswith(name.lower())
