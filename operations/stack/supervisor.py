"""Keeps a set of services running, each by a runner, until they are asked to stop."""

import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from operations.errors import OperationsError
from operations.processes import GuardedProcess, last_lines
from operations.stack.runner import DEFAULT_PACE, Pace, Runner
from operations.stack.service import Service, StackFailed, Status

POLL_S = 0.1
Announce = Callable[[str], None]


class StopRequested(Exception):
    """The stack was asked to stop: by Ctrl-C, a signal, or ./retinote down."""


class Task:
    """A command that runs beside the services until it ends by itself. `wait` is called once."""

    def __init__(self, name: str, process: GuardedProcess, pause: Callable[[float], None]) -> None:
        self._name = name
        self._process = process
        self._pause = pause

    def wait(self) -> None:
        """Wait for its end. Raises as `Supervisor.wait_ready` does, and OperationsError if the command fails."""
        try:
            while (status := self._process.exit_status()) is None:
                self._pause(POLL_S / 2)
        finally:
            self.stop()
        if status:
            raise OperationsError(f"{self._name} failed (status {status}).\n{last_lines(self._process.log)}")

    def stop(self) -> None:
        """End it, if it still runs."""
        self._process.stop()


class Supervisor:
    """Runs services, each in a thread; a context manager that stops all of them at its end.

    `announce` gets lines for people, and `record` the statuses of all services whenever one has changed. Several
    threads call them, one at a time.
    """

    def __init__(
        self,
        announce: Announce,
        record: Callable[[list[Status]], None] = lambda statuses: None,
        *,
        kept_open: Sequence[int] = (),
        pace: Pace = DEFAULT_PACE,
    ) -> None:
        self._announce = announce
        self._record = record
        self.kept_open = kept_open
        self.pace = pace
        self._runners: list[Runner] = []
        self._tasks: list[Task] = []
        self._lock = threading.RLock()
        self._stop_wanted = threading.Event()
        self._failure: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def catch_signals(self) -> None:
        """Make Ctrl-C, SIGTERM and SIGHUP stop the stack. Main thread only."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: self.request_stop())

    def request_stop(self) -> None:
        """Make all waiting methods raise StopRequested."""
        self._stop_wanted.set()

    def start(self, service: Service) -> None:
        """Start a service, without waiting for it."""
        runner = Runner(self, service)
        self._runners.append(runner)
        runner.thread.start()

    def wait_ready(self, *names: str) -> None:
        """Wait until the named services, or all without a name, are ready.

        Raises StopRequested, and StackFailed if a service can't be kept running.
        """
        awaited = names or tuple(runner.service.name for runner in self._runners)
        while not self.are_ready(awaited):
            self.pause(POLL_S)

    def are_ready(self, names: Sequence[str]) -> bool:
        """Whether the named services are ready, as far as they are part of the stack."""
        return all(runner.status.state == "ready" for runner in self._runners if runner.service.name in names)

    def start_task(
        self, name: str, command: Sequence[str], *, log: Path, environment: Mapping[str, str], folder: Path
    ) -> Task:
        """Start a command, without waiting for its end."""
        process = GuardedProcess.start(
            command, log=log, environment=environment, folder=folder, kept_open=self.kept_open
        )
        task = Task(name, process, self.pause)
        self._tasks.append(task)
        return task

    def run(self) -> None:
        """Keep the services running until they are asked to stop. Raises StackFailed."""
        try:
            while True:
                self.pause(3600.0)
        except StopRequested:
            return

    def pause(self, seconds: float) -> None:
        """Wait so many seconds. Raises StopRequested or StackFailed if the stack is to stop."""
        self._stop_wanted.wait(seconds)
        if self._failure is not None:
            raise StackFailed(self._failure)
        if self._stop_wanted.is_set():
            raise StopRequested

    def stop(self) -> None:
        """End all tasks, then all services at once, except for the one that was started first, which the others need: it ends last."""
        self._stop_wanted.set()
        for task in self._tasks:
            task.stop()
        for runner in reversed(self._runners[1:]):
            runner.request_stop()
        for runner in [*reversed(self._runners[1:]), *self._runners[:1]]:
            runner.request_stop()
            runner.thread.join()

    def fail(self, message: str) -> None:
        """Stop the stack, as a service can't be kept running."""
        with self._lock:
            self._failure = self._failure or message
        self._stop_wanted.set()

    def say(self, line: str) -> None:
        """Announce a line to people."""
        with self._lock:
            self._announce(line)

    def changed(self) -> None:
        """Record the statuses of all services."""
        with self._lock:
            self._record([runner.status for runner in self._runners])
