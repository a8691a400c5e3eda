"""The virtual environment of the other servers and the load generator, made from a lock file when it is needed."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.errors import BenchmarkError

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv.bench"
LOCK = ROOT / "benchmarks" / "requirements.lock"
STAMP = "installed-from"
NEED_GB = 8


def peers_python(venv: Path = VENV, lock: Path = LOCK) -> Path:
    """The environment's interpreter; makes the environment, or brings it up to date, when the lock file has changed.

    Raises BenchmarkError when it can't be made.
    """
    python = venv / "bin" / "python"
    if is_current(venv, lock):
        return python
    venv.mkdir(exist_ok=True)
    with (venv / "install.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # two benchmarks may begin at once
        if not is_current(venv, lock):
            _install(venv, lock)
    return python


def is_current(venv: Path, lock: Path) -> bool:
    """Whether the environment was made, to the end, from this lock file by this Python."""
    try:
        stamp = (venv / STAMP).read_text(encoding="utf-8")
    except OSError:
        return False
    return stamp == wanted_stamp(lock) and (venv / "bin" / "python").exists()


def wanted_stamp(lock: Path) -> str:
    """The stamp of an environment: the hash of the lock file, and the Python version."""
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    return f"{digest} for Python {'.'.join(platform.python_version_tuple()[:2])}\n"


def installer_variables(inherited: Mapping[str, str]) -> dict[str, str]:
    """The variables for uv, with pip's package index from variables or from pip's settings."""
    index = inherited.get("UV_DEFAULT_INDEX") or inherited.get("PIP_INDEX_URL") or _pip_index()
    variables = {"UV_SYSTEM_CERTS": "true"} | dict(inherited)
    return variables | ({"UV_DEFAULT_INDEX": index} if index else {})


def _pip_index() -> str:
    command = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _install(venv: Path, lock: Path) -> None:
    uv = Path(sys.executable).with_name("uv")
    if not uv.exists():
        raise BenchmarkError(f"{uv} is missing: run ./retinote once, which installs it.")
    if not (venv / STAMP).exists() and shutil.disk_usage(venv.parent).free < NEED_GB * 2**30:
        raise BenchmarkError(f"The disk of {venv.parent} has less than {NEED_GB} GB free for {venv.name}.")
    print(f"retinote: installing the other servers into {venv.name} (6 GB, once)", file=sys.stderr)
    (venv / STAMP).unlink(missing_ok=True)
    variables = installer_variables(os.environ)
    commands = [
        [str(uv), "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(venv)],
        [str(uv), *("pip", "sync", "--quiet", "--require-hashes"), *("--python", str(venv)), str(lock)],
    ]
    for command in commands:
        run = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
        if run.returncode:
            output = run.stderr.strip() or run.stdout.strip()
            raise BenchmarkError(
                f"{venv.name} could not be made (can the package index be reached?):\n{output}"
            )
    (venv / STAMP).write_text(wanted_stamp(lock), encoding="utf-8")
