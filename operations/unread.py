"""Ends quietly once nobody reads what is printed, as behind `| head -1`: for ./retinote and for the modules it runs.

A module that is run as a process of its own (`running`) ends with the status of a program that SIGPIPE ends, and without
a traceback; `check` then says so to the command that started it.
"""

from __future__ import annotations

import os
import runpy
import select
import sys
from collections.abc import Sequence

UNREAD = 141
"""As of a program that SIGPIPE ends: whoever read what it prints, such as `head`, has read enough."""


def is_unread() -> bool:
    """Whether nobody reads what is printed any more. If so, what is left goes nowhere, and Python says nothing of it."""
    printed = select.poll()
    printed.register(sys.stdout.fileno(), 0)  # which tells of errors alone
    if not printed.poll(0):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True


def running(module: str, *arguments: str) -> list[str]:
    """The command line that runs a module as `python -m` does, and ends quietly once nobody reads what it prints."""
    return [sys.executable, "-m", "operations.unread", module, *arguments]


def check(status: int) -> int:
    """The exit status of such a process. Raises BrokenPipeError if it ended as nobody reads on."""
    if status == UNREAD:
        raise BrokenPipeError("Nobody reads what is printed.")
    return status


def main(arguments: Sequence[str]) -> int:
    """Run the module that is named first, with the other arguments as its own."""
    module, *_ = sys.argv = list(arguments)
    try:
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        except SystemExit:
            sys.stdout.flush()
            raise
        sys.stdout.flush()
    except BrokenPipeError:
        if not is_unread():
            raise
        return UNREAD
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
