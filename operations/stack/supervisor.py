"""Keeps a set of services running: starts each, waits until it is ready, starts it again when it dies or hangs."""

import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from operations.errors import EXPECTED, OperationsError
from operations.processes import GuardedProcess, last_lines
from operations.stack.freezes import (
    SILENCE_LIMIT_S,
    STOPPED_LIMIT_S,
    Silence,
    StoppedProcesses,
    answers_at_all,
)
from operations.stack.service import CannotRun, Service, Status

POLL_S = 0.1
CHECK_EVERY_S = 5.0
"""How often a service that is ready is asked whether it still is."""
CHECK_AGAIN_S = 1.0
"""How often one that seemed not to be is asked."""
LOOK_EVERY_S = 1.0
"""How often it is looked for processes that stand still, which costs less than asking and never waits."""
QUICK_DEATH_S = 60.0
"""A service that ends sooner after it was ready than this has died quickly; one that never was ready too."""
MAX_QUICK_DEATHS = 5
"""Of a service that has never been ready. One that was is tried for ever: what else runs is of use without it."""
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0

Announce = Callable[[str], None]


class StackFailed(OperationsError):
    """A service could not be kept running; the text has the last lines of its log."""


class StopRequested(Exception):
    """Somebody wants the stack to stop: Ctrl-C, a signal, ./retinote down."""


class Supervisor:
    """Runs services, one thread for each; a context manager that stops them all at its end.

    `announce` gets lines for people, `record` all statuses whenever one has changed. Both are called from several
    threads, one at a time. The times are arguments for tests, which have no minutes to spend.
    """

    def __init__(
        self,
        announce: Announce,
        record: Callable[[list[Status]], None] = lambda statuses: None,
        *,
        kept_open: Sequence[int] = (),
        quick_death_s: float = QUICK_DEATH_S,
        first_pause_s: float = FIRST_PAUSE_S,
        check_every_s: float = CHECK_EVERY_S,
        stopped_limit_s: float = STOPPED_LIMIT_S,
        silence_limit_s: float = SILENCE_LIMIT_S,
    ) -> None:
        self._announce = announce
        self._record = record
        self.kept_open = kept_open
        self.quick_death_s = quick_death_s
        self.first_pause_s = first_pause_s
        self.check_every_s = check_every_s
        self.stopped_limit_s = stopped_limit_s
        self.silence_limit_s = silence_limit_s
        self._runners: list[_Runner] = []
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
        """Turn Ctrl-C, SIGTERM and SIGHUP into the wish to stop. Main thread only."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: self.request_stop())

    def request_stop(self) -> None:
        """Make whoever waits here stop waiting, with StopRequested."""
        self._stop_wanted.set()

    def start(self, service: Service) -> None:
        """Start a service and return at once."""
        runner = _Runner(self, service)
        self._runners.append(runner)
        runner.thread.start()

    def wait_ready(self, *names: str) -> None:
        """Wait until the named services (all, when none is named) are ready.

        Raises StopRequested, and StackFailed when one can't be kept running.
        """
        awaited = names or tuple(runner.service.name for runner in self._runners)
        while not self.are_ready(awaited):
            self.pause(POLL_S)

    def are_ready(self, names: Sequence[str]) -> bool:
        """Whether those of the named services that run here are ready."""
        return all(runner.status.state == "ready" for runner in self._runners if runner.service.name in names)

    def run_task(
        self, name: str, command: Sequence[str], *, log: Path, environment: Mapping[str, str], folder: Path
    ) -> None:
        """Run a command that ends by itself. Raises as `wait_ready` does, and OperationsError when it fails."""
        process = GuardedProcess.start(
            command, log=log, environment=environment, folder=folder, kept_open=self.kept_open
        )
        try:
            while (status := process.exit_status()) is None:
                self.pause(POLL_S / 2)
        finally:
            process.stop()
        if status:
            raise OperationsError(f"{name} failed (status {status}).\n{last_lines(log)}")

    def run(self) -> None:
        """Keep the services running until somebody wants them to stop. Raises StackFailed."""
        try:
            while True:
                self.pause(3600.0)
        except StopRequested:
            return

    def pause(self, seconds: float) -> None:
        """Wait, unless the stack is to stop: raises StopRequested or StackFailed then."""
        self._stop_wanted.wait(seconds)
        if self._failure is not None:
            raise StackFailed(self._failure)
        if self._stop_wanted.is_set():
            raise StopRequested

    def stop(self) -> None:
        """End all services, those started last first, but without waiting for each in turn; the first one ends last."""
        self._stop_wanted.set()
        for runner in reversed(self._runners[1:]):
            runner.request_stop()
        for runner in [*reversed(self._runners[1:]), *self._runners[:1]]:
            runner.request_stop()
            runner.thread.join()

    def fail(self, message: str) -> None:
        """Stop the stack because a service can't be kept running."""
        with self._lock:
            self._failure = self._failure or message
        self._stop_wanted.set()

    def say(self, line: str) -> None:
        """Tell people."""
        with self._lock:
            self._announce(line)

    def changed(self) -> None:
        """Record all statuses."""
        with self._lock:
            self._record([runner.status for runner in self._runners])


