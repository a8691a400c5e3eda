"""Trainings in processes of their own, which share the seconds that importing PyTorch takes.

Each is forked from one process that has imported everything and done nothing: it can be killed like any other.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from pathlib import Path

import cli

TIMEOUT_S = 240
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["training.run", "training.export"])


class Training:
    """`./retinote train WORDS...`, or another command that trains, begun; what it prints goes to a file."""

    def __init__(self, cache: Path, *words: object, command: str = "train") -> None:
        self._log = cache.with_suffix(".log")
        self._log.unlink(missing_ok=True)
        os.environ["OMP_NUM_THREADS"] = "1"  # read once, when PyTorch is loaded
        self._process = _context.Process(target=_train, args=(self._log, cache, [command, *map(str, words)]))
        self._process.start()

    def kill(self) -> None:
        """End it with SIGKILL, and wait until it is gone."""
        self._process.kill()
        self._process.join()

    def end(self) -> tuple[int | None, str]:
        """Wait for its end: the exit status, and all that it printed."""
        self._process.join(TIMEOUT_S)
        assert not self._process.is_alive(), self._log.read_text()
        return self._process.exitcode, self._log.read_text()


def _train(log: Path, cache: Path, words: list[str]) -> None:
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (sys.stdout.fileno(), sys.stderr.fileno()):
        os.dup2(output, stream)
    os.environ["XDG_CACHE_HOME"] = str(cache)
    sys.argv = [cli.__file__, *words]
    sys.exit(cli.main(sys.argv[1:]))
