"""Where things are kept that take long to make and that all checkouts of a user can share."""

import os
import stat
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path


def user_cache() -> Path:
    """`retinote/` in the user's cache folder: in XDG_CACHE_HOME, else in ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or _home() / ".cache") / "retinote"


def _home() -> Path:
    """The user's home; a folder of the system's for files that don't stay, where a user number has no home."""
    try:
        return Path.home()
    except RuntimeError:
        return _without_home()


@cache
def _without_home() -> Path:
    """Anybody may have made that folder before, with pages and packages that would be run: then it is a new one."""
    place = Path(tempfile.gettempdir()) / f"retinote-{os.getuid()}"
    with suppress(FileExistsError):
        place.mkdir(mode=0o700)
    found = place.lstat()
    is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022
    return place if is_ours else Path(tempfile.mkdtemp(prefix="retinote-"))
