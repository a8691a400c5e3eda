"""Memory of processes: their proportional share (PSS) where the system reports it, so that shared pages count once."""

from __future__ import annotations

from collections.abc import Iterable

import psutil

MIB = 2**20


def tree(pid: int) -> list[psutil.Process]:
    """A guarded process and all its descendants.

    Daemons that it leaves behind become children of its guardian, its parent, where the search therefore begins.
    """
    try:
        program = psutil.Process(pid)
        guardian = program.parent()
        return guardian.children(recursive=True) if guardian else [program, *program.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def memory_mib(processes: Iterable[psutil.Process]) -> float:
    """Memory of all these processes in MiB: PSS, or RSS where the system doesn't report PSS (see `kind`)."""
    total = 0
    for process in processes:
        try:
            info = process.memory_full_info()
            total += getattr(info, "pss", info.rss)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return total / MIB


def kind() -> str:
    """Which memory is measured on this system: "PSS" or "RSS"."""
    return "PSS" if hasattr(psutil.Process().memory_full_info(), "pss") else "RSS"
