"""The folder for things that take long to make and that all checkouts of a user share."""

import os
import stat
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path


def user_cache() -> Path:
    """`retinote/` in the user's cache folder: in XDG_CACHE_HOME, or else in ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or _home() / ".cache") / "retinote"


def _home() -> Path:
    """The user's home, or a temporary folder for a user without one."""
    try:
        return Path.home()
    except RuntimeError:
        return _without_home()


@cache
def _without_home() -> Path:
    """A temporary folder of this user; a new one if somebody else may have put code into the usual one."""
    place = Path(tempfile.gettempdir()) / f"retinote-{os.getuid()}"
    with suppress(FileExistsError):
        place.mkdir(mode=0o700)
    status = place.lstat()
    is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o022
    return place if is_ours else Path(tempfile.mkdtemp(prefix="retinote-"))
