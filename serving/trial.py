"""Has a model answer a made-up scan in a process of its own, which alone loads PyTorch and the model."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from serving.errors import ServingError

ROOT = Path(__file__).resolve().parent.parent
TIMEOUT_S = 300


def try_model(folder: Path, title: str) -> None:
    """Load the model in a folder and try it out. Raises ServingError, which calls the model `title` and says why."""
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
        raise ServingError(f"{title} can't be served: a trial took longer than {TIMEOUT_S} s.") from error
    if run.returncode:
        reason = (run.stderr.strip().splitlines() or [f"the trial ended with status {run.returncode}"])[-1]
        raise ServingError(f"{title} can't be served: {reason.rstrip('.')}.")
