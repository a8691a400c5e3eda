"""What lies in a folder of scans: splits, labels, images, and every file that is none of them, with the reason."""

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
"""How publishers name the folders of their splits, in small letters."""
HIDDEN = (".", "__")
"""How names begin that systems and archives leave behind."""


@dataclass(frozen=True)
class LeftOut:
    """A file that is not taken, and why; `like` is the file that it repeats."""

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
    """The folders in a folder, sorted; none where it isn't there. Hidden ones and macOS's are left out."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(HIDDEN))


def image_files(folder: Path) -> list[Path]:
    """The files in a folder that are named as images, sorted, without hidden ones."""
    return sorted(path for path in folder.iterdir() if is_image(path) and not path.name.startswith(HIDDEN))


def is_image(path: Path) -> bool:
    """Whether a file is named as an image."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def not_taken(folder: Path, taken: Collection[Path], why: Callable[[tuple[str, ...]], str]) -> list[LeftOut]:
    """Every file below `folder` that is not among `taken`, sorted, with the reason.

    `why` gives it for a visible file that is named as an image, by its path from `folder`.
    """
    left_out = []
    for path, trouble in _all_files(folder):
        if path in taken:
            continue
        parts = path.relative_to(folder).parts
        if trouble:
            reason = trouble
        elif any(part.startswith(HIDDEN) for part in parts):
            reason = "hidden"
        elif not is_image(path):
            reason = "not named as an image"
        else:
            reason = why(parts)
        left_out.append(LeftOut(path, reason))
    return left_out


def _all_files(folder: Path) -> Iterator[tuple[Path, str]]:
    """All files below a folder, and folders that can't be looked into with what keeps from it.

    Links to folders are followed, each folder once.
    """
    troubles: list[tuple[Path, str]] = []

    def note(error: OSError) -> None:
        troubles.append((Path(error.filename), f"a folder that can't be read: {error.strerror}"))

    seen: set[Path] = set()
    for place, folders, names in os.walk(folder, onerror=note, followlinks=True):
        seen.add(Path(place).resolve())
        folders[:] = sorted(name for name in folders if Path(place, name).resolve() not in seen)
        for name in sorted(names):
            yield Path(place, name), ""
    yield from troubles


def written(path: Path) -> str:
    """A path as a text that can be written anywhere; bytes that are no UTF-8 stand in it by their numbers."""
    return os.fsencode(path).decode(errors="backslashreplace")


def is_utf8(name: str) -> bool:
    """Whether a file's name can be written into a table."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
