"""The commands `backup` and `restore`; in a container without the launcher, `python -m operations.backup`."""

import argparse
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Self

from operations.backup.backup import make_backup, new_file, total
from operations.backup.database import exclusive, shared
from operations.backup.errors import BackupError
from operations.backup.manifest import Manifest
from operations.backup.restore import Restored, restore_backup
from operations.stack.database import DATABASE_VARIABLE
from operations.stack.folder import DataFolder
from operations.stack.options import add_data_option
from operations.stack.state import MEDIA_VARIABLE

PIPE = "-"
PROGRESS_EVERY_S = 0.2
WITHOUT_IMAGES = 2
"""Exit status of `backup`: documents are saved, and none of their images."""
PATIENT_DATA = (
    "The file holds patients' images and what readers wrote about them, and is not encrypted. To encrypt it: "
    "./retinote backup - | gpg --encrypt -r YOU > FILE. The secret key (secrets/ of the data folder) and the queue of "
    "tasks are not in it."
)


def add_backup_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `backup`."""
    parser.epilog = PATIENT_DATA
    parser.add_argument("file", metavar="FILE", help="a new file to write it to; - is standard output")
    _add_folder_options(parser)


def add_restore_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `restore`."""
    parser.epilog = (
        "The stack must be stopped. Every checksum is verified before anything is changed; the next ./retinote up "
        "brings documents of an older version up to date."
    )
    parser.add_argument("file", metavar="FILE", help="the backup; - is standard input")
    parser.add_argument(
        "--replace", action="store_true", help="replace the documents and images that are there"
    )
    _add_folder_options(parser)


def _add_folder_options(parser: argparse.ArgumentParser) -> None:
    add_data_option(parser)
    parser.add_argument(
        "--models-dir",
        type=Path,
        metavar="DIR",
        help="data folder of the model server, where it has one of its own, as in containers (default: --data-dir)",
    )


def backup(arguments: argparse.Namespace) -> int:
    """Write a backup, and print what is in it. Returns 2 if it has none of the images that documents name."""
    data, models_data = _folders(arguments)
    to_pipe = arguments.file == PIPE
    if to_pipe and sys.stdout.isatty():
        raise BackupError("Standard output is a terminal: name a file, or pipe it into another program.")
    with (
        Progress() as progress,
        nullcontext(sys.stdout.buffer) if to_pipe else new_file(Path(arguments.file)) as out,
        shared(data) as database,
    ):
        manifest = make_backup(data, database, out, progress, models_data=models_data)
        out.flush()
    say = sys.stderr if to_pipe else sys.stdout
    print(f"Backed up to {'standard output' if to_pipe else arguments.file}: {_summary(manifest)}", file=say)
    decided = (models_data or data).registry
    if not decided.is_file():
        print(
            f"Which versions of models are promoted is not in it: {decided} is not there. Where the model server has a data "
            "folder of its own, name that by --models-dir; a shared store of models keeps itself.",
            file=say,
        )
    if manifest.missing_media:
        print(
            f"{len(manifest.missing_media)} files that documents name were already missing; the manifest lists them.",
            file=say,
        )
    if manifest.all_media_missing:
        print(
            f"Not one image that documents name is in it: they are not in {data.media}. Where they are in S3, set "
            f"{MEDIA_VARIABLE} and the variables of S3 as the web app has them, and back up again.",
            file=sys.stderr,
        )
        return WITHOUT_IMAGES
    return 0


def restore(arguments: argparse.Namespace) -> int:
    """Restore a backup, and print what was restored."""
    data, models_data = _folders(arguments)
    with (
        Progress() as progress,
        nullcontext(sys.stdin.buffer) if arguments.file == PIPE else open(arguments.file, "rb") as archive,
        exclusive(data, models_data) as database,
    ):
        restored = restore_backup(
            data,
            database,
            archive,
            replace=arguments.replace,
            progress=progress,
            models_data=models_data,
        )
    manifest = restored.manifest
    print(f"Restored what was backed up {manifest.taken}: {_summary(manifest)}")
    if manifest.database != database.name:
        print(
            f"It was in the database {manifest.database}, and is in {database.name} now, which {DATABASE_VARIABLE} has to name "
            "for ./retinote up."
        )
    if manifest.models.count:
        print(f"Models, and which versions are promoted, are in {(models_data or data).path}.")
    print(_rights_summary(restored))
    if not restored.recorded:
        print("The audit has no record of this restore: the backup is of a version that had no audit.")
    return 0


def _folders(arguments: argparse.Namespace) -> tuple[DataFolder, DataFolder | None]:
    """The stack's data folder, and the model server's where it has one of its own. Raises BackupError if that is missing."""
    folder: Path | None = arguments.models_dir
    if folder is not None and not folder.is_dir():
        raise BackupError(f"--models-dir: there is no folder {folder}.")
    return DataFolder(arguments.data_dir), DataFolder(folder) if folder else None


def _rights_summary(restored: Restored) -> str:
    """The sentence about what was withheld, or that nothing is known of it."""
    withheld, taken = restored.withheld, restored.manifest.taken
    if not withheld.knew:
        return (
            f"All sign-ins are ended. What was deactivated, revoked or changed after {taken} is not known here: look "
            "through accounts and service keys before anybody signs in."
        )
    return (
        f"All sign-ins are ended. {len(withheld.accounts)} accounts stay deactivated and {len(withheld.service_keys)} "
        f"service keys revoked that the backup had as good; passwords and roles are those of {taken}."
    )


def _summary(manifest: Manifest) -> str:
    files = total(manifest)
    return (
        f"{manifest.documents} documents in {len(manifest.collections)} collections, "
        f"{files.count} files of {files.total_bytes / 1e6:.1f} MB."
    )


class Progress:
    """Shows the progress on a terminal; without a terminal it prints nothing."""

    def __init__(self) -> None:
        self._shows = sys.stderr.isatty()
        self._next = 0.0

    def __call__(self, what: str, done: int) -> None:
        """Show how much of `what` is done: documents if `what` is "documents", bytes otherwise."""
        if not self._shows or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + PROGRESS_EVERY_S
        amount = f"{done}" if what == "documents" else f"{done / 1e6:.0f} MB"
        print(f"\r\x1b[K{what}: {amount}", end="", file=sys.stderr, flush=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Clear the line."""
        if self._shows:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
