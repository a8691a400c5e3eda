"""What tests of backup and restore share: the data folder, and how a backup is made, compared and restored."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import bson
import pytest

from operations.backup import audit, rights
from operations.backup.backup import make_backup
from operations.backup.documents import AnyDatabase
from operations.backup.manifest import Manifest
from operations.backup.restore import Restored, restore_backup
from operations.stack.folder import DataFolder

Restore = Callable[..., Restored]
"""Restores a backup: the fixture `restore`."""


def nothing(*_: object) -> None:
    """Progress that nobody watches."""


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    """The data folder whose media folder the web app uses (see `own_folders`)."""
    return DataFolder(tmp_path)


def backup_of(data: DataFolder, database: AnyDatabase) -> tuple[Manifest, bytes]:
    out = io.BytesIO()
    return make_backup(data, database, out, nothing), out.getvalue()


def content(database: AnyDatabase, media: Path) -> dict[str, object]:
    """All documents, indexes and files; but for sign-ins, what was shown to whom, and the audit's waiting records."""
    apart = {*rights.SESSIONS, rights.SHOWN, audit.WAITING}
    names = sorted({*database.list_collection_names()} - apart)
    return {
        "documents": {name: sorted(map(bson.encode, database[name].find())) for name in names},
        "indexes": {name: database[name].index_information() for name in names},
        "files": {path.relative_to(media): path.read_bytes() for path in media.rglob("*") if path.is_file()},
    }


@pytest.fixture
def restore(data: DataFolder, database: AnyDatabase) -> Restore:
    """Restores a backup in the place of what is there."""

    def restored(archive: bytes, *, replace: bool = True) -> Restored:
        return restore_backup(data, database, io.BytesIO(archive), replace=replace, progress=nothing)

    return restored
