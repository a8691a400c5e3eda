"""Has a model answer a made-up scan in a process of its own: only there is PyTorch loaded, and the model with it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from serving.errors import ServingError

ROOT = Path(__file__).resolve().parent.parent
TIMEOUT_S = 300


def try_model(folder: Path, called: str) -> None:
    """Load and try the model in a folder. Raises ServingError, saying why, when it can't be served.

    `called` is how people are told of it.
    """
    command = [sys.executable, "-m", "handlers.trial", str(folder.absolute())]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    try:
        run = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise ServingError(f"{called} can't be served: a trial took longer than {TIMEOUT_S} s.") from error
    if run.returncode:
        reason = (run.stderr.strip().splitlines() or [f"the trial ended with status {run.returncode}"])[-1]
        raise ServingError(f"{called} can't be served: {reason.rstrip('.')}.")
