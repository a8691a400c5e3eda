"""Reads ZIP files of B-scans: pictures in the natural order of their names, a DICOM series, or one volume and its en-face image.

Several files that are sent together are read as the ZIP that `packed` makes of them.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import replace

from imaging import bundle
from imaging.errors import UnsupportedImage
from imaging.given import NOTHING, Given
from imaging.reading import Format
from imaging.structure import zip as structure
from imaging.volume import ExaminedVolume

LEFT_BY_SYSTEMS = ("__MACOSX", "Thumbs.db", "desktop.ini")
"""Names of folders and files that operating systems put into a ZIP by themselves."""
MOMENT = (1980, 1, 1, 0, 0, 0)


def is_volume(content: bytes) -> bool:
    """A ZIP is no picture, so it can only be a volume."""
    return True


def examine(content: bytes, known: Format) -> ExaminedVolume:
    """Look at a ZIP file. Raises as `examine_given`."""
    return examine_given(content, known, NOTHING)


def examine_given(content: bytes, known: Format, given: Given) -> ExaminedVolume:
    """Look at a ZIP file; what was given is said of the volume in it. Raises as `structure.zip.opened` and `bundle.examined` do."""
    opened = structure.opened(content)
    parts = [
        bundle.Part(file.folder, file.name, file.size_bytes, lambda file=file: opened.unpacked(file))  # type: ignore[misc]
        for file in opened.files
        if not _is_left_over(file)
    ]
    found = bundle.examined(parts, given)
    return replace(found, memory_bytes=found.memory_bytes + len(content))


def packed(files: Sequence[tuple[str, bytes]]) -> bytes:
    """The ZIP of these files, each with its name, of which the last part counts: the same for the same files in any order.

    Raises UnsupportedImage for no files.
    """
    if not files:
        raise UnsupportedImage("No files were sent.")
    out = io.BytesIO()
    taken: set[str] = set()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as made:
        for name, content in sorted((_last_part(name), content) for name, content in files):
            while name in taken:
                name = f"_{name}"
            taken.add(name)
            made.writestr(zipfile.ZipInfo(name, MOMENT), content)
    return out.getvalue()


def _last_part(path: str) -> str:
    name = path.replace("\\", "/").rpartition("/")[2]
    return (
        "".join(letter for letter in name if letter.isprintable())[: structure.MAX_NAME_BYTES // 4] or "file"
    )


def _is_left_over(file: structure.Packed) -> bool:
    names = (*file.folder.split("/"), file.name)
    return file.name.startswith(".") or any(name in LEFT_BY_SYSTEMS for name in names)
