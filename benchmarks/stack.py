"""A stack for a benchmark: started in a temporary folder with the real commands, and removed afterwards."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import requests

from benchmarks.errors import BenchmarkError
from benchmarks.torchserve import wait_for_engines
from operations.processes import GuardedProcess, wait_until
from operations.stack import webapp
from operations.stack.database import OwnDatabase
from operations.stack.folder import DataFolder, read_state
from operations.stack.managing import running_environment
from operations.stack.ports import free_ports
from serving.keys import InferenceKey

ROOT = Path(__file__).resolve().parent.parent
START_TIMEOUT_S = 900
COMMAND_TIMEOUT_S = 300
REQUEST_TIMEOUT_S = 120
UNLIMITED = {f"RETINOTE_RATE_{kind}": "0" for kind in ("ADDRESS", "USER", "UPLOAD", "EXPORT", "SIGN_IN")}
"""Variables without limits: one user sends all requests from one address, which limits would refuse."""
OCT = {"modality": "oct"}
"""The field that every upload is sent with, as some simulated scans are asked about without it."""
NOT_OURS = ("RETINOTE_", "DJANGO_")
"""Prefixes of variables that could point a stack to somebody's database or settings."""
PASSWORD = re.compile(r"Sign in as admin with the password (\S+)")


@dataclass(frozen=True)
class OwnStack:
    """A running stack; `web_url` is one of its web apps, without a slash at its end."""

    data: DataFolder
    state: dict[str, Any]
    web_url: str
    password: str

    @property
    def inference_url(self) -> str:
        """The address of the model server's inference API."""
        return str(self.state["inference_url"])

    @property
    def mongodb_uri(self) -> str:
        """The database's address with its password."""
        return self.data.database_address()

    def key(self) -> InferenceKey:
        """The key for the model server's inference API."""
        return InferenceKey(Path(self.state["key_file"]), self.state["management_url"])

    def make_user(self, name: str, role: str, clinic: str = "") -> str:
        """Make an account; returns its password. Raises BenchmarkError."""
        password = secrets.token_urlsafe(12)
        options = ["--role", role, "--data-dir", str(self.data.path)]
        if clinic:
            options += ["--clinic", clinic]
        run_retinote("user", "create", name, *options, given=f"{password}\n")
        return password

    def sign_in(self, name: str, password: str) -> dict[str, str]:
        """Sign in; returns headers that are valid for ten minutes. Raises BenchmarkError."""
        answer = requests.post(
            f"{self.web_url}/api/v1/auth/token/",
            json={"username": name, "password": password},
            timeout=REQUEST_TIMEOUT_S,
        )
        if not answer.ok:
            raise BenchmarkError(f"{name} can't sign in: status {answer.status_code}.")
        return {"Authorization": f"Bearer {answer.json()['access']}"}

    @contextmanager
    def web_app_on(self, database: str) -> Iterator[OwnStack]:
        """The same stack with another web app on another database, whose collections are made.

        Raises BenchmarkError or OperationsError.
        """
        (port,) = free_ports(1)
        OwnDatabase(self.data, self.state["ports"]["mongodb"]).open_database(database)
        environment = running_environment(self.data, self.state, environment_without()) | {
            "RETINOTE_DATABASE": database
        }
        app = webapp.WebApp("127.0.0.1", port, environment, self.data.run)
        _run(webapp.django("migrate", "--no-input", "--verbosity", "0"), environment)
        log = self.data.logs / f"web-{database}.log"
        process = GuardedProcess.start(app.web_command(), log=log, environment=environment, folder=ROOT)
        try:
            wait_until(
                app.web_answers,
                process=process,
                name=f"The web app on {database}",
                timeout_s=START_TIMEOUT_S,
            )
            yield replace(self, web_url=app.url.rstrip("/"))
        finally:
            process.stop()


@contextmanager
def own_stack(
    around: Callable[[DataFolder], AbstractContextManager[object]] = lambda _: nullcontext(),
    *options: str,
    compiled: bool = True,
) -> Iterator[OwnStack]:
    """Start a stack in a temporary folder, with further `options` of `up`; at the end it is stopped and the folder removed.

    Its network is compiled, unless that does not matter. `around` is entered before the stack starts and left when it has stopped. Raises BenchmarkError.
    """
    with tempfile.TemporaryDirectory(prefix="retinote-bench-") as folder, ExitStack() as held:
        data, (port,) = DataFolder(Path(folder) / "var"), free_ports(1)
        held.enter_context(around(data))
        try:
            output = run_retinote("up", "--detach", "--data-dir", data.path, "--port", str(port), *options)
            password = PASSWORD.search(output)
            if password is None:
                raise BenchmarkError("The stack named no first administrator.")
            if compiled:
                wait_for_engines(Path(read_state(data)["engine_reports"]))
            yield OwnStack(data, read_state(data), f"http://127.0.0.1:{port}", password[1])
        finally:
            run_retinote("down", "--data-dir", data.path)


def run_retinote(*arguments: str | Path, given: str = "") -> str:
    """Run a command without variables that are NOT_OURS; returns its output. Raises BenchmarkError when it fails."""
    return _run([sys.executable, str(ROOT / "cli.py"), *map(str, arguments)], environment_without(), given)


def environment_without() -> dict[str, str]:
    """This process's environment without the variables that are NOT_OURS, and without limits on requests."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(NOT_OURS)}
    return own | UNLIMITED


def _run(command: list[str], environment: dict[str, str], given: str = "") -> str:
    try:
        ran = subprocess.run(
            command,
            env=environment,
            cwd=ROOT,
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=START_TIMEOUT_S if "up" in command else COMMAND_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise BenchmarkError(f"{command[-1]} took longer than {error.timeout:.0f} s.") from error
    if ran.returncode:
        lines = (ran.stderr.strip() or ran.stdout.strip()).splitlines()
        raise BenchmarkError(lines[-1].removeprefix("retinote: ") if lines else f"{command[-1]} failed.")
    return ran.stdout
