"""What a folder of scans holds: splits, labels, images, and all other files with the reason why they are left out."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from imaging.formats import image_endings

IMAGE_SUFFIXES = frozenset(image_endings())
SPLITS = ("train", "val", "test")
SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""Our name of a split by the name of its folder, in small letters."""
HIDDEN = (".", "__")
"""First characters of the files that systems and archives leave behind."""


@dataclass(frozen=True)
class LeftOut:
    """A file that is left out, and why; `like` is the file that it repeats."""

    file: Path
    reason: str
    like: Path | None = None


def split_of(name: str) -> str:
    """The split that a folder of that name holds; "" for none."""
    return SPLIT_NAMES.get(name.lower(), "")


def split_folders(folder: Path) -> list[tuple[str, Path]]:
    """The folders named as splits, train before val before test, with the split of each."""
    found = [(split_of(below.name), below) for below in label_folders(folder) if split_of(below.name)]
    return sorted(found, key=lambda entry: SPLITS.index(entry[0]))


def label_folders(folder: Path) -> list[Path]:
    """The folders in a folder, sorted, without hidden ones; none if there is no such folder."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(HIDDEN))


def image_files(folder: Path) -> list[Path]:
    """The files in a folder that are named as images, sorted, without hidden ones."""
    return sorted(path for path in folder.iterdir() if is_image(path) and not path.name.startswith(HIDDEN))


def is_image(path: Path) -> bool:
    """Whether a file is named as an image."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def not_taken(
    folder: Path, taken: Collection[Path], reason_of: Callable[[tuple[str, ...]], str]
) -> list[LeftOut]:
    """Every file below `folder` that is not among `taken`, sorted, with the reason.

    `reason_of` gives the reason for a visible file that is named as an image, by the parts of its path from `folder`.
    """
    left_out = []
    for path, error in _all_files(folder):
        if path in taken:
            continue
        parts = path.relative_to(folder).parts
        if error:
            reason = error
        elif any(part.startswith(HIDDEN) for part in parts):
            reason = "hidden"
        elif not is_image(path):
            reason = "not named as an image"
        else:
            reason = reason_of(parts)
        left_out.append(LeftOut(path, reason))
    return left_out


def _all_files(folder: Path) -> Iterator[tuple[Path, str]]:
    """All files below a folder, each with an empty text, then the folders that can't be read, each with the reason.

    Links to folders are followed, each folder once.
    """
    unreadable: list[tuple[Path, str]] = []

    def note(error: OSError) -> None:
        unreadable.append((Path(error.filename), f"a folder that can't be read: {error.strerror}"))

    seen: set[Path] = set()
    for place, folders, names in os.walk(folder, onerror=note, followlinks=True):
        seen.add(Path(place).resolve())
        folders[:] = sorted(name for name in folders if Path(place, name).resolve() not in seen)
        for name in sorted(names):
            yield Path(place, name), ""
    yield from unreadable


def printable(path: Path) -> str:
    """A path as a text that can be printed and stored; bytes that are not UTF-8 are written as numbers (`\\xff`)."""
    return os.fsencode(path).decode(errors="backslashreplace")


def is_utf8(name: str) -> bool:
    """Whether a file's name can be stored as UTF-8, as tables are."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
