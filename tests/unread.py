"""Runs commands whose output nobody reads, as behind `| head -0`."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def unread(command: Sequence[str | Path]) -> tuple[int, str]:
    """Run a command into a closed pipe; returns its exit status, and what it says on standard error."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ran = subprocess.run(
            command, cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, text=True, check=False, timeout=120
        )
    finally:
        os.close(writing)
    return ran.returncode, ran.stderr
