"""Where the processes of one service count together: a folder of files that each maps into its memory.

Knows nothing of prometheus_client, which looks for the folder when it is first imported.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
TOKEN_VARIABLE = "RETINOTE_METRICS_TOKEN"  # nosec B105 # the name, not a token
# On a full disk, writing to a mapped file kills the process.
# The folder below it is made for its owner alone.
MEMORY = Path("/dev/shm")  # nosec B108


def count_in_files(service: str, data: Path) -> None:
    """Have this process and those that it will fork count together, if there is a token to read it with.

    To be called before anything counts. The folder is this run's own, and removed when the process ends; what a
    killed one left is removed by the next.
    """
    if not os.environ.get(TOKEN_VARIABLE):
        return
    parent, name = _place(service, data)
    own = parent / f"{name}-{os.getpid()}"
    for left in parent.glob(f"{name}-*"):
        if not _is_running(left.name.rpartition("-")[2]):
            shutil.rmtree(left, ignore_errors=True)
    own.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ[VARIABLE] = str(own)
    atexit.register(_remove, own, os.getpid())


def _place(service: str, data: Path) -> tuple[Path, str]:
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK):
        digest = hashlib.sha256(str(data).encode()).hexdigest()[:16]
        return MEMORY, f"retinote-{os.getuid()}-{digest}-{service}"
    return data / "run", f"metrics-{service}"


def _is_running(pid: str) -> bool:
    return pid.isascii() and pid.isdecimal() and Path(f"/proc/{pid}").exists()


def _remove(folder: Path, owner: int) -> None:
    # A forked process ends with its parent's list of things to do.
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
