"""Runs one command, and sees to it that nothing of it outlives whoever asked for it.

A program of its own: `python -I -S guardian.py GRACE_S PID_FD LOG COMMAND...`. Its standard input is a pipe that the
asker keeps open and never writes to. The pipe closes when the asker wants the command stopped, and just as well when
the asker is killed, SIGKILL included, so both ends are one path: SIGTERM to the command, up to GRACE_S seconds for it
to finish, then SIGKILL to everything that is left of it. The guardian is a subreaper: a process whose parent has died
becomes its child instead of init's, so that workers of workers are found too.

The command's output goes to the end of the file LOG, which is rotated by size. Its process id is written to PID_FD.
The exit status is the command's own, or 128 + the signal's number. Only the standard library's light modules are
used: each service of a stack has a guardian beside it.
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
"""Far above what the guardian holds open itself."""
SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Log:
    """A file that output is added to; LOG becomes LOG.1, LOG.1 LOG.2 … when it has grown large."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._open()

    def _open(self) -> None:
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._size = os.fstat(self._file).st_size

    def write(self, text: bytes) -> None:
        """Add output. What a full disk can't take is dropped: the command must not stand still for it."""
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
    """Watches one command: its end, its output, and the wish of whoever asked for it."""

    def __init__(self, command: list[str], log: str, pid_fd: int) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._log = Log(log)
        self._wake = _wake_on(*SIGNALS)
        self._output, child_output = os.pipe()
        os.set_blocking(self._output, False)
        # Held back until the child has done away with the handlers, lest it swallow a SIGTERM meant for the command.
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
        """Wait for the command's end, or bring it about when the asker closes the pipe; return the exit status."""
        status = self._wait(until=None)
        if status is None:
            _signal(self._child, signal.SIGTERM)
            status = self._wait(until=time.monotonic() + grace_s)
        leftover = _kill_everything(self._child)
        self._copy_output()
        return leftover if status is None else status

    def _wait(self, until: float | None) -> int | None:
        """Wait for the command: its status, or None when it is to be stopped (no deadline) or the deadline passed."""
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
        """Move what the command has written to the log; False when it has closed its output."""
        try:
            while text := os.read(self._output, CHUNK_BYTES):
                self._log.write(text)
        except BlockingIOError:
            return True
        return False


def _become(command: list[str], libc: ctypes.CDLL, output: int, guardian: int) -> None:
    """Turn this fork into the command: leader of its own session, with no input, dead when the guardian is."""
    try:
        os.setsid()
        libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != guardian:  # it died before the line above: nobody will tell
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
    """Return a file descriptor that has a byte to read, the signal's number, whenever one of the signals came."""
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
    """Collect all that ended, adopted processes too; return the command's status if it is among them."""
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
    """SIGKILL the command's group and whatever the guardian has adopted, until nothing is left."""
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
    me = str(os.getpid())
    found = []
    for entry in os.listdir("/proc"):
        if not (entry.isascii() and entry.isdigit()):
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                # "pid (name) state ppid …"; the name may hold blanks and parentheses.
                parent = file.read().rpartition(")")[2].split()[1]
        except OSError:
            continue
        if parent == me:
            found.append(int(entry))
    return found


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
