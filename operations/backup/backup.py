"""Makes a backup of an installation that goes on working meanwhile.

Why documents and files belong together in it, although nobody stops:

- All documents are read in one snapshot session, so they are those of one moment, across collections.
- A file is on the disk before a document names it (`webapp/scans/upload.py`, `prediction.py`): whatever the snapshot
  names was there at its moment. Files are never changed, so it does not matter when their bytes are read.
- A scan that is deleted after the moment takes its files along, perhaps before they are copied. So each file is
  linked as soon as its document is read. If one is gone already, documents are read once more, at a later moment;
  what was linked stays linked. In the end the files that lack are the same as in the round before: they were gone
  before the last moment, which means that the installation itself lacks them, and not that they were just deleted.
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
from operations.backup.archive import ArchiveWriter, Hashing, Progress
from operations.backup.errors import BackupError
from operations.backup.manifest import Collection, Files, Manifest
from operations.stack.folder import DataFolder
from operations.version import installed_version
from serving.archive import CARD, STATISTICS, WEIGHTS

MAX_ROUNDS = 8
"""A round is as short as reading all documents takes; each further one needs a deletion within it."""
REGISTRY = "registry.json"
STORE = "store"
MODEL_FILES = (CARD, WEIGHTS, STATISTICS)
"""What there may be of a version; not every one has statistics."""


def make_backup(
    data: DataFolder, database: documents.AnyDatabase, out: IO[bytes], progress: Progress
) -> Manifest:
    """Write documents, images and models of an installation to `out`, and record that for the audit.

    Raises BackupError and OSError.
    """
    hashed = Hashing(out)
    with media.workspace(data.media, "backup") as work:
        taken = datetime.now(UTC)
        collections, links = _moment(database, data.media, work, progress)
        links.add_others()
        models = work / "models"
        _copy_models(data, models)
        manifest = Manifest(
            retinote=installed_version(),
            taken=f"{taken:%Y-%m-%dT%H:%M:%SZ}",
            database=database.name,
            collections=tuple(collections),
            media=links.files(),
            models=media.count(models),
            missing_media=tuple(sorted(links.missing)),
        )
        writer = ArchiveWriter(cast(IO[bytes], hashed), work, manifest, progress)
        for name in ("documents", "media", "models"):
            folder = links.folder if name == "media" else work / name
            writer.add_folder(folder, name)
        writer.close()
    audit.record(database[audit.WAITING], audit.BACKUP, manifest.taken, archive_sha256=hashed.hexdigest())
    return manifest


def _moment(
    database: documents.AnyDatabase, folder: Path, work: Path, progress: Progress
) -> tuple[list[Collection], media.Links]:
    """All documents of one moment, in `work/documents`, and links to the files that they name."""
    links: media.Links | None = None
    target = work / "documents"
    for attempt in range(MAX_ROUNDS):
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(mode=0o700)
        earlier, links = links, media.Links(folder, work / f"media-{attempt}", links)
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
    """The registry, which says what is promoted, and the models that were added on this machine."""
    target.mkdir(mode=0o700)
    with contextlib.suppress(FileNotFoundError):
        shutil.copyfile(data.registry, target / REGISTRY)
    for card in sorted(data.model_store.glob(f"*/*/{CARD}")):
        version = target / STORE / card.parent.relative_to(data.model_store)
        version.mkdir(mode=0o700, parents=True)
        for name in MODEL_FILES:
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(card.with_name(name), version / name)


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """A file for its owner alone that appears under its name when it is complete. Raises BackupError if it exists."""
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
    """Files and bytes of images and models together."""
    return Files(
        manifest.media.count + manifest.models.count,
        manifest.media.total_bytes + manifest.models.total_bytes,
    )
