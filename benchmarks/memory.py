"""Memory of processes: the proportional share (PSS) where the system tells it, so that shared pages count once."""

from __future__ import annotations

from collections.abc import Iterable

import psutil

MIB = 2**20


def tree(pid: int) -> list[psutil.Process]:
    """A process of a guarded program and all that came of it.

    What the program leaves behind as daemons belongs to its guardian, its parent, so the search begins there.
    """
    try:
        program = psutil.Process(pid)
        guardian = program.parent()
        return guardian.children(recursive=True) if guardian else [program, *program.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def memory_mib(processes: Iterable[psutil.Process]) -> float:
    """Memory of processes together in MiB: PSS, or RSS where PSS isn't told (see `kind`)."""
    total = 0
    for process in processes:
        try:
            info = process.memory_full_info()
            total += getattr(info, "pss", info.rss)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return total / MIB


def kind() -> str:
    """Which memory is told on this system."""
    return "PSS" if hasattr(psutil.Process().memory_full_info(), "pss") else "RSS"
