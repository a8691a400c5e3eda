"""Exports as ZIP files: tables and documents of the scans, with their pictures beside them."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import zipfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO

from webapp.exports import formats
from webapp.exports.burnt_in import LeftOut, sorted_out
from webapp.exports.records import Record
from webapp.scans import storage

FETCHED_AHEAD = 8
"""Pictures that S3 is asked for while one is written: a reverse proxy waits a minute for an export to begin."""


def archive(export_format: str, records: Sequence[Record], with_text: bool = False) -> IO[bytes]:
    """A ZIP file of the scans, open at its beginning. It lies on the disk and is gone when it is closed.

    `export_format` is one of `views.FORMATS` but "csv". Pictures that may hold text are left out, with all that is said of
    them beside the table, and listed, unless `with_text` says that they are wanted. Raises StorageAway.
    """
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(tempfile.TemporaryFile())
        # PNG does not get any smaller.
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as written:
            _add(written, "README.txt", f"{formats.notice(with_text)}\n".encode())
            _add(written, "scans.csv", formats.table(records).encode())
            with_picture = list(records)
            if export_format == "folders":
                with_picture = [record for record in records if record.verified_label]
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
            _copy(written, [(f"images/{record.file_name}", record) for record in with_picture])
        file.seek(0)
        stack.pop_all()  # whoever reads the file closes it
    return file


def _add_folders(written: zipfile.ZipFile, records: Sequence[Record]) -> None:
    """A folder per label with a manifest, in a folder per modality where there are several."""
    for folder, of_modality in formats.by_modality(records).items():
        named = [(f"{folder}{formats.folder_path(record)}", record) for record in of_modality]
        copied = _copy(written, named)
        _add(written, f"{folder}{MANIFEST}", formats.manifest(copied).encode())


def _add(written: zipfile.ZipFile, name: str, content: bytes) -> None:
    # Without a time: that of the picture's file would tell when it was uploaded.
    written.writestr(zipfile.ZipInfo(name), content)


def _copy(written: zipfile.ZipFile, named: Sequence[tuple[str, Record]]) -> list[Record]:
    """Copy the pictures of records under these names, but for those that are gone; returns the records of the others.

    In pieces: all pictures together, or one alone, may be larger than the memory for them.
    """
    copied = []
    opened = _opened([record.scan.image_name for _, record in named])
    for (name, record), picture in zip(named, opened, strict=True):
        if picture is None:
            continue
        entry = zipfile.ZipInfo(name)
        with picture:
            picture.seek(0, os.SEEK_END)
            entry.file_size = picture.tell()
            picture.seek(0)
            with written.open(entry, "w") as target:
                shutil.copyfileobj(picture, target)
        copied.append(record)
    return copied


def _opened(names: Iterable[str]) -> Iterator[IO[bytes] | None]:
    """These stored pictures in their order, None for one that is gone. The next ones are fetched meanwhile."""
    with ThreadPoolExecutor(FETCHED_AHEAD) as pool:
        coming: deque[Future[IO[bytes] | None]] = deque()
        for name in names:
            coming.append(pool.submit(_open, name))
            if len(coming) > FETCHED_AHEAD:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()


def _open(name: str) -> IO[bytes] | None:
    try:
        return storage.open_file(name)
    except FileNotFoundError:
        return None


MANIFEST, LEFT_OUT = "manifest.csv", "left-out.csv"
DOCUMENTS: dict[str, tuple[str, Callable[[Sequence[Record]], str]]] = {
    "coco": ("annotations.json", formats.coco),
    "w3c": ("annotations.jsonld", formats.annotation_page),
}
