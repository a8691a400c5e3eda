"""Runs one command, and makes sure that it ends, with all its descendants, when the process that started it does.

It is a program: `python -I -S guardian.py GRACE_S PID_FD LOG COMMAND...`. Its standard input is a pipe that its starter
keeps open and never writes to. The pipe closes when the starter wants the command stopped, or is killed, even by
SIGKILL. Then the command gets SIGTERM and up to GRACE_S seconds to finish, and all that is left gets SIGKILL. The
guardian is a subreaper: it becomes the parent of a process whose own parent has died, so that it finds workers of
workers, too.

The command's output is appended to the file LOG, which is rotated by size. Its process id is written to PID_FD. The
exit status is the command's own, or 128 + the signal's number. It uses nothing but light modules of the standard
library, as each service of a stack has a guardian.
"""

import ctypes
import os
import select
import signal
import sys
import time

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
PR_SET_CHILD_SUBREAPER = 36
CHUNK_BYTES = 64 * 1024
LOG_BYTES = 10 * 2**20
OLD_LOGS = 3
LAST_FD = 64
"""File descriptors up to this one are closed for the command; the guardian itself has far fewer."""
SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Log:
    """A log file. When it is large, LOG becomes LOG.1, LOG.1 becomes LOG.2, and so on."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._open()

    def _open(self) -> None:
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._size = os.fstat(self._file).st_size

    def write(self, text: bytes) -> None:
        """Append output. If the disk is full it is dropped, as the command must go on."""
        try:
            if self._size > LOG_BYTES:
                for number in range(OLD_LOGS - 1, 0, -1):
                    if os.path.exists(f"{self._path}.{number}"):
                        os.rename(f"{self._path}.{number}", f"{self._path}.{number + 1}")
                os.rename(self._path, f"{self._path}.1")
                os.close(self._file)
                self._open()
            self._size += os.write(self._file, text)
        except OSError:
            pass


class Guardian:
    """Watches one command: its end, its output, and whether its starter wants it stopped."""

    def __init__(self, command: list[str], log: str, pid_fd: int) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._log = Log(log)
        self._wake = _wake_on(*SIGNALS)
        self._output, child_output = os.pipe()
        os.set_blocking(self._output, False)
        # Blocked until the child has reset the handlers, which could otherwise swallow a SIGTERM for the command.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        guardian = os.getpid()
        self._child = os.fork()
        if self._child == 0:
            _become(command, libc, child_output, guardian)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        os.close(child_output)
        os.write(pid_fd, f"{self._child}\n".encode())
        os.close(pid_fd)

    def watch(self, grace_s: float) -> int:
        """Wait for the command's end, or end it when the starter closes the pipe. Returns the exit status."""
        status = self._wait(until=None)
        if status is None:
            _signal(self._child, signal.SIGTERM)
            status = self._wait(until=time.monotonic() + grace_s)
        leftover = _kill_everything(self._child)
        self._copy_output()
        return leftover if status is None else status

    def _wait(self, until: float | None) -> int | None:
        """Wait for the command. Returns its status; None when it is to be stopped (no deadline) or at the deadline."""
        inputs = {self._wake, self._output} | ({0} if until is None else set())
        while True:
            status = _reap(self._child)
            if status is not None:
                return status
            remaining_s = None if until is None else max(0.0, until - time.monotonic())
            if remaining_s == 0.0:
                return None
            ready, _, _ = select.select(inputs, [], [], remaining_s)
            if self._output in ready and not self._copy_output():
                inputs.discard(self._output)
            if self._wake in ready and _asks_to_end(os.read(self._wake, CHUNK_BYTES)) and until is None:
                return None
            if 0 in ready and not os.read(0, CHUNK_BYTES):
                return None

    def _copy_output(self) -> bool:
        """Move the command's output to the log. Returns False once the command has closed its output."""
        try:
            while text := os.read(self._output, CHUNK_BYTES):
                self._log.write(text)
        except BlockingIOError:
            return True
        return False


def _become(command: list[str], libc: ctypes.CDLL, output: int, guardian: int) -> None:
    """Turn this fork into the command: leader of its own session, without input, killed if the guardian dies."""
    try:
        os.setsid()
        libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != guardian:  # it died before the line above, so no signal will come
            os._exit(128 + signal.SIGKILL)
        signal.set_wakeup_fd(-1)
        for caught in SIGNALS:
            signal.signal(caught, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.closerange(3, LAST_FD)
        os.execvp(command[0], command)
    except OSError as error:
        print(f"cannot run {command[0]}: {error.strerror}", file=sys.stderr, flush=True)
    finally:
        os._exit(127)


def _wake_on(*signals: signal.Signals) -> int:
    """Return a file descriptor from which the number of each of these signals can be read when it comes."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in signals:
        signal.signal(number, lambda *_: None)
    return reader


def _asks_to_end(numbers: bytes) -> bool:
    return any(number != signal.SIGCHLD for number in numbers)


def _reap(child: int) -> int | None:
    """Collect all processes that have ended, adopted ones too. Returns the command's status if it is among them."""
    status = None
    while True:
        try:
            pid, raw = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return status
        if pid == 0:
            return status
        if pid == child:
            status = _exit_status(raw)


def _kill_everything(child: int) -> int:
    """Kill the command's group and all adopted processes until none is left. Returns the command's status."""
    status = 128 + signal.SIGKILL
    _signal(-child, signal.SIGKILL)
    while True:
        for pid in _children():
            _signal(pid, signal.SIGKILL)
        try:
            pid, raw = os.waitpid(-1, 0)
        except ChildProcessError:
            return status
        if pid == child:
            status = _exit_status(raw)


def _children() -> list[int]:
    """Process ids of this process's children, read from /proc."""
    own_id = str(os.getpid())
    children = []
    for entry in os.listdir("/proc"):
        if not (entry.isascii() and entry.isdigit()):
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                # "pid (name) state ppid …"; the name may hold blanks and parentheses.
                parent = file.read().rpartition(")")[2].split()[1]
        except OSError:
            continue
        if parent == own_id:
            children.append(int(entry))
    return children


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def _exit_status(raw: int) -> int:
    code = os.waitstatus_to_exitcode(raw)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    grace, pid_fd, log, *command = sys.argv[1:]
    sys.exit(Guardian(command, log, int(pid_fd)).watch(float(grace)))
