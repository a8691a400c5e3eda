"""Runs one command, and sees to it that nothing of it outlives whoever asked for it.

A program of its own: `python -I -S guardian.py GRACE_S PID_FD COMMAND...`. Its standard input is a pipe that the
asker keeps open and never writes to. The pipe closes when the asker wants the command stopped, and just as well when
the asker is killed, SIGKILL included, so both ends are one path: SIGTERM to the command, up to GRACE_S seconds for it
to finish, then SIGKILL to everything that is left of it. The guardian is a subreaper: a process whose parent has died
becomes its child instead of init's, so that workers of workers are found too.

The command's process id is written to PID_FD. The exit status is the command's own, or 128 + the signal's number.
Only the standard library's light modules are used: each service of a stack has a guardian beside it.
"""

import ctypes
import os
import select
import signal
import sys
import time

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
PR_SET_CHILD_SUBREAPER = 36


def main(arguments: list[str]) -> int:
    """Run the command until it ends or the pipe on standard input closes; return its exit status."""
    grace_s, pid_fd, command = float(arguments[0]), int(arguments[1]), arguments[2:]
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    wake = _wake_on(signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    child = os.fork()
    if child == 0:
        _become(command, libc, pid_fd)
    os.write(pid_fd, f"{child}\n".encode())
    os.close(pid_fd)

    status = _wait(child, wake, until=None)
    if status is None:
        _signal(child, signal.SIGTERM)
        status = _wait(child, wake, until=time.monotonic() + grace_s)
    leftover = _kill_everything(child)
    return status if status is not None else leftover


def _become(command: list[str], libc: ctypes.CDLL, pid_fd: int) -> None:
    """Turn this fork into the command: leader of its own session, with no input, dead when the guardian is."""
    try:
        os.setsid()
        libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        signal.set_wakeup_fd(-1)
        for caught in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(caught, signal.SIG_DFL)
        os.close(pid_fd)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
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


def _wait(child: int, wake: int, until: float | None) -> int | None:
    """Wait for the command: its status, or None when it is to be stopped (no deadline) or the deadline passed."""
    watched = [wake] if until is not None else [wake, 0]
    while True:
        status = _reap(child)
        if status is not None:
            return status
        remaining_s = None if until is None else max(0.0, until - time.monotonic())
        if remaining_s == 0.0:
            return None
        ready, _, _ = select.select(watched, [], [], remaining_s)
        if 0 in ready and not os.read(0, 4096):
            return None
        if wake in ready and until is None and _others(os.read(wake, 4096)):
            return None


def _others(numbers: bytes) -> bool:
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
        if not entry.isdigit():
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
    sys.exit(main(sys.argv[1:]))
