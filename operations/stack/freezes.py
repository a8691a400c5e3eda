"""Notices programs that run but do nothing: processes stopped by a signal, and services that don't answer."""

import time
from collections.abc import Callable

import psutil

STOPPED_LIMIT_S = 5.0
"""A process that a signal has stopped does nothing until another signal comes. No load can look like that."""
SILENCE_LIMIT_S = 12.0
"""A busy service may miss a probe; one that answers none for so long has hung."""


class StoppedProcesses:
    """The processes at and below a given one that are stopped (SIGSTOP), and since when.

    A process that a debugger has stopped is in another state, and left alone. The list of descendants is renewed just
    every `family_every_s`, as that reads all processes of the machine.
    """

    def __init__(self, family_every_s: float) -> None:
        self._family_every_s = family_every_s
        self._family: list[psutil.Process] = []
        self._next_family = 0.0
        self._since: dict[psutil.Process, float] = {}

    def look(self, pid: int) -> bool:
        """Look at the process and all its descendants. Returns whether any is stopped."""
        now = time.monotonic()
        if now >= self._next_family:
            self._family, self._next_family = _family(pid), now + self._family_every_s
        self._since = {
            process: self._since.get(process, now) for process in self._family if _stopped(process)
        }
        return bool(self._since)

    def kill(self, longer_than_s: float) -> list[int]:
        """Kill those that have been stopped for longer, which their parents replace. Returns their process ids."""
        now = time.monotonic()
        killed = [process for process, since in self._since.items() if now - since >= longer_than_s]
        for process in killed:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                pass
        return [process.pid for process in killed]


class Silence:
    """For how long a service has not answered its probes. A single missed probe doesn't count."""

    def __init__(self) -> None:
        self._since: float | None = None

    def lasts_s(self, asked_at: float, answered: bool) -> float:
        """Seconds of silence, given the result of the probe that was sent at `asked_at` (monotonic clock)."""
        if answered:
            self._since = None
        elif self._since is None:
            self._since = asked_at
        else:
            return time.monotonic() - self._since
        return 0.0


def answers_at_all(probe_answered: bool, alive: Callable[[], bool] | None) -> bool:
    """Whether a program answers its probe or else `alive`, if it has that."""
    return probe_answered or (alive is not None and alive())


def _family(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _stopped(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_STOPPED)
    except psutil.NoSuchProcess:
        return False