class _Runner:
    """The life of one service, told by its thread from top to bottom."""

    def __init__(self, supervisor: Supervisor, service: Service) -> None:
        self.supervisor = supervisor
        self.service = service
        self.status = Status(service.name, service.address)
        self.thread = threading.Thread(target=self._run, name=service.name)
        self._process: GuardedProcess | None = None
        self._end_wanted = threading.Event()
        self._problem = ""
        self._was_ready = False

    def request_stop(self) -> None:
        self._end_wanted.set()
        if self._process:
            self._process.request_stop()

    def _run(self) -> None:
        try:
            self._keep_running()
        except EXPECTED as error:
            self.supervisor.fail(str(error))
        except Exception as error:  # a bug here must stop the stack, not leave it without one of its services
            self.supervisor.fail(f"{self.service.name}: {error!r}")
            raise
        finally:
            self._end_process()
            self._change("stopped", None)

    def _keep_running(self) -> None:
        deaths = 0
        while not self._ending():
            try:
                ready_at = self._live()
            except EXPECTED as error:
                if not self._was_ready:
                    raise
                # What worked before may work again: a full disk, memory that others took, a port lent to somebody.
                ready_at, self._problem = None, f"can't run ({error})"
                self._end_process()
            if self._ending():
                return
            lived_s = 0.0 if ready_at is None else time.monotonic() - ready_at
            deaths = deaths + 1 if lived_s < self.supervisor.quick_death_s else 1
            if deaths >= MAX_QUICK_DEATHS and not self._was_ready:
                raise StackFailed(
                    f"{self.service.name} {self._problem}, for the {deaths}th time in a row; the stack stops.\n{self._logs()}"
                )
            doublings = min(deaths, MAX_QUICK_DEATHS + 1) - 1
            pause_s = min(self.supervisor.first_pause_s * 2**doublings, LONGEST_PAUSE_S)
            self.supervisor.say(f"{self.service.name} {self._problem}; starting it again in {pause_s:g} s")
            self.status.restarts += 1
            self._change("restarting", None)
            self._end_wanted.wait(pause_s)

    def _live(self) -> float | None:
        """One life, from start to end; when it became ready, or None if it never did."""
        service = self.service
        service.prepare()
        started = time.monotonic()
        self._process = GuardedProcess.start(
            service.command(),
            log=service.log,
            environment=service.environment,
            folder=service.folder,
            grace_s=service.grace_s,
            kept_open=self.supervisor.kept_open,
        )
        self._change("starting", self._process.pid)
        ready_at = None
        next_check = next_look = started
        stopped, silence = StoppedProcesses(self.supervisor.check_every_s), Silence()
        stands_still = False
        while not self._ending() and self._process.exit_status() is None:
            if ready_at is not None and time.monotonic() >= next_look:
                stands_still = self._stands_still(self._process.pid, stopped)
                next_look = time.monotonic() + min(LOOK_EVERY_S, self.supervisor.check_every_s)
                if stands_still:  # it is not asked before it goes on, and then at once
                    next_check = next_look
            if not stands_still and time.monotonic() >= next_check:
                asked_at = time.monotonic()
                well = self._probe()
                if well and ready_at is None:
                    ready_at = time.monotonic()
                    self._was_ready = True
                    took = f"{service.name} is ready after {ready_at - started:.1f} s"
                    self.supervisor.say(f"{took}  {service.address}".rstrip())
                if ready_at is not None:
                    self._change("ready" if well else "unresponsive", self._process.pid)
                    silent_s = silence.lasts_s(asked_at, self._answers(well))
                    if silent_s > self.supervisor.silence_limit_s:
                        self._give_up(f"has not answered for {silent_s:.0f} s")
                        break
                next_check = time.monotonic() + self._pause_s(ready_at is not None, well)
            if ready_at is None and time.monotonic() - started > service.ready_timeout_s:
                self._problem = f"was not ready within {service.ready_timeout_s:.0f} s"
                break
            self._end_wanted.wait(POLL_S)
        self._end_process()
        return ready_at

    def _pause_s(self, was_ready: bool, well: bool) -> float:
        if not was_ready:
            return POLL_S
        return self.supervisor.check_every_s if well else min(CHECK_AGAIN_S, self.supervisor.check_every_s)

    def _answers(self, well: bool) -> bool:
        """Whether nothing is to be held against the service: it answers, or it lacks what it needs to."""
        return answers_at_all(well, self.service.alive) or not self.supervisor.are_ready(self.service.needs)

    def _stands_still(self, pid: int, stopped: StoppedProcesses) -> bool:
        """Whether any process of the service is stopped; ends those that have been for too long."""
        if not stopped.look(pid):
            return False
        self._change("unresponsive", pid)
        for killed in stopped.kill(self.supervisor.stopped_limit_s):
            self.supervisor.say(f"{self.service.name}: process {killed} has stood still; it is ended")
        return True

    def _give_up(self, problem: str) -> None:
        """End a program that would not heed a request to end."""
        assert self._process
        self._process.kill()
        self._process = None
        self._problem = problem

    def _probe(self) -> bool:
        try:
            return self.service.probe()
        except CannotRun:
            if self._ending():
                return False
            raise
        except EXPECTED:
            return False

    def _end_process(self) -> None:
        if self._process is None:
            return
        status = self._process.exit_status()
        if status is not None:
            self._problem = f"ended with {describe_status(status)}"
        self._process.stop()
        self._process = None

    def _ending(self) -> bool:
        return self._end_wanted.is_set()

    def _change(self, state: str, pid: int | None) -> None:
        if (state, pid) == (self.status.state, self.status.pid):
            return
        if pid != self.status.pid:
            self.status.since = time.time()
        self.status.state, self.status.pid = state, pid
        self.supervisor.changed()

    def _logs(self) -> str:
        return "\n".join(
            last_lines(log) for log in (self.service.log, *self.service.more_logs) if log.exists()
        )


def describe_status(status: int) -> str:
    """An exit status in words: 'status 1', or the signal's name."""
    if status > 128:
        try:
            return signal.Signals(status - 128).name
        except ValueError:
            pass
    return f"status {status}"
