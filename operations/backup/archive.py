"""The file of a backup: a plain tar, written and read in one pass, so that it may go through a pipe.

The manifest is the first member. The last, `members.sha256`, lists all others with their checksums as
`sha256sum --check` reads them; an archive without it is incomplete. Members are never held in memory as a whole.
"""

import hashlib
import os
import re
import tarfile
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO

from operations.backup.errors import BackupError, DamagedArchive
from operations.backup.manifest import MANIFEST, Manifest

CHECKSUMS = "members.sha256"
FOLDERS = ("documents", "media", "models", "gates")
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
BLOCK_BYTES = 2**20
Progress = Callable[[str, int], None]
"""A function that is called with the name of the work in progress, and how many bytes or documents of it are done."""


class ArchiveWriter:
    """Writes members to `out`. `scratch` is a folder in which it collects their checksums."""

    def __init__(self, out: IO[bytes], scratch: Path, manifest: Manifest, progress: Progress) -> None:
        self._checksums = scratch / CHECKSUMS
        self._progress = progress
        self._done = 0
        self._lines = self._checksums.open("w", encoding="utf-8")
        self._tar = tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - see close
        own = scratch / MANIFEST
        own.write_bytes(manifest.to_json())
        self.add(own, MANIFEST)

    def add(self, source: Path, name: str) -> None:
        """Write a file as member `name`. Raises BackupError for a name that a restore would refuse."""
        if not NAME.fullmatch(name):
            raise BackupError(
                f"{source} has a name that a backup can't hold: use letters, digits, '.', '_', '-'."
            )
        with source.open("rb") as opened:
            info = tarfile.TarInfo(name)
            info.size = os.fstat(opened.fileno()).st_size
            info.mode, info.mtime = 0o600, int(time.time())
            counted = Hashing(opened)
            self._tar.addfile(info, counted)
        self._tar.members.clear()  # type: ignore[attr-defined]  # tarfile would keep all of them in memory
        self._done += info.size
        self._lines.write(_line(counted.hexdigest(), name))
        self._progress("writing", self._done)

    def add_folder(self, folder: Path, name: str) -> None:
        """Write all files below `folder`, as members below `name`."""
        for path, _, files in os.walk(folder):
            for file in sorted(files):
                source = Path(path) / file
                self.add(source, f"{name}/{source.relative_to(folder).as_posix()}")

    def close(self) -> None:
        """Write the checksums and the end of the archive."""
        self._lines.close()
        with self._checksums.open("rb") as opened:
            info = tarfile.TarInfo(CHECKSUMS)
            info.size, info.mode, info.mtime = os.fstat(opened.fileno()).st_size, 0o600, int(time.time())
            self._tar.addfile(info, opened)
        self._tar.close()


def unpack(archive: IO[bytes], into: Path, progress: Progress) -> Manifest:
    """Unpack an archive into the empty folder `into` and check every member against its checksum.

    Raises DamagedArchive, which names the first damaged member, and BackupError for a file that is no backup. Members
    that were unpacked before stay in `into`.
    """
    actual = into / f"{CHECKSUMS}.actual"
    manifest: Manifest | None = None
    last, done = "its beginning", 0
    try:
        with actual.open("w", encoding="utf-8") as lines, tarfile.open(fileobj=archive, mode="r|") as tar:
            while member := tar.next():
                tar.members.clear()  # type: ignore[attr-defined]  # tarfile would keep all of them in memory
                if manifest is None and member.name != MANIFEST:
                    raise BackupError(f"This is no backup of Retinote: it does not begin with {MANIFEST}.")
                content = tar.extractfile(member) if member.isreg() else None
                if content is None:
                    raise DamagedArchive(
                        f"The backup holds {member.name}, which is no file. Nothing was changed."
                    )
                last = member.name
                digest = _unpack_member(content, into, member.name)
                if member.name == CHECKSUMS:
                    break
                lines.write(_line(digest, member.name))
                if manifest is None:
                    manifest = Manifest.from_json((into / MANIFEST).read_bytes())
                done += member.size
                progress("reading", done)
    except (tarfile.TarError, EOFError) as error:
        raise DamagedArchive(
            f"The backup can't be read after {last}: {error}. Nothing was changed."
        ) from error
    if manifest is None or last != CHECKSUMS:
        raise DamagedArchive(
            f"The backup ends after {last}, before its checksums: it was cut off or is damaged there. "
            "Nothing was changed."
        )
    _compare(into / CHECKSUMS, actual)
    actual.unlink()
    return manifest


def _unpack_member(content: IO[bytes], into: Path, name: str) -> str:
    """Write a member below `into`. Returns its sha256. Raises DamagedArchive for a name that is not expected."""
    inside = PurePosixPath(name)
    if not NAME.fullmatch(name) or (len(inside.parts) == 1) != (name in (MANIFEST, CHECKSUMS)):
        raise DamagedArchive(
            f"The backup holds a member that does not belong there: {name!r}. Nothing was changed."
        )
    if len(inside.parts) > 1 and inside.parts[0] not in FOLDERS:
        raise DamagedArchive(f"The backup holds a folder that is not known: {name}. Nothing was changed.")
    target = into / inside
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    counted = Hashing(content)
    try:
        with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            while block := counted.read(BLOCK_BYTES):
                file.write(block)
    except FileExistsError as error:
        raise DamagedArchive(f"The backup holds {name} twice. Nothing was changed.") from error
    return counted.hexdigest()


def _compare(expected: Path, actual: Path) -> None:
    """Compare the archive's checksums with those of the unpacked members, line by line. Raises DamagedArchive."""
    with expected.open("rb") as expected_lines, actual.open("rb") as actual_lines:
        for line in actual_lines:
            if line != expected_lines.readline():
                name = line.decode().split("  ", 1)[1].rstrip("\n")
                raise DamagedArchive(
                    f"The backup is damaged: {name} is not what was written (sha256 differs). Nothing was changed."
                )
        if rest := expected_lines.readline():
            raise DamagedArchive(f"The backup lacks a member: {rest.decode(errors='replace').strip()}")


def _line(digest: str, name: str) -> str:
    return f"{digest}  {name}\n"


class Hashing:
    """A file that is read or written in one pass, with the sha256 of all that was read or written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._total = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Read up to `size` bytes (-1: to the end)."""
        block = self._file.read(size)
        self._total.update(block)
        return block

    def write(self, block: bytes) -> int:
        """Write a block. Returns the number of bytes written."""
        self._total.update(block)
        return self._file.write(block)

    def read_rest(self) -> None:
        """Read the rest of the file, for the hash alone."""
        while self.read(BLOCK_BYTES):
            pass

    def hexdigest(self) -> str:
        """The sha256 of what has been read or written so far."""
        return self._total.hexdigest()
