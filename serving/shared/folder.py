"""A folder as a store that several machines share: a volume that all of them mount."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from serving.shared.errors import Changed, StoreAway, StoreError, StoreFull
from serving.shared.objects import Stored

LOCK = ".lock"
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
PARTIAL = ".partial-"
"""How files begin that are being written."""


class FolderObjects:
    """Objects as files below a folder. One process at a time exchanges, by a lock that NFS (version 4) knows, too."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def place(self) -> str:
        """The folder's URL."""
        return self._folder.absolute().as_uri()

    def names(self, prefix: str) -> list[str]:
        """The names that begin so."""
        with self._errors():
            return sorted(name for name, _ in self._files(prefix))

    def ages(self, prefix: str) -> dict[str, float]:
        """The names that begin so, with their ages by this machine's clock."""
        with self._errors():
            now = time.time()
            return {name: now - modified for name, modified in self._files(prefix)}

    def read(self, name: str) -> Stored | None:
        """A file's content; its tag is the content's hash."""
        with self._errors():
            try:
                content = (self._folder / name).read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                self._check_there()
                return None
        return Stored(content, _tag(content))

    def write(self, name: str, content: bytes) -> None:
        """Write a file; whoever reads it meanwhile gets the one or the other whole."""
        with self._errors(), self._partial(name) as partial, partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def exchange(self, name: str, content: bytes, expected: str | None) -> None:
        """Write a file in place of the one with that tag. Raises Changed."""
        with self._errors(), (self._folder / LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            present = self.read(name)
            if (present.tag if present else None) != expected:
                raise Changed(f"{self.place}/{name} was changed by somebody else meanwhile.")
            self.write(name, content)

    def fetch(self, name: str, target: Path) -> None:
        """Copy a file."""
        with self._errors():
            try:
                source = (self._folder / name).open("rb")
            except FileNotFoundError as error:
                self._check_there()
                raise StoreError(f"{self.place} has no {name}.") from error
        with source, target.open("wb") as file:
            shutil.copyfileobj(source, file)

    def send(self, source: Path, name: str) -> None:
        """Copy a file into the folder."""
        with self._errors(), self._partial(name) as partial:
            shutil.copyfile(source, partial)
            with partial.open("rb") as file:
                os.fsync(file.fileno())

    def delete(self, name: str) -> None:
        """Delete a file, and the folders that are empty then."""
        with self._errors():
            path = self._folder / name
            path.unlink(missing_ok=True)
            for folder in path.parents:
                if folder == self._folder:
                    break
                try:
                    folder.rmdir()
                except OSError:
                    break

    def _files(self, prefix: str) -> Iterator[tuple[str, float]]:
        self._check_there()
        top = self._folder / prefix.rpartition("/")[0]
        for path in top.rglob("*"):
            name = path.relative_to(self._folder).as_posix()
            if name.startswith(prefix) and not path.name.startswith("."):
                try:
                    if path.is_file():
                        yield name, path.stat().st_mtime
                except FileNotFoundError:
                    continue  # deleted while we look

    def _check_there(self) -> None:
        """Raise FileNotFoundError where the folder is missing: the volume isn't mounted, and says nothing is there."""
        if not self._folder.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self._folder))

    @contextmanager
    def _partial(self, name: str) -> Iterator[Path]:
        """A file that takes the name's place once it is written."""
        self._check_there()
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{PARTIAL}{secrets.token_hex(8)}")
        try:
            yield partial
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if not self._folder.is_dir():
                raise StoreAway(
                    f"The model store {self.place} is not there: is its volume mounted?"
                ) from error
            if error.errno in FULL:
                raise StoreFull(
                    f"The model store {self.place} is full: nothing more was written to it."
                ) from error
            raise StoreAway(
                f"The model store {self.place} can't be used ({error.strerror or error})."
            ) from error


def _tag(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
