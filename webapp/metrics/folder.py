"""The folder in which the processes of a service count together, each in a file that it maps into memory.

It does not import prometheus_client, which looks for the folder at its first import.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
TOKEN_VARIABLE = "RETINOTE_METRICS_TOKEN"  # nosec B105 # the name, not a token
# In memory, as writing to a mapped file on a full disk kills the process. The folder in it is its owner's alone.
MEMORY = Path("/dev/shm")  # nosec B108


def count_in_files(service: str, data: Path) -> None:
    """Let this process and all that it forks count together, if RETINOTE_METRICS_TOKEN is set.

    Call it before anything counts. The folder belongs to this process and is removed when it ends; what a killed
    process left is removed by the next one.
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
    # A forked process inherits its parent's exit handlers.
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
