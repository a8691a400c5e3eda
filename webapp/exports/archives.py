"""Exports as ZIP files: tables and documents of the scans, with their pictures beside them."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from typing import IO

from webapp.exports import formats
from webapp.exports.burnt_in import LeftOut, sorted_out
from webapp.exports.records import Record
from webapp.scans import storage


def archive(export_format: str, records: Sequence[Record], with_text: bool = False) -> IO[bytes]:
    """A ZIP file of the scans, open at its beginning. It lies on the disk and is gone when it is closed.

    `export_format` is one of `views.FORMATS` but "csv". Pictures that may hold text are left out, with all that is said of
    them beside the table, and listed, unless `with_text` says that they are wanted.
    """
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(tempfile.TemporaryFile())
        # PNG does not get any smaller.
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as written:
            _add(written, "README.txt", f"{formats.notice(with_text)}\n".encode())
            _add(written, "scans.csv", formats.table(records).encode())
            with_picture = [record for record in records if storage.exists(record.scan.image_name)]
            if export_format == "folders":
                with_picture = [record for record in with_picture if record.verified_label]
            left_out: list[LeftOut] = []
            if not with_text:
                with_picture, left_out = sorted_out(with_picture)
                _add(written, LEFT_OUT, formats.left_out(left_out).encode())
            if export_format == "folders":
                _add_folders(written, with_picture)
                with_picture = []
            elif export_format in DOCUMENTS:
                name, write = DOCUMENTS[export_format]
                without = {one.record.name for one in left_out}
                described = [record for record in records if record.name not in without]
                _add(written, name, write(described).encode())
            for record in with_picture:
                _copy(written, f"images/{record.file_name}", record.scan.image_name)
        file.seek(0)
        stack.pop_all()  # whoever reads the file closes it
    return file


def _add_folders(written: zipfile.ZipFile, records: Sequence[Record]) -> None:
    """A folder per label with a manifest, in a folder per modality where there are several."""
    for folder, of_modality in formats.by_modality(records).items():
        _add(written, f"{folder}{MANIFEST}", formats.manifest(of_modality).encode())
        for record in of_modality:
            _copy(written, f"{folder}{formats.folder_path(record)}", record.scan.image_name)


def _add(written: zipfile.ZipFile, name: str, content: bytes) -> None:
    # Without a time: that of the picture's file would tell when it was uploaded.
    written.writestr(zipfile.ZipInfo(name), content)


def _copy(written: zipfile.ZipFile, name: str, picture: str) -> None:
    """Copy in pieces: all pictures together, or one alone, may be larger than the memory for them."""
    entry = zipfile.ZipInfo(name)
    _, entry.file_size = storage.beginning(picture, 1)
    with storage.open_file(picture) as source, written.open(entry, "w") as target:
        shutil.copyfileobj(source, target)


MANIFEST, LEFT_OUT = "manifest.csv", "left-out.csv"
DOCUMENTS: dict[str, tuple[str, Callable[[Sequence[Record]], str]]] = {
    "coco": ("annotations.json", formats.coco),
    "w3c": ("annotations.jsonld", formats.annotation_page),
}
