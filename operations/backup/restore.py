"""Restores a backup.

Everything is unpacked and checked beside the present files, and loaded into new collections. Only when all of it is
complete are the image folders renamed, and then the collections, one after the other.
"""

import contextlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from pymongo.errors import PyMongoError

from operations.backup import audit, documents, media
from operations.backup.archive import Hashing, Progress, unpack
from operations.backup.backup import REGISTRY, STORE
from operations.backup.errors import BackupError, reason
from operations.backup.manifest import Manifest
from operations.backup.rights import Withheld, withhold
from operations.stack.folder import DataFolder, make_private
from operations.stack.state import surroundings
from serving.errors import ServingError


@dataclass(frozen=True)
class Restored:
    """The result of a restore: what was restored, and what was withheld."""

    manifest: Manifest
    withheld: Withheld
    recorded: bool
    """Whether the audit has a record of the restore. Backups of the first versions have no audit."""


def restore_backup(
    data: DataFolder,
    database: documents.AnyDatabase,
    archive: IO[bytes],
    *,
    replace: bool,
    progress: Progress,
    models_data: DataFolder | None = None,
) -> Restored:
    """Restore an archive. Present data are replaced only if `replace` is true.

    `models_data` is the data folder of the model server, where it has one of its own. All sign-ins end. Accounts that were
    deactivated and keys that were revoked after the backup stay so, if the present database knows of it. Raises BackupError, whose text says whether anything was changed.
    """
    make_private(data.path)
    if not replace:
        _check_empty(data, database)
    with media.workspace(data.media, "restore") as work:
        hashed = Hashing(archive)
        manifest = unpack(cast(IO[bytes], hashed), work, progress)
        hashed.read_rest()
        loaded = 0

        def note(count: int) -> None:
            nonlocal loaded
            loaded += count
            progress("documents", loaded)

        try:
            documents.load(database, manifest.collections, work / "documents", note)
            withheld = withhold(database)
            recorded = _record(database, manifest, withheld, hashed.hexdigest())
        except BaseException as error:
            with contextlib.suppress(PyMongoError):
                documents.drop_loaded(database)
            if isinstance(error, PyMongoError):
                raise BackupError(
                    f"The documents can't be loaded: {reason(error)}. Nothing was changed."
                ) from error
            raise
        _switch(data, models_data or data, database, manifest, work)
    return Restored(manifest, withheld, recorded)


def _record(
    database: documents.AnyDatabase, manifest: Manifest, withheld: Withheld, archive_sha256: str
) -> bool:
    """Record the restore in the loaded collections, so that they never get into place without the record."""
    if audit.WAITING not in {collection.name for collection in manifest.collections}:
        return False
    waiting = documents.loaded(database, audit.WAITING)
    head = audit.head(database)
    audit.record(waiting, audit.RESTORE, manifest.taken, archive_sha256=archive_sha256, before=head)
    audit.record_withheld(waiting, withheld.changes, archive_sha256=archive_sha256)
    return True


def _check_empty(data: DataFolder, database: documents.AnyDatabase) -> None:
    documents_there, files_there = documents.count(database), media.count(data.media).count
    place: object = data.media
    if images := media.elsewhere(surroundings(data)):
        files_there, place = files_there + len(images.names("")), images.place
    if documents_there or files_there:
        raise BackupError(
            f"There are {documents_there} documents in the database {database.name} and {files_there} files in "
            f"{place} already. --replace puts the backup in their place; what is there is lost then."
        )


def _switch(
    data: DataFolder,
    models_data: DataFolder,
    database: documents.AnyDatabase,
    manifest: Manifest,
    work: Path,
) -> None:
    new, old = work / "media", work / "replaced"
    new.mkdir(mode=0o700, exist_ok=True)
    steps: list[tuple[str, Callable[[], None]]] = [
        ("images", lambda: _put_images(new, data, old)),
        ("documents", lambda: documents.switch(database, manifest.collections)),
        ("models", lambda: _put_models(data, models_data, work / "models")),
        ("gates", lambda: _put_versions(work / "gates", data.gates)),
    ]
    done: list[str] = []
    for name, step in steps:
        try:
            step()
        except (OSError, PyMongoError, ServingError) as error:
            why = reason(error) if isinstance(error, PyMongoError) else str(error)
            raise BackupError(
                f"The backup is whole, but its {name} could not be put in place ({why}). In place so far: "
                f"{', '.join(done) or 'nothing'}. Restore it again, with --replace, before anybody uses what is there."
            ) from error
        done.append(name)


def _put_images(new: Path, data: DataFolder, old: Path) -> None:
    """Put the images in place; in S3 beside those that were there, which the next sweep removes."""
    if images := media.elsewhere(surroundings(data)):
        media.upload(new, images)
    media.switch(new, data.media, old)


def _put_models(data: DataFolder, models_data: DataFolder, models: Path) -> None:
    """Put the registry and the models in place. Versions of the same name are replaced, and others stay."""
    registry = models / REGISTRY
    make_private(models_data.torchserve)
    if registry.exists():
        shutil.move(registry, models_data.registry)
    _put_versions(models / STORE, models_data.model_store)
    make_private(data.secrets)
    data.administrator_note.touch(mode=0o600)  # accounts are there already


def _put_versions(source: Path, folder: Path) -> None:
    """Move what is in NAME/VERSION/ of `source` to the folder."""
    for version in source.glob("*/*"):
        target = folder / version.relative_to(source)
        shutil.rmtree(target, ignore_errors=True)
        make_private(target.parent)
        shutil.move(version, target)
