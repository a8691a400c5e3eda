"""Image files under random names that say nothing about their content: below the media folder, or in S3.

Without RETINOTE_MEDIA nothing here knows of S3 (`bucket.py`).
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from django.conf import settings

from webapp.scans.bucket import bucket

NAME = re.compile(r"[0-9a-f]{32}\.(png|jpg|dcm)")
"""Earlier versions stored overlays as JPEG; what devices send is kept for a while as it came."""
PICTURE, INSTANCE = ".png", ".dcm"
FOLDER = "scans"
# Threads that wait for the disk; each is made when it is needed.
_writing = ThreadPoolExecutor(8, thread_name_prefix="writing")


Names = Callable[[], Iterable[str]]
_named_elsewhere: list[Names] = []


def named_elsewhere(names: Names) -> Names:
    """Decorator of an app above this one: its documents name these files, which the sweep then leaves."""
    _named_elsewhere.append(names)
    return names


def names_elsewhere() -> Iterator[str]:
    """The files that documents of apps above this one name."""
    for names in _named_elsewhere:
        yield from names()


@dataclass(frozen=True)
class Writing:
    """A file that is being written to the disk; its name is known before it is there."""

    name: str
    _done: Future[None]

    def wait(self) -> None:
        """Wait until the whole file is on the disk. Raises OSError when it can't be, and then leaves nothing of it."""
        self._done.result()

    def discard(self) -> None:
        """Wait until the file is written, and remove it."""
        self._done.exception()
        delete(self.name)


def path_of(name: str) -> Path:
    """The path of the file of that name. Raises ValueError for a name that `save` did not make."""
    if not NAME.fullmatch(name):
        raise ValueError("not the name of a stored image")
    return Path(settings.MEDIA_ROOT) / FOLDER / name[:2] / name


def save(content: bytes) -> str:
    """Store a PNG and return its name. The whole file is on the disk before this returns. Raises OSError."""
    name = new_name()
    _writer(name)(content)
    return name


def begin_to_save(content: bytes | Callable[[], bytes], ending: str = PICTURE) -> Writing:
    """Store a PNG, or what a function makes as one, while the caller does something else; an instance by its `ending`."""
    name = new_name(ending)
    keep = _writer(name)  # here, as settings are the caller's

    def write() -> None:
        keep(content() if callable(content) else content)

    return Writing(name, _writing.submit(write))


def new_name(ending: str = PICTURE) -> str:
    """The name of a new file."""
    return f"{secrets.token_hex(16)}{ending}"


def take(path: Path, name: str) -> None:
    """Store a file that was written beside the place of that name, by renaming it, or by sending it to S3."""
    if kept := bucket(FOLDER):
        kept.take(path, name)
        return
    target = path_of(name)
    path.rename(target)
    flush_folder(target.parent)


def _writer(name: str) -> Callable[[bytes], None]:
    """What stores content under a name."""
    if kept := bucket(FOLDER):
        return lambda content: kept.write(name, content)
    path = path_of(name)
    return lambda content: _write(path, content)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    try:
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
        flush_folder(path.parent)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def read(name: str) -> bytes:
    """The bytes of a stored image; raises FileNotFoundError."""
    if bucket(FOLDER):
        with open_file(name) as file:
            return file.read()
    return path_of(name).read_bytes()


def file_of(name: str, folder: Path) -> Path:
    """A file that holds the stored image: its own, or a copy in `folder` of one in S3.

    There is none at that path if the image is gone. Raises OSError.
    """
    if not bucket(FOLDER):
        return path_of(name)
    copy = folder / _checked(name)
    with contextlib.suppress(FileNotFoundError):
        content = read(name)
        folder.mkdir(mode=0o700, exist_ok=True)
        copy.write_bytes(content)
    return copy


def open_file(name: str) -> IO[bytes]:
    """A stored image, open for reading; raises FileNotFoundError."""
    kept = bucket(FOLDER)
    return kept.open(_checked(name)) if kept else path_of(name).open("rb")


def beginning(name: str, count: int) -> tuple[bytes, int]:
    """The first bytes of a stored image, and how many it has; raises FileNotFoundError."""
    if kept := bucket(FOLDER):
        return kept.beginning(_checked(name), count)
    with path_of(name).open("rb") as file:
        return file.read(count), os.fstat(file.fileno()).st_size


def exists(name: str) -> bool:
    """Whether the stored image is there."""
    kept = bucket(FOLDER)
    return kept.exists(_checked(name)) if kept else path_of(name).is_file()


def delete(*names: str) -> None:
    """Remove stored images; one that is gone already is no error."""
    kept = bucket(FOLDER)
    for name in filter(None, names):
        if kept:
            kept.delete(_checked(name))
        else:
            path_of(name).unlink(missing_ok=True)


def all_files() -> Iterator[Path]:
    """Every stored file, half-written ones too; of those in S3 the name alone."""
    if kept := bucket(FOLDER):
        yield from map(Path, kept.ages())
    yield from (path for path in (Path(settings.MEDIA_ROOT) / FOLDER).glob("*/*") if path.is_file())


def files_older_than(age_s: float) -> list[Path]:
    """Every stored file, half-written ones too, that was last written `age_s` seconds ago or earlier."""
    limit = time.time() - age_s
    there = (Path(settings.MEDIA_ROOT) / FOLDER).glob("*/*")
    old = [path for path in there if path.is_file() and _modified(path) <= limit]
    if kept := bucket(FOLDER):
        old += [Path(name) for name, age in kept.ages().items() if age >= age_s]
    return old


def remove_file(path: Path) -> None:
    """Remove one of `files_older_than`."""
    kept = bucket(FOLDER)
    if kept and path == Path(path.name):
        kept.delete(path.name)
    else:
        path.unlink(missing_ok=True)


def _checked(name: str) -> str:
    path_of(name)
    return name


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # deleted while we look
        return math.inf


def flush_folder(folder: Path) -> None:
    """Flush the folder, so that the file's new name is on the disk, too."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
