"""The stack that is tested, and a second web app for it behind a network that can be cut."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import requests

from benchmarks.resilience.proxy import Proxy
from benchmarks.stack import ROOT, START_TIMEOUT_S, environment_without
from operations.processes import GuardedProcess, wait_until
from operations.stack import webapp
from operations.stack.folder import DataFolder, read_state
from operations.stack.ports import free_ports

READY_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Subject:
    """A stack; `start` starts it again after its supervisor was killed. `url` is its web app, without a slash."""

    data: DataFolder
    url: str
    start: Callable[[], object]
    disk: Path | None = None
    """Where a small disk is mounted that can be filled; None if there is none."""

    @property
    def state(self) -> dict[str, Any]:
        """The stack's own record of its state."""
        return read_state(self.data)

    def pid(self, service: str) -> int:
        """The process id of a service. Raises LookupError while it has none."""
        for status in self.state.get("services", []):
            if status["name"] == service and status["pid"]:
                return int(status["pid"])
        raise LookupError(f"The {service} doesn't run.")

    def children(self, service: str) -> list[int]:
        """The ids of the Python processes that a service has started. Raises LookupError when there are none."""
        try:
            found = [
                child.pid
                for child in psutil.Process(self.pid(service)).children()
                if "python" in child.name()
            ]
        except psutil.NoSuchProcess:
            found = []
        if not found:
            raise LookupError(f"The {service} has no processes.")
        return found

    def has_replaced(self, pid: int) -> bool:
        """Whether a process is gone, and no service has its id any more."""
        return not psutil.pid_exists(pid) and all(
            service["pid"] != pid for service in self.state.get("services", [])
        )

    def nothing_is_frozen(self) -> bool:
        """Whether no process of the stack is frozen (stopped by a signal)."""
        try:
            family = psutil.Process(self.state["pid"]).children(recursive=True)
            return not any(process.status() == psutil.STATUS_STOPPED for process in family)
        except (KeyError, psutil.NoSuchProcess):
            return False

    def services_are_ready(self) -> bool:
        """Whether the stack's record says that all its services are ready."""
        state = self.state
        return bool(state.get("ready")) and all(
            service["state"] == "ready" for service in state.get("services", [])
        )


@dataclass(frozen=True)
class Replica:
    """Another web app with the same data, whose connections to MongoDB and the model server can be cut."""

    url: str
    database: Proxy
    model_server: Proxy

    def aim(self, state: dict[str, Any]) -> None:
        """Forward to the ports that MongoDB and the model server have now."""
        self.database.target, self.model_server.target = _ports(state)


@contextmanager
def replica(subject: Subject) -> Iterator[Replica]:
    """Start a second web app for a stack. Raises OperationsError."""
    state = subject.state
    with ExitStack() as held:
        database, model_server = (held.enter_context(Proxy(port)) for port in _ports(state))
        (port,) = free_ports(1)
        environment = webapp.environment(
            data=subject.data.path,
            secret_key=subject.data.secret_key(),
            mongodb_uri=_through(database, subject.data.database_address()),
            model_url=f"http://127.0.0.1:{model_server.port}",
            management_url=str(state["management_url"]),
            key_file=Path(state["key_file"]),
            model_metrics=Path(state["metrics_socket"]),
            calibration=Path(state["calibration"]),
            inherited=environment_without(),
        )
        app = webapp.WebApp("127.0.0.1", port, environment, subject.data.run)
        process = GuardedProcess.start(
            app.web_command(), log=subject.data.logs / "web-replica.log", environment=environment, folder=ROOT
        )
        held.callback(process.stop)
        wait_until(app.web_answers, process=process, name="The second web app", timeout_s=START_TIMEOUT_S)
        yield Replica(app.url.rstrip("/"), database, model_server)


def is_ready(url: str) -> bool:
    """Whether a web app reports that it is ready, and the model server too."""
    try:
        answer = requests.get(f"{url}/readyz/", timeout=READY_TIMEOUT_S)
        return answer.ok and answer.json()["status"] == "ok"
    except (requests.RequestException, ValueError):
        return False


@contextmanager
def small_disk(folder: Path, mib: int) -> Iterator[bool]:
    """Mount a disk of `mib` MiB, in memory, at a folder that is made; yields whether that was possible."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    mount = shutil.which("mount")
    mounted = (
        mount is not None
        and os.geteuid() == 0
        and subprocess.run(
            [mount, "-t", "tmpfs", "-o", f"size={mib}m,mode=700", "tmpfs", str(folder)],
            capture_output=True,
            check=False,
        ).returncode
        == 0
    )
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run([shutil.which("umount") or "/bin/umount", "--lazy", str(folder)], check=True)


def _through(proxy: Proxy, address: str) -> str:
    """A MongoDB address that leads through the proxy, with the account of the original."""
    account = urlsplit(address).netloc.rpartition("@")[0]
    return f"mongodb://{account}@127.0.0.1:{proxy.port}/?directConnection=true&authSource=admin"


def _ports(state: dict[str, Any]) -> tuple[int, int]:
    return int(state["ports"]["mongodb"]), int(state["ports"]["inference"])
