"""Where things are kept that take long to make and that all checkouts of a user can share."""

import os
from pathlib import Path


def user_cache() -> Path:
    """`retinote/` in the user's cache folder: in XDG_CACHE_HOME, else in ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "retinote"
