"""Configures and starts TorchServe. No other module knows its settings file and command line."""

import hashlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.util import find_spec
from pathlib import Path

import yaml

from handlers.engines.settings import (
    BATCH_VARIABLE,
    CACHE_VARIABLE,
    COMPILED,
    COMPILED_SUFFIX,
    ENGINE_VARIABLE,
    INT8,
    REPORTS_VARIABLE,
)
from handlers.local_calibration import FOLDER_VARIABLE
from handlers.metrics import declarations
from serving.capacity import Capacity
from serving.errors import ServingError
from serving.java import java, java_options, properties
from serving.logs import to_console, to_files

KEY_FILE = "key_file.json"
"""The file in its working folder to which TorchServe writes its keys."""
KEY_LIFETIME_MIN = 24 * 60
"""A key that leaks is of no use after a day. Callers renew theirs (see keys.py)."""
MAX_REQUEST_BYTES = 48 * 2**20
"""Room for the web app's largest upload, 32 MiB, as base64 in JSON."""
MAX_RESPONSE_BYTES = 128 * 2**20
"""TorchServe kills a worker whose answer is larger, so this is far above the handler's largest answers (30 MiB)."""
JOB_QUEUE_SIZE = 100
"""Requests that may wait for a worker; more are refused with 503, and their callers try again later."""
RESPONSE_TIMEOUT_S = 300
"""A worker that takes longer is killed, and its batch is lost. Eight 40-megapixel images on busy cores take less."""
STARTUP_TIMEOUT_S = 900
"""With RETINOTE_ENGINE=compiled or int8 a worker's first start compiles the network, which takes minutes on busy cores."""
LOOPBACK = "127.0.0.1"
OF_OTHER_LAUNCHERS = frozenset({"LOCAL_RANK", "RANK", "WORLD_SIZE"})
"""Variables that torchrun sets for the processes it starts. A TorchServe worker that finds a rank sends no answers."""
NOT_FOR_WORKERS = OF_OTHER_LAUNCHERS | {"PYTHONPATH"}
SOCKET_PATH_LIMIT = 80
"""Letters of the scratch folder's path. The workers' Unix sockets are in it, and their paths may have 107."""


@dataclass(frozen=True)
class Ports:
    """The ports on which TorchServe listens.

    Its metrics need no key. Without a port for them they are at a socket that only the server's own user can reach
    (`TorchServe.metrics_socket`). A port for metrics is for private networks.
    """

    inference: int
    management: int
    grpc_inference: int
    grpc_management: int
    metrics: int | None = None

    def all(self) -> tuple[int, ...]:
        """All ports on which it listens."""
        ports = (getattr(self, field.name) for field in fields(self))
        return tuple(port for port in ports if port is not None)


