"""The real MongoDB and TorchServe that all workers of a test run share.

The process that controls the run owns them: MongoDB from the start, TorchServe from when the first test asks. A
worker asks by making a file in the run's folder and finds the answer beside it.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.torchserve import start
from handlers.engines.settings import CACHE_VARIABLE
from serving import mongodb
from serving.archive import build_archive, versions
from serving.capacity import Capacity
from serving.errors import ServingError
from serving.keys import InferenceKey
from serving.processes import GuardedProcess, wait_until
from serving.stack import ports
from serving.torchserve import Ports, TorchServe

MODEL_STORE = Path(__file__).parents[1] / "model_store"
MODEL_NAME = "retina-oct"
WANTED, READY = "model-server.wanted", "model-server.json"
START_TIMEOUT_S = 900
"""The first run in a checkout compiles the bundled network."""
ENGINES = Path(__file__).parents[1] / ".pytest_cache" / "engines"
"""Compiled networks, kept between runs; their names tell what they were made from."""
POLL_S = 0.1

free_ports = ports.free_ports


@dataclass(frozen=True)
class ModelServer:
    """A running TorchServe that serves the bundled model; what a client of it needs to know."""

    inference_url: str
    management_url: str
    metrics_url: str
    grpc_inference_port: int
    key_file: Path
    model_store: Path
    archives: Path
    logs: Path

    def key(self) -> str:
        """The current inference key."""
        return InferenceKey(self.key_file, self.management_url).current()


class RunServices:
    """The services of one test run, owned by its controlling process; their addresses are known before they run."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="retinote-test-"))
        (self._mongodb_port,) = free_ports(1)
        self.mongodb_uri = mongodb.uri(self._mongodb_port)
        self._processes: list[GuardedProcess] = []
        self._ended = threading.Event()
        self._watch = threading.Thread(target=self._serve_on_demand, daemon=True)

    def start(self) -> None:
        """Start MongoDB, and wait in the background for who wants TorchServe."""
        server = mongodb.find_mongod(self.folder / "lib")
        data = self.folder / "mongodb"
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
        self._watch.start()

    def stop(self) -> None:
        """End everything and remove the folder."""
        self._ended.set()
        if self._watch.is_alive():
            self._watch.join()
        for process in reversed(self._processes):
            process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _serve_on_demand(self) -> None:
        while not self._ended.wait(POLL_S):
            if (self.folder / WANTED).exists():
                try:
                    answer: dict[str, object] = asdict(self._start_model_server())
                except (OSError, LookupError, ServingError) as error:
                    answer = {"error": str(error)}
                partial = self.folder / f"{READY}.partial"
                partial.write_text(json.dumps(answer, default=str))
                partial.rename(self.folder / READY)
                return

    def _start_model_server(self) -> ModelServer:
        server = TorchServe(
            home=self.folder / "torchserve",
            archives=self.folder / "archives",
            logs=self.folder / "logs",
            ports=Ports(*free_ports(5)),
            capacity=Capacity(workers=1, threads=2, engine="compiled"),
        )
        process, management = start(
            server,
            variables=os.environ | {CACHE_VARIABLE: str(ENGINES)},
            timeout_s=START_TIMEOUT_S,
            give_up=self._ended,
        )
        self._processes.append(process)
        archive = build_archive(
            MODEL_STORE, MODEL_NAME, versions(MODEL_STORE, MODEL_NAME)[-1], server.archives
        )
        management.register(archive.name, workers=1)
        return ModelServer(
            inference_url=server.inference_url,
            management_url=server.management_url,
            metrics_url=server.metrics_url,
            grpc_inference_port=server.ports.grpc_inference,
            key_file=server.key_file,
            model_store=MODEL_STORE,
            archives=server.archives,
            logs=server.logs,
        )


def wanted_model_server(folder: Path) -> ModelServer:
    """Ask for the run's TorchServe and wait for it; raises RuntimeError when it can't be started."""
    (folder / WANTED).touch()
    deadline = time.monotonic() + START_TIMEOUT_S
    while not (folder / READY).exists():
        if time.monotonic() > deadline:
            raise RuntimeError(f"TorchServe was not ready within {START_TIMEOUT_S} s")
        time.sleep(POLL_S)
    answer = json.loads((folder / READY).read_text())
    if "error" in answer:
        raise RuntimeError(answer["error"])
    paths = {"key_file", "model_store", "archives", "logs"}
    values: dict[str, Any] = {key: Path(value) if key in paths else value for key, value in answer.items()}
    return ModelServer(**values)
