"""The real MongoDB and TorchServe that all workers of a test run share, each started when the first test asks for it.

The process that controls the run owns them. A worker asks by making a file in the run's folder and finds the answer
beside it.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.bundled import MODEL_NAME, MODEL_STORE, VERSION
from benchmarks.torchserve import start
from handlers.engines.settings import CACHE_VARIABLE
from operations import mongodb
from operations.errors import EXPECTED
from operations.processes import GuardedProcess, wait_until
from operations.stack import ports
from serving.archive import build_archive
from serving.capacity import Capacity
from serving.keys import InferenceKey
from serving.torchserve import Ports, TorchServe
from tests import scale

MONGODB, MODEL_SERVER = "mongodb", "model-server"
START_TIMEOUT_S = 900
"""The first run on a machine compiles the bundled network."""
POLL_S = 0.05
MEMORY, MEMORY_NEEDED_GB = Path("/dev/shm"), 3
"""Where files lie in memory, and how much of it the run's MongoDB might take."""

free_ports = ports.free_ports


@dataclass(frozen=True)
class ModelServer:
    """A running TorchServe that serves the bundled model; what a client of it needs to know."""

    inference_url: str
    management_url: str
    metrics_socket: Path
    grpc_inference_port: int
    key_file: Path
    model_store: Path
    archives: Path
    logs: Path

    def key(self) -> str:
        """The current inference key."""
        return InferenceKey(self.key_file, self.management_url).current()


def engines() -> Path:
    """Compiled networks, kept for all checkouts of this user; their names tell what they were made from."""
    return scale.kept("test-engines")


def small_engines() -> Path:
    """Compiled networks of small models, apart from the bundled one's: a folder keeps just a few."""
    return scale.kept("test-small-engines")


class RunServices:
    """The services of one test run, owned by its controlling process; MongoDB's address is known before it runs."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="retinote-test-"))
        # Files in memory: no test waits for the disk at each write.
        self._mongodb_folder = (MEMORY if _has_room(MEMORY) else self.folder) / f"{self.folder.name}-mongodb"
        (self._mongodb_port,) = free_ports(1)
        self.mongodb_uri = mongodb.uri(self._mongodb_port)
        self._processes: list[GuardedProcess] = []
        self._ended = threading.Event()
        starters = {MONGODB: self._start_mongodb, MODEL_SERVER: self._start_model_server}
        self._watches = [
            threading.Thread(target=self._serve_on_demand, args=starter, daemon=True)
            for starter in starters.items()
        ]

    def start(self) -> None:
        """Wait in the background for who wants a service."""
        for watch in self._watches:
            watch.start()

    def stop(self) -> None:
        """End everything and remove the folder."""
        self._ended.set()
        for watch in self._watches:
            if watch.is_alive():
                watch.join()
        for process in reversed(self._processes):
            process.stop()
        for folder in (self.folder, self._mongodb_folder):
            shutil.rmtree(folder, ignore_errors=True)

    def _serve_on_demand(self, name: str, starter: Callable[[], dict[str, object]]) -> None:
        while not self._ended.wait(POLL_S):
            if _wanted(self.folder, name).exists():
                try:
                    answer = starter()
                except (*EXPECTED, OSError, LookupError) as error:
                    answer = {"error": str(error)}
                partial = self.folder / f"{name}.partial"
                partial.write_text(json.dumps(answer, default=str))
                partial.rename(_ready(self.folder, name))
                return

    def _start_mongodb(self) -> dict[str, object]:
        server = mongodb.find_mongod(self.folder / "lib")
        data = self._mongodb_folder
        data.mkdir()
        process = GuardedProcess.start(
            mongodb.server_command(server, data, self._mongodb_port),
            log=self.folder / "mongodb.log",
            environment=os.environ | server.variables,
        )
        self._processes.append(process)
        wait_until(
            lambda: mongodb.become_primary(self._mongodb_port),
            process=process,
            name="MongoDB",
            timeout_s=START_TIMEOUT_S,
        )
        return {"uri": self.mongodb_uri}

    def _start_model_server(self) -> dict[str, object]:
        server = TorchServe(
            home=self.folder / "torchserve",
            archives=self.folder / "archives",
            logs=self.folder / "logs",
            ports=Ports(*free_ports(4)),
            capacity=Capacity(workers=1, threads=2, engine="compiled"),
        )
        process, management = start(
            server,
            variables=os.environ | {CACHE_VARIABLE: str(engines())},
            timeout_s=START_TIMEOUT_S,
            give_up=self._ended,
        )
        self._processes.append(process)
        archive = build_archive(MODEL_STORE, MODEL_NAME, VERSION, server.archives)
        management.register(archive.name, workers=1)
        served = ModelServer(
            inference_url=server.inference_url,
            management_url=server.management_url,
            metrics_socket=server.metrics_socket,
            grpc_inference_port=server.ports.grpc_inference,
            key_file=server.key_file,
            model_store=MODEL_STORE,
            archives=server.archives,
            logs=server.logs,
        )
        return asdict(served)


def _has_room(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free > MEMORY_NEEDED_GB * 10**9 and os.access(folder, os.W_OK)
    except OSError:
        return False


def wanted_mongodb(folder: Path) -> str:
    """Ask for the run's MongoDB, a replica set of one, and wait for it; its address. Raises RuntimeError."""
    return str(_answer(folder, MONGODB)["uri"])


def wanted_model_server(folder: Path) -> ModelServer:
    """Ask for the run's TorchServe and wait for it; raises RuntimeError when it can't be started."""
    paths = {"key_file", "metrics_socket", "model_store", "archives", "logs"}
    values: dict[str, Any] = {
        key: Path(value) if key in paths else value for key, value in _answer(folder, MODEL_SERVER).items()
    }
    return ModelServer(**values)


def _answer(folder: Path, name: str) -> dict[str, Any]:
    _wanted(folder, name).touch()
    deadline = time.monotonic() + START_TIMEOUT_S
    while not _ready(folder, name).exists():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{name} was not ready within {START_TIMEOUT_S} s")
        time.sleep(POLL_S)
    answer: dict[str, Any] = json.loads(_ready(folder, name).read_text())
    if "error" in answer:
        raise RuntimeError(answer["error"])
    return answer


def _wanted(folder: Path, name: str) -> Path:
    return folder / f"{name}.wanted"


def _ready(folder: Path, name: str) -> Path:
    return folder / f"{name}.json"
