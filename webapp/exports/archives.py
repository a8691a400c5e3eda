"""Exports as files: what to write of the scans, and which pictures lie beside it."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from webapp.exports import formats
from webapp.exports.records import Record
from webapp.scans import storage


def archive(export_format: str, records: Sequence[Record]) -> IO[bytes]:
    """A ZIP file of the scans, at its beginning; on the disk, and gone when it is closed."""
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(tempfile.TemporaryFile())
        # Pictures don't get any smaller.
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as written:
            _add(written, "README.txt", f"{formats.NOTICE}\n".encode())
            _add(written, "scans.csv", formats.table(records).encode())
            with_picture = [record for record in records if storage.exists(record.scan.image_name)]
            if export_format == "folders":
                with_picture = [record for record in with_picture if record.verified_label]
                _add(written, MANIFEST, formats.manifest(with_picture).encode())
            elif export_format in DOCUMENTS:
                name, write = DOCUMENTS[export_format]
                _add(written, name, write(records).encode())
            for record in with_picture:
                name = (
                    formats.folder_path(record)
                    if export_format == "folders"
                    else f"images/{record.file_name}"
                )
                _copy(written, name, storage.path_of(record.scan.image_name))
        file.seek(0)
        stack.pop_all()  # nothing went wrong: whoever reads it closes it
    return file


def _add(written: zipfile.ZipFile, name: str, content: bytes) -> None:
    # Not with the file's own time, which is that of the upload.
    written.writestr(zipfile.ZipInfo(name), content)


def _copy(written: zipfile.ZipFile, name: str, picture: Path) -> None:
    """Piece by piece: a picture may be larger than the memory that there is for it."""
    entry = zipfile.ZipInfo(name)
    entry.file_size = picture.stat().st_size
    with picture.open("rb") as source, written.open(entry, "w") as target:
        shutil.copyfileobj(source, target)


MANIFEST = "manifest.csv"
DOCUMENTS: dict[str, tuple[str, Callable[[Sequence[Record]], str]]] = {
    "coco": ("annotations.json", formats.coco),
    "w3c": ("annotations.jsonld", formats.annotation_page),
}
