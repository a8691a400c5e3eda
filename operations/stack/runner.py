"""Runs one service: starts it, waits until it is ready, and starts it again when it dies or hangs."""

import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from operations.errors import EXPECTED
from operations.processes import GuardedProcess, last_lines
from operations.stack.freezes import (
    SILENCE_LIMIT_S,
    STOPPED_LIMIT_S,
    Silence,
    StoppedProcesses,
    answers_at_all,
)
from operations.stack.service import CannotRun, Service, StackFailed, Status

POLL_S = 0.1
CHECK_AGAIN_S = 1.0
"""Pause between probes of a service that was ready and does not seem to be."""
LOOK_EVERY_S = 1.0
"""Pause between looks for stopped processes, which cost less than probes and never block."""
MAX_QUICK_DEATHS = 5
"""Then a service that was never ready is given up. One that was ready is restarted for ever, as the others are of use
without it."""
LONGEST_PAUSE_S = 30.0


@dataclass(frozen=True)
class Pace:
    """The pauses and limits of a supervisor. Tests use shorter ones."""

    quick_death_s: float = 60.0
    """A death sooner than this after becoming ready, or before, is a quick one."""
    first_pause_s: float = 1.0
    """Pause before a restart. Each further quick death doubles it, up to LONGEST_PAUSE_S."""
    check_every_s: float = 5.0
    """Pause between probes of a service that is ready."""
    stopped_limit_s: float = STOPPED_LIMIT_S
    silence_limit_s: float = SILENCE_LIMIT_S


DEFAULT_PACE = Pace()


class Overseer(Protocol):
    """The part of the supervisor that a runner uses."""

    pace: Pace
    kept_open: Sequence[int]

    def are_ready(self, names: Sequence[str]) -> bool:
        """Whether the named services are ready, as far as they are part of the stack."""

    def say(self, line: str) -> None:
        """Announce a line to people."""

    def changed(self) -> None:
        """Record the statuses of all services, as one has changed."""

    def fail(self, message: str) -> None:
        """Stop all services, as one can't be kept running."""


class Runner:
    """Runs one service in a thread of its own."""

    def __init__(self, supervisor: Overseer, service: Service) -> None:
        self.supervisor = supervisor
        self.service = service
        self.status = Status(service.name, service.address)
        self.thread = threading.Thread(target=self._run, name=service.name)
        self._process: GuardedProcess | None = None
        self._end_wanted = threading.Event()
        self._problem = ""
        self._was_ready = False

    def request_stop(self) -> None:
        """Ask the service to end, without waiting for it."""
        self._end_wanted.set()
        if self._process:
            self._process.request_stop()

    def _run(self) -> None:
        try:
            self._keep_running()
        except EXPECTED as error:
            self.supervisor.fail(str(error))
        except Exception as error:  # a bug here must stop the stack rather than leave it without a service
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
                # It worked before and may work again, for instance once the disk, memory or its port is free.
                ready_at, self._problem = None, f"can't run ({error})"
                self._end_process()
            if self._ending():
                return
            lived_s = 0.0 if ready_at is None else time.monotonic() - ready_at
            deaths = deaths + 1 if lived_s < self.supervisor.pace.quick_death_s else 1
            if deaths >= MAX_QUICK_DEATHS and not self._was_ready:
                raise StackFailed(
                    f"{self.service.name} {self._problem}, for the {deaths}th time in a row; the stack stops.\n{self._logs()}"
                )
            doublings = min(deaths, MAX_QUICK_DEATHS + 1) - 1
            pause_s = min(self.supervisor.pace.first_pause_s * 2**doublings, LONGEST_PAUSE_S)
            self.supervisor.say(f"{self.service.name} {self._problem}; starting it again in {pause_s:g} s")
            self.status.restarts += 1
            self._change("restarting", None)
            self._end_wanted.wait(pause_s)

    def _live(self) -> float | None:
        """Run the service once, until it ends. Returns when it became ready (monotonic clock), None if it never did."""
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
        stopped, silence = StoppedProcesses(self.supervisor.pace.check_every_s), Silence()
        stands_still = False
        while not self._ending() and self._process.exit_status() is None:
            if ready_at is not None and time.monotonic() >= next_look:
                stands_still = self._stands_still(self._process.pid, stopped)
                next_look = time.monotonic() + min(LOOK_EVERY_S, self.supervisor.pace.check_every_s)
                if stands_still:  # it is probed again as soon as it goes on
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
                    if silent_s > self.supervisor.pace.silence_limit_s:
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
        return (
            self.supervisor.pace.check_every_s
            if well
            else min(CHECK_AGAIN_S, self.supervisor.pace.check_every_s)
        )

    def _answers(self, well: bool) -> bool:
        """Whether the service answers, or can't be expected to because a service that it needs is not ready."""
        return answers_at_all(well, self.service.alive) or not self.supervisor.are_ready(self.service.needs)

    def _stands_still(self, pid: int, stopped: StoppedProcesses) -> bool:
        """Whether any process of the service is stopped. Kills those that have been for too long."""
        if not stopped.look(pid):
            return False
        self._change("unresponsive", pid)
        for killed in stopped.kill(self.supervisor.pace.stopped_limit_s):
            self.supervisor.say(
                f"{self.service.name}: process {killed} was stopped for too long; it is killed"
            )
        return True

    def _give_up(self, problem: str) -> None:
        """Kill a program that hangs and would not react to a request to end."""
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
    """An exit status in words: "status 1", or the name of the signal."""
    if status > 128:
        try:
            return signal.Signals(status - 128).name
        except ValueError:
            pass
    return f"status {status}"
