"""Promotes a version as a person would: by `./retinote models promote`, with all that it checks and notes.

The web app itself can't change what answers.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from django.conf import settings

TIMEOUT_S = 300.0
BY_HAND = "promote it there: ./retinote models promote {name} {version}"


class NotPromoted(Exception):
    """The version was not promoted; the message says why."""


def promote(name: str, version: str) -> None:
    """Promote a version of the stack on this data folder. Raises NotPromoted."""
    program, state = settings.BASE_DIR / "cli.py", Path(settings.DATA_DIR) / "run" / "state.json"
    if not (program.is_file() and state.is_file()):
        by_hand = BY_HAND.format(name=name, version=version)
        raise NotPromoted(f"The model server is managed elsewhere, and not from here; {by_hand}")
    command = [sys.executable, str(program), "models", "promote", name, version]
    try:
        ran = subprocess.run(
            [*command, "--data-dir", str(settings.DATA_DIR)],
            env={**os.environ},
            cwd=settings.BASE_DIR,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotPromoted(f"{name} {version} was not promoted: {type(error).__name__}.") from error
    if ran.returncode:
        said = (ran.stderr.strip().splitlines() or ["no reason was given"])[-1]
        raise NotPromoted(f"{name} {version} was not promoted: {said.removeprefix('retinote: ')}")
