"""Starts TorchServe for benchmarks: this project's own, one that echoes, and one set up as its documentation says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from benchmarks.errors import BenchmarkError
from benchmarks.load import Target
from handlers.card import CARD_NAME
from handlers.engines.reports import EngineReport, read_reports
from handlers.engines.settings import CACHE_VARIABLE
from operations.processes import GuardedProcess, wait_until
from operations.stack.ports import free_ports
from serving.archive import WEIGHTS, build_archive, model_config
from serving.capacity import DEFAULT_BATCHING, Batching, Capacity
from serving.java import java
from serving.keys import InferenceKey, ManagementKey
from serving.management import ManagementClient
from serving.torchserve import Ports, TorchServe

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / "benchmarks" / "peers"
START_TIMEOUT_S = 120
ENGINES_TIMEOUT_S = 900
POLL_S = 0.2


@dataclass(frozen=True)
class Running:
    """A started server: where it takes images, its process, and `clean`, which is called after it has stopped."""

    target: Target
    process: GuardedProcess
    clean: Callable[[], None] = lambda: None
    management: ManagementClient | None = None
    """Set for this project's TorchServe only."""
    archives: Path | None = None
    reports: Path | None = None
    """The folder in which workers of this project's TorchServe say which engine answers."""

    def engines(self) -> list[EngineReport]:
        """What the workers of this project's TorchServe answer by; none of another server."""
        return read_reports(self.reports) if self.reports else []

    def stop(self) -> None:
        """Stop the server with all its workers, and clean up."""
        self.process.stop()
        self.clean()


def engines_below(folder: Path) -> Path:
    """The folder of compiled networks that all servers of a benchmark share."""
    return folder / "engines"


def start(
    server: TorchServe,
    *,
    variables: Mapping[str, str] = os.environ,
    timeout_s: float,
    give_up: Event | None = None,
) -> tuple[GuardedProcess, ManagementClient]:
    """Start a TorchServe outside a stack, and wait until it can be managed. Raises OperationsError if it can't."""
    server.prepare()
    process = GuardedProcess.start(
        server.command(),
        log=server.logs / "console.log",
        environment=server.environment(variables),
        folder=server.home,
    )
    management = ManagementClient(
        server.management_url, ManagementKey(server.key_file, server.management_url)
    )
    try:
        wait_until(
            management.answers, process=process, name="TorchServe", timeout_s=timeout_s, give_up=give_up
        )
    except BaseException:
        process.stop()
        raise
    return process, management


def retinote(
    store: Path, model: Path, folder: Path, capacity: Capacity, engines: Path | None = None
) -> Running:
    """Start this project's TorchServe, with settings and archives in `folder`, and wait for the model's workers.

    All of them answer by the engine that stays, rather than one that is there until the network is compiled. `store` is the model store, `model` the model's folder in it. Compiled networks are kept in `engines`, by default
    below `folder`.
    """
    server = TorchServe(
        home=folder / "torchserve",
        archives=folder / "archives",
        logs=folder / "torchserve" / "logs",
        ports=Ports(*free_ports(4)),
        capacity=capacity,
    )
    name, version = model.parent.name, model.name
    archive = build_archive(store, name, version, server.archives)
    process, management = start(
        server,
        variables=os.environ | {CACHE_VARIABLE: str(engines or engines_below(folder))},
        timeout_s=START_TIMEOUT_S,
    )
    try:
        management.register(archive.name, capacity.workers, capacity.batching)
        wait_for_engines(server.engine_reports, process)
        key = InferenceKey(server.key_file, server.management_url)
        target = Target(f"{server.inference_url}/predictions/{name}", key.headers())
    except BaseException:
        process.stop()
        raise
    return Running(target, process, server.clean, management, server.archives, server.engine_reports)


def wait_for_engines(reports: Path, process: GuardedProcess | None = None) -> None:
    """Wait until no worker answers by an engine that another will replace. Raises BenchmarkError."""
    pause, deadline = Event(), time.monotonic() + ENGINES_TIMEOUT_S
    while any(report.coming for report in read_reports(reports)):
        if time.monotonic() > deadline:
            raise BenchmarkError(f"The network was not compiled within {ENGINES_TIMEOUT_S} s.")
        if process and process.exit_status() is not None:
            raise BenchmarkError("TorchServe ended while the network was compiled.")
        pause.wait(POLL_S)


def register_echo(server: Running, batching: Batching = DEFAULT_BATCHING) -> Target:
    """Register the handler that does nothing in a running TorchServe of this project; returns where it answers."""
    assert server.management is not None and server.archives is not None
    name = f"echo-{batching.size}"
    made = _archive(name, PEERS / "echo.py", [], server.archives, with_config=True)
    server.management.register(made.name, workers=1, batching=batching)
    base = server.target.url.rpartition("/")[0]
    return Target(f"{base}/{name}", server.target.headers)


def torchserve_plain(model: Path, folder: Path, home: Path) -> Running:
    """Start TorchServe as its documentation says: default workers and batches, one archive with its own handler."""
    archives = folder / "plain-archives"
    archives.mkdir(exist_ok=True)
    archive = archives / "plain.mar"
    if not archive.exists():
        extra = [model / CARD_NAME, model / WEIGHTS]
        _archive("plain", PEERS / "torchserve_plain.py", extra, archives, with_config=False)
    inference, management, metrics, grpc_inference, grpc_management = free_ports(5)
    scratch = home / "scratch"
    scratch.mkdir(exist_ok=True)
    config = home / "config.properties"
    config.write_text(
        f"inference_address=http://127.0.0.1:{inference}\n"
        f"management_address=http://127.0.0.1:{management}\n"
        f"metrics_address=http://127.0.0.1:{metrics}\n"
        f"grpc_inference_port={grpc_inference}\n"
        f"grpc_management_port={grpc_management}\n"
        "grpc_inference_address=127.0.0.1\n"
        "grpc_management_address=127.0.0.1\n",
        encoding="utf-8",
    )
    process = GuardedProcess.start(
        [
            *(str(Path(sys.executable).with_name("torchserve")), "--start", "--foreground", "--ncs"),
            *("--model-store", str(archives), "--models", f"plain={archive.name}"),
            *("--ts-config", str(config), "--disable-token-auth"),
        ],
        log=home / "server.log",
        environment=os.environ
        | {
            "PYTHONPATH": str(ROOT),
            "JAVA_HOME": str(java().parent.parent),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "TEMP": str(scratch),
            "TMPDIR": str(scratch),
            "LOG_LOCATION": str(home / "logs"),
            "METRICS_LOCATION": str(home / "logs"),
        },
        folder=home,
    )
    target = Target(f"http://127.0.0.1:{inference}/predictions/plain")
    return Running(target, process, lambda: shutil.rmtree(scratch, ignore_errors=True))


def _archive(name: str, handler: Path, extra: list[Path], out: Path, *, with_config: bool) -> Path:
    """Make an archive with torch-model-archiver. Raises BenchmarkError when that fails."""
    command = [
        *(sys.executable, "-m", "model_archiver.model_packaging"),
        *("--model-name", name, "--version", "1.0", "--runtime", "python"),
        *("--handler", str(handler), "--export-path", str(out), "--force"),
    ]
    if extra:
        command += ["--extra-files", ",".join(str(path) for path in extra)]
    if with_config:
        config = out / f"{name}-config.yaml"
        config.write_text(model_config(), encoding="utf-8")
        command += ["--config-file", str(config)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        raise BenchmarkError(f"torch-model-archiver failed for {name}:\n{run.stderr.strip()}")
    return out / f"{name}.mar"
