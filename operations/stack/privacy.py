"""Checks that a data folder, which holds patients' images and secrets, is accessible to its owner alone."""

import os
import stat
from pathlib import Path

from operations.errors import OperationsError
from operations.stack.folder import DataFolder

CONTAINER_VARIABLE = "RETINOTE_IN_CONTAINER"
"""Set in our images. There the folder is a volume that only the container reaches, whatever its owner."""
WRITTEN_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
USED_BY_OTHERS = stat.S_IRWXG | stat.S_IRWXO
WRITTEN = "written by others (mode {mode:o}), who could put anything in place of"
READ = "read by others (mode {mode:o}), who then know"
ROOT_USER = 0


class NotPrivate(OperationsError):
    """Somebody else could write into the folder or read its secrets; the text says where and what to do."""


def check_private(path: Path) -> None:
    """Check a data folder before anything in it is trusted or run. A missing folder is fine. Raises NotPrivate."""
    if os.environ.get(CONTAINER_VARIABLE):
        return
    data = DataFolder(path)
    for above in {*data.path.parents, *data.path.resolve().parents}:
        _check_above(above, data.path)
    _check(data.path, WRITTEN_BY_OTHERS, WRITTEN)
    closed = _is_closed(data.path)
    for folder in (*data.folders, data.model_store):
        _check(folder, WRITTEN_BY_OTHERS, WRITTEN, closed)
    for secret in {data.secrets, *_inside(data.secrets)} - {data.administrator_note}:
        _check(secret, USED_BY_OTHERS, READ, closed)


def _is_closed(folder: Path) -> bool:
    """Whether nobody else can enter a folder, so that the modes of its content don't matter."""
    try:
        return not folder.stat().st_mode & (stat.S_IXGRP | stat.S_IXOTH)
    except OSError:
        return False


def _check_above(folder: Path, path: Path) -> None:
    try:
        mode = folder.stat().st_mode
    except OSError:
        return
    # In a sticky folder such as /tmp, files can be renamed by their owners only.
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        raise NotPrivate(
            f"{folder} may be written by everybody, so that anybody could put another folder in place of {path}: "
            "choose one elsewhere with --data-dir."
        )


def _check(path: Path, forbidden: int, what: str, closed: bool = False) -> None:
    """Refuse a path that belongs to others or has a forbidden mode; in a closed folder modes count for links only."""
    try:
        owners = {path.lstat().st_uid, path.stat().st_uid}
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:  # missing or not accessible, which its user will report
        return
    if foreign := owners - {os.geteuid(), ROOT_USER}:
        raise NotPrivate(
            f"{path} belongs to another user (number {min(foreign)}): run this as that user, or choose another "
            "folder with --data-dir."
        )
    if mode & forbidden and not (closed and not path.is_symlink()):
        raise NotPrivate(
            f"{path} may be {what.format(mode=mode)} what is kept there: chmod {'700' if path.is_dir() else '600'} "
            f"{path}, if you know what is in it, or choose another folder with --data-dir."
        )


def _inside(folder: Path) -> set[Path]:
    try:
        return set(folder.iterdir())
    except OSError:
        return set()