@dataclass(frozen=True)
class TorchServe:
    """One TorchServe: `home` holds its settings and keys, `archives` the .mar files that it may register.

    `listens_on` is the address for inference and metrics; management and gRPC stay on loopback. Without `asks_for_key`
    callers need no key, which is safe in private networks only. `calibration` is the folder of local calibration
    profiles; without it workers go by the cards alone. It logs to files in `logs`, or to standard output, as in
    containers.
    """

    home: Path
    archives: Path
    logs: Path
    ports: Ports
    capacity: Capacity
    listens_on: str = LOOPBACK
    asks_for_key: bool = True
    calibration: Path | None = None
    logs_to_console: bool = False

    @property
    def key_file(self) -> Path:
        """The file to which TorchServe writes its keys at each start."""
        return self.home / KEY_FILE

    @property
    def log_files(self) -> tuple[Path, Path]:
        """The logs of the server and of its workers; both rotate by size."""
        return self.logs / "torchserve.log", self.logs / "torchserve-worker.log"

    @property
    def inference_url(self) -> str:
        """The address for predictions from this machine."""
        return f"http://{LOOPBACK}:{self.ports.inference}"

    @property
    def management_url(self) -> str:
        """The address for management, from this machine only."""
        return f"http://{LOOPBACK}:{self.ports.management}"

    @property
    def metrics_socket(self) -> Path:
        """The socket for metrics if there is no port for them (see `model_metrics.py`)."""
        return self.scratch / "metrics.sock"

    @property
    def scratch(self) -> Path:
        """The folder for unpacked archives and the workers' sockets; `prepare` empties it."""
        inside = self.home / "scratch"
        if len(str(inside)) <= SOCKET_PATH_LIMIT:
            return inside
        name = hashlib.sha256(str(self.home).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"retinote-{os.getuid()}-{name}"

    def prepare(self) -> None:
        """Write the settings files and make the folders. To be called before each start."""
        for folder in (self.home, self.archives):
            folder.mkdir(parents=True, exist_ok=True)
        self.clean()
        self.scratch.mkdir(mode=0o700, parents=True)
        (self.home / "config.properties").write_text(self._settings(), encoding="utf-8")
        (self.home / "log4j2.xml").write_text(
            to_console() if self.logs_to_console else to_files(), encoding="utf-8"
        )
        (self.home / "metrics.yaml").write_text(_metrics(), encoding="utf-8")

    def engines(self, inherited: Mapping[str, str] = os.environ) -> Path:
        """The folder for networks that workers compile: beside the settings, or as RETINOTE_ENGINE_CACHE says."""
        return Path(inherited.get(CACHE_VARIABLE) or self.home / "engines")

    def waits_for_compiler(self, inherited: Mapping[str, str] = os.environ) -> bool:
        """Whether workers may have to compile a network before they answer, as no other engine may run it."""
        wanted = inherited.get(ENGINE_VARIABLE) or self.capacity.engine
        return wanted in (COMPILED, INT8) and not any(self.engines(inherited).glob(f"*{COMPILED_SUFFIX}"))

    @property
    def engine_reports(self) -> Path:
        """The folder in which each worker says which engine answers (`handlers/engines/reports.py`)."""
        return self.scratch / "engine-reports"

    def clean(self) -> None:
        """Remove what a stopped TorchServe leaves: invalid keys and unpacked archives."""
        self.key_file.unlink(missing_ok=True)
        shutil.rmtree(self.scratch, ignore_errors=True)

    def command(self) -> list[str]:
        """The command line of the Java process itself, so that signals and exit status are TorchServe's own."""
        return [
            str(java()),
            *java_options(),
            f"-Djava.io.tmpdir={self.scratch}",
            f"-Dlog4j.configurationFile={(self.home / 'log4j2.xml').absolute().as_uri()}",
            f"-Dmodel_server_home={_package_folder()}",
            *("-cp", str(_package_folder() / "ts" / "frontend" / "model-server.jar")),
            "org.pytorch.serve.ModelServer",
            *("--python", sys.executable),
            *("-f", str(self.home / "config.properties")),
            *("-s", str(self.archives)),
            "--no-config-snapshot",
        ]

    def environment(self, inherited: Mapping[str, str] = os.environ) -> dict[str, str]:
        """The environment of the Java process and its workers.

        It has no PYTHONPATH, as a worker must import `handlers` from its archive rather than a checkout, and none of
        the web app's secrets, nor the keys of a store.
        """
        kept = {
            name: value
            for name, value in inherited.items()
            if name not in NOT_FOR_WORKERS
            and not name.startswith(("RETINOTE_", "MONGODB_", "TS_", "DJANGO_", "AWS_"))
        }
        own = {
            # Without a character set, Java doesn't find its own files in a folder whose name has an umlaut.
            "LC_ALL": "C.UTF-8",
            "JAVA_HOME": str(java().parent.parent),
            "LOG_LOCATION": str(self.logs),
            "METRICS_LOCATION": str(self.logs),
            "TMPDIR": str(self.scratch),
            "PYTHONUNBUFFERED": "1",
            REPORTS_VARIABLE: str(self.engine_reports),
        }
        if self.calibration:
            own[FOLDER_VARIABLE] = str(self.calibration)
        engine = inherited.get(ENGINE_VARIABLE) or self.capacity.engine
        return kept | own | worker_variables(self.capacity, self.engines(inherited), engine)

    def _metrics_address(self) -> str:
        if self.ports.metrics is None:
            return f"unix:{self.metrics_socket}"
        return f"http://{self.listens_on}:{self.ports.metrics}"

    def _settings(self) -> str:
        archives = re.escape(str(self.archives)).replace("\\", "\\\\")
        settings = {
            "inference_address": f"http://{self.listens_on}:{self.ports.inference}",
            "management_address": self.management_url,
            "metrics_address": self._metrics_address(),
            "grpc_inference_address": LOOPBACK,
            "grpc_inference_port": self.ports.grpc_inference,
            "grpc_management_address": LOOPBACK,
            "grpc_management_port": self.ports.grpc_management,
            # Archives run code, so only those in this folder may be registered, and none by URL.
            "allowed_urls": f"file://{archives}/[^/]+\\\\.mar",
            "enable_model_api": "true",
            "disable_token_authorization": "false" if self.asks_for_key else "true",
            "token_expiration_min": KEY_LIFETIME_MIN,
            "metrics_mode": "prometheus",
            "enable_metrics_api": "true",
            "metrics_config": self.home / "metrics.yaml",
            "disable_system_metrics": "true",
            "max_request_size": MAX_REQUEST_BYTES,
            "max_response_size": MAX_RESPONSE_BYTES,
            "limit_max_image_pixels": "true",
            # The handler parses JSON itself, within bounds. JSON that it can't parse fails for its request alone.
            "decode_input_request": "false",
            "default_workers_per_model": self.capacity.workers,
            "job_queue_size": JOB_QUEUE_SIZE,
            "default_response_timeout": RESPONSE_TIMEOUT_S,
            "default_startup_timeout": STARTUP_TIMEOUT_S,
            "unregister_model_timeout": RESPONSE_TIMEOUT_S,
            "enable_envvars_config": "false",
            "install_py_dep_per_model": "false",
            "cpu_launcher_enable": "false",
        }
        return properties(settings)


def worker_variables(capacity: Capacity, engines: Path, engine: str) -> dict[str, str]:
    """The variables of the handler in a worker: threads, engine, and the folder of compiled networks."""
    return {
        "OMP_NUM_THREADS": str(capacity.threads),
        "MKL_NUM_THREADS": str(capacity.threads),
        # NumPy's threads: its products take a tenth of a millisecond, but a hundred times as long if its threads have
        # to wait for PyTorch's.
        "OPENBLAS_NUM_THREADS": "1",
        # Threads that wait for each other spin, by default for milliseconds. If Java, the web app or another worker
        # needs the core, a forward pass takes up to ten times as long. With this count, which libgomp itself uses
        # when there are more threads than cores, it takes no longer.
        "GOMP_SPINCOUNT": "1000",
        ENGINE_VARIABLE: engine,
        BATCH_VARIABLE: str(capacity.batching.size),
        CACHE_VARIABLE: str(engines),
    }


def _package_folder() -> Path:
    """The folder that holds TorchServe's package `ts`; the package is not imported."""
    spec = find_spec("ts")
    if spec is None or spec.origin is None:
        raise ServingError("TorchServe is not installed: run ./retinote once, or install requirements.lock.")
    return Path(spec.origin).parent.parent


def _metrics() -> str:
    """TorchServe's own metrics file with the handler's metrics added, as TorchServe drops undeclared ones."""
    own = yaml.safe_load((_package_folder() / "ts" / "configs" / "metrics.yaml").read_text(encoding="utf-8"))
    for kind, entries in declarations().items():
        own["model_metrics"].setdefault(kind, []).extend(entries)
    return yaml.safe_dump(own, sort_keys=False)
