"""Stacks started with the command line, as a person would, in folders and on ports of their own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from pymongo import MongoClient

from benchmarks.bundled import MODEL_STORE
from handlers.engines.settings import CACHE_VARIABLE, ENGINE_VARIABLE
from operations.errors import OperationsError
from operations.processes import last_lines
from operations.stack.folder import DataFolder, all_ready, read_state, running_state
from operations.stack.managing import running_environment
from tests.services import engines

ROOT = Path(__file__).parents[1]
SET_BY_TESTS = ("RETINOTE_", "DJANGO_", "PYTEST_")
START_TIMEOUT_S = 900


def retinote(
    *arguments: str | Path,
    given: str = "",
    timeout_s: float = 300,
    engine: str = "eager",
    variables: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with `given` on its standard input, in the folder `cwd`."""
    return subprocess.run(
        [sys.executable, ROOT / "cli.py", *arguments],
        env=environment() | {ENGINE_VARIABLE: engine, CACHE_VARIABLE: str(engines())} | dict(variables or {}),
        input=given,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
    )


def environment() -> dict[str, str]:
    """This process's environment without what the test run set for its own services."""
    return {name: value for name, value in os.environ.items() if not name.startswith(SET_BY_TESTS)}


@dataclass
class Stack:
    """A stack on a data folder, detached; `variables` are its own surroundings, `options` those of `up`."""

    data: Path
    store: Path
    port: int
    output: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    options: Sequence[str] = ()

    def up(self) -> Stack:
        """Start it and wait until it is ready."""
        started = retinote(
            *("up", "--detach", "--data-dir", self.data),
            *("--port", str(self.port), "--model-store", self.store),
            *self.options,
            timeout_s=START_TIMEOUT_S,
            # Only the bundled network is worth compiling: those that tests make up are served once. Asked for by name,
            # the engine is there from the first answer, so that none differs from the next.
            engine="compiled" if self.store == MODEL_STORE else "eager",
            variables=self.variables,
        )
        assert started.returncode == 0, started.stdout + started.stderr
        self.output = started.stdout
        return self

    def command(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command about this stack."""
        return retinote(*arguments, "--data-dir", self.data, given=given)

    def django(self, script: str, given: str) -> str:
        """What a script prints in a process of this stack's web app, with `given` on its standard input."""
        ran = subprocess.run(
            [sys.executable, "-c", f"import django; django.setup()\n{script}"],
            env=self.web_environment,
            cwd=ROOT,
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    @property
    def web_environment(self) -> dict[str, str]:
        """Of another process of its web app."""
        return running_environment(DataFolder(self.data), self.state, environment())

    def down(self) -> None:
        self.command("down")

    @property
    def state(self) -> dict[str, Any]:
        return read_state(DataFolder(self.data))

    @property
    def audit_records(self) -> Any:
        """The collection of sealed audit records, as its database has it."""
        return MongoClient(DataFolder(self.data).database_address())["retinote"]["audit_record"]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def password(self) -> str:
        """The first administrator's, as the first `up` showed it."""
        shown = re.search(r"Sign in as admin with the password (\S+)", self.output)
        assert shown, self.output
        return shown[1]

    def log(self) -> str:
        return (self.data / "logs" / "stack.log").read_text()

    def is_ready(self) -> bool:
        """What `status` says, which takes too long to be asked again and again beside a stack that starts."""
        try:
            return all_ready(running_state(DataFolder(self.data)))
        except OperationsError:
            return False

    def assert_runs(self) -> None:
        """Fail with the end of its log when it has stopped: whatever asks it afterwards would only be refused."""
        try:
            running_state(DataFolder(self.data))
        except OperationsError:
            pytest.fail(
                f"The stack has stopped by itself.\n{last_lines(self.data / 'logs' / 'stack.log', 60)}"
            )

    def service_pid(self, name: str) -> int | None:
        return next((service["pid"] for service in self.state["services"] if service["name"] == name), None)

    def processes(self) -> list[int]:
        """Ids of all processes of the stack: supervisor, guardians, services, their workers."""
        supervisor = psutil.Process(self.state["pid"])
        return [supervisor.pid, *(child.pid for child in supervisor.children(recursive=True))]

    def kill_supervisor(self) -> None:
        os.kill(self.state["pid"], signal.SIGKILL)

    def sign_in(self, name: str, password: str) -> dict[str, str]:
        """Headers of somebody who is signed in."""
        answer = requests.post(
            f"{self.url}/api/v1/auth/token/", json={"username": name, "password": password}, timeout=30
        )
        assert answer.ok, answer.text
        return {"Authorization": f"Bearer {answer.json()['access']}"}
