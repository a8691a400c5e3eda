"""Starts and stops long-running programs, together with everything that they start themselves."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Event

from operations.errors import OperationsError

GUARDIAN = Path(__file__).with_name("guardian.py")
POLL_S = 0.1
KILL_MARGIN_S = 10.0


class GuardedProcess:
    """A running program under a guardian (see `operations/guardian.py`).

    It ends, with all its descendants, when `stop` is called or this process dies for any reason. Standard output and
    error are appended to a log file.
    """

    def __init__(self, guardian: "subprocess.Popen[bytes]", pid: int, log: Path, grace_s: float) -> None:
        self._guardian = guardian
        self.pid = pid
        """The process id of the program itself, not of its guardian."""
        self.log = log
        self.grace_s = grace_s

    @classmethod
    def start(
        cls,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        grace_s: float = 10.0,
        kept_open: Sequence[int] = (),
    ) -> "GuardedProcess":
        """Start `command` in `folder` with exactly `environment`; both are this process's own by default.

        It may take `grace_s` seconds to end after SIGTERM. The guardian, not the command, keeps the file descriptors
        `kept_open` until all has ended. A command that can't be executed ends at once with status 127 and a line in
        the log. Raises OperationsError if the guardian doesn't start.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        pid_reader, pid_writer = os.pipe()
        guardian_command = [
            sys.executable,
            "-I",
            "-S",
            str(GUARDIAN),
            str(grace_s),
            str(pid_writer),
            str(log),
        ]
        try:
            guardian = subprocess.Popen(
                [*guardian_command, *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=folder,
                env=None if environment is None else dict(environment),
                pass_fds=(pid_writer, *kept_open),
                start_new_session=True,
            )
        finally:
            os.close(pid_writer)
        with os.fdopen(pid_reader) as announced:
            line = announced.readline()
        if not line:
            raise OperationsError(f"{command[0]} could not be started: is {log} writable?")
        return cls(guardian, int(line), log, grace_s)

    def exit_status(self) -> int | None:
        """The exit status, 128 + the signal's number after a signal; None while it runs."""
        status = self._guardian.poll()
        if status is None:
            return None
        if status < 0:
            # The guardian itself was killed, so the command is ended here.
            self._kill_group()
            status = 128 - status
        return status

    def wait(self, timeout_s: float | None = None) -> int:
        """Wait for the end. Returns the exit status. Raises `subprocess.TimeoutExpired` if it takes longer."""
        self._guardian.wait(timeout_s)
        status = self.exit_status()
        assert status is not None
        return status

    def request_stop(self) -> None:
        """Ask the program to end, without waiting for it."""
        if self._guardian.stdin and not self._guardian.stdin.closed:
            self._guardian.stdin.close()

    def stop(self) -> int:
        """End the program and all its descendants. Returns the exit status."""
        self.request_stop()
        try:
            return self.wait(self.grace_s + KILL_MARGIN_S)
        except subprocess.TimeoutExpired:
            self._guardian.kill()
            self._kill_group()
            return self.wait()

    def kill(self) -> int:
        """End the program and all its descendants at once, by SIGKILL. Returns the exit status."""
        self._kill_group()
        self.request_stop()
        try:
            return self.wait(KILL_MARGIN_S)
        except subprocess.TimeoutExpired:
            self._guardian.kill()
            return self.wait()

    def _kill_group(self) -> None:
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass


def wait_until(
    ready: Callable[[], bool],
    *,
    process: GuardedProcess,
    name: str,
    timeout_s: float,
    give_up: Event | None = None,
) -> None:
    """Wait until `ready()` is true.

    Raises OperationsError if the process ends first or `timeout_s` passes, with the last lines of the log, and if
    `give_up` is set.
    """
    pause = give_up or Event()
    deadline = time.monotonic() + timeout_s
    while not ready():
        status = process.exit_status()
        if status is not None:
            raise OperationsError(
                f"{name} ended with status {status} before it was ready.\n{last_lines(process.log)}"
            )
        if time.monotonic() > deadline:
            raise OperationsError(
                f"{name} was not ready within {timeout_s:.0f} s.\n{last_lines(process.log)}"
            )
        if pause.wait(POLL_S):
            raise OperationsError(f"{name} was stopped before it was ready.")


def last_lines(log: Path, count: int = 15) -> str:
    """The last `count` lines of a log file, indented, below the file's name."""
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 64 * 1024))
            lines = file.read().decode("utf-8", "replace").splitlines()[-count:]
    except OSError:
        lines = []
    return "\n".join([f"Last lines of {log}:", *(f"  {line}" for line in lines or ["(nothing)"])])
