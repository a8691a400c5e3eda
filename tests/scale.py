"""How much is tried: enough to notice what breaks, or with `--thorough` all of it."""

from __future__ import annotations

import os
from pathlib import Path

from handlers.user_cache import user_cache

THOROUGH_VARIABLE = "RETINOTE_TEST_THOROUGH"
FOLDER_VARIABLE = "RETINOTE_TEST_FOLDER"
"""Names the folder of this run, which goes with it."""


def is_thorough() -> bool:
    """Whether `--thorough` was given."""
    return THOROUGH_VARIABLE in os.environ


def kept(name: str) -> Path:
    """Where things lie that earlier runs of any checkout made; a thorough run makes them anew."""
    return Path(os.environ[FOLDER_VARIABLE]) / name if is_thorough() else user_cache() / name
