"""Makes a backup of an installation, which may go on working meanwhile.

Documents and files are consistent nevertheless:

- All documents are read in one snapshot session, so those of all collections are from the same moment.
- A file is on the disk before a document names it (`webapp/scans/upload.py`, `prediction.py`), so all files that the
  snapshot names existed at its moment. Files never change, so it does not matter when their bytes are read.
- Deleting a scan deletes its files, perhaps before they are copied. So each file is linked as soon as its document is
  read. If a file is missing already, all documents are read again in a later snapshot; links that were made stay. Once
  a round misses no further files than the round before, these were missing before its snapshot: the installation
  itself lacks them.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, cast

from operations.backup import audit, documents, media
from operations.backup.archive import FOLDERS, ArchiveWriter, Hashing, Progress
from operations.backup.errors import BackupError
from operations.backup.manifest import Collection, Files, Manifest
from operations.stack.folder import DataFolder
from operations.stack.state import surroundings
from operations.version import installed_version
from serving.archive import CARD, FINDINGS, INT8, STATISTICS, WEIGHTS
from serving.gates import GATE_NAME, PAGE_NAME, PDF_NAME

MAX_ROUNDS = 8
"""A round takes as long as reading all documents. Another one follows only if a scan was deleted meanwhile."""
REGISTRY = "registry.json"
STORE = "store"
MODEL_FILES = (CARD, WEIGHTS, STATISTICS, FINDINGS, INT8, GATE_NAME)
"""The files that a version may have."""
GATE_FILES = (GATE_NAME, PAGE_NAME, PDF_NAME)


def make_backup(
    data: DataFolder,
    database: documents.AnyDatabase,
    out: IO[bytes],
    progress: Progress,
    *,
    models_data: DataFolder | None = None,
) -> Manifest:
    """Write documents, images, models and gates of an installation to `out`, and record it for the audit.

    `models_data` is the data folder of the model server, where it has one of its own. Raises BackupError and OSError.
    """
    hashed = Hashing(out)
    with media.workspace(data.media, "backup") as work:
        taken = datetime.now(UTC)
        collections, links = _snapshot(database, data, work, progress)
        links.add_others()
        models, gates = work / "models", work / "gates"
        _copy_models(models_data or data, models)
        _copy_versions(data.gates, gates, GATE_FILES)
        manifest = Manifest(
            retinote=installed_version(),
            taken=f"{taken:%Y-%m-%dT%H:%M:%SZ}",
            database=database.name,
            collections=tuple(collections),
            media=links.files(),
            models=media.count(models),
            gates=media.count(gates),
            missing_media=tuple(sorted(links.missing)),
            all_media_missing=bool(links.missing) and not links.found_any,
        )
        writer = ArchiveWriter(cast(IO[bytes], hashed), work, manifest, progress)
        for name in FOLDERS:
            folder = links.folder if name == "media" else work / name
            writer.add_folder(folder, name)
        writer.close()
    audit.record(database[audit.WAITING], audit.BACKUP, manifest.taken, archive_sha256=hashed.hexdigest())
    return manifest


def _snapshot(
    database: documents.AnyDatabase, data: DataFolder, work: Path, progress: Progress
) -> tuple[list[Collection], media.Links]:
    """Write all documents of one moment to `work/documents`, and link the files that they name."""
    links: media.Links | None = None
    images = media.elsewhere(surroundings(data))
    target = work / "documents"
    for attempt in range(MAX_ROUNDS):
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(mode=0o700)
        earlier, links = links, media.Links(data.media, work / f"media-{attempt}", links, images)
        seen = 0

        def note(document: bytes, links: media.Links = links) -> None:
            nonlocal seen
            seen += 1
            links.add_named_in(document)
            progress("documents", seen)

        try:
            collections = documents.dump(database, target, note)
        except documents.SnapshotLost:
            if attempt == MAX_ROUNDS - 1:
                raise
            continue
        if links.missing <= (earlier.missing if earlier else set()):
            return collections, links
    raise BackupError(
        f"Scans were deleted during each of {MAX_ROUNDS} attempts to read the documents; try again when it is quieter."
    )


def _copy_models(data: DataFolder, target: Path) -> None:
    """Copy the registry of promoted versions, and the models of the data folder's store."""
    target.mkdir(mode=0o700)
    with contextlib.suppress(FileNotFoundError):
        shutil.copyfile(data.registry, target / REGISTRY)
    _copy_versions(data.model_store, target / STORE, MODEL_FILES)


def _copy_versions(source: Path, target: Path, names: tuple[str, ...]) -> None:
    """Copy the files of those names from NAME/VERSION/ of a folder, for each version that has the first of them."""
    target.mkdir(mode=0o700)
    for first in sorted(source.glob(f"*/*/{names[0]}")):
        version = target / first.parent.relative_to(source)
        version.mkdir(mode=0o700, parents=True)
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(first.with_name(name), version / name)


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """A private file that gets its name once it is complete. Raises BackupError if the name exists."""
    if path.exists():
        raise BackupError(f"{path} is there already; choose another name.")
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            yield file.file
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        finally:
            Path(file.name).unlink(missing_ok=True)


def total(manifest: Manifest) -> Files:
    """The number and bytes of images, models and gates together."""
    kinds = (manifest.media, manifest.models, manifest.gates)
    return Files(sum(files.count for files in kinds), sum(files.total_bytes for files in kinds))
