"""Where things are kept that take long to make and that all checkouts of a user can share."""

import os
import tempfile
from pathlib import Path


def user_cache() -> Path:
    """`retinote/` in the user's cache folder: in XDG_CACHE_HOME, else in ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or _home() / ".cache") / "retinote"


def _home() -> Path:
    """The user's home; a folder of the system's for files that don't stay, where a user number has no home."""
    try:
        return Path.home()
    except RuntimeError:
        return Path(tempfile.gettempdir()) / f"retinote-{os.getuid()}"
