"""The structure of a ZIP: its directory, looked at before anything is unpacked (PKWARE, APPNOTE.TXT 6.3.10).

Only what keeps a file's bytes plain or deflated, in one piece, is read. No name is ever used as a path.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from imaging.errors import ImageError, ImageTooComplex, TruncatedImage, UnsupportedImage

SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06")
"""Of a file's beginning: that of the first file in it, or of the end of an empty one."""
MAX_FILES = 4_096
"""Folders, and what operating systems leave in them, included."""
MAX_FILE_BYTES = 2**28
"""Of one file, unpacked."""
MAX_RATIO = 32
"""How many times the ZIP all files may be together: pictures hardly deflate, and uncompressed black ones are few."""
SPARE_BYTES = 2**20
MAX_NAME_BYTES = 1_024
STORED, DEFLATED = 0, 8
ENCRYPTED = 1
UTF_8 = 2**11
END, ENTRY, LOCAL = b"PK\x05\x06", b"PK\x01\x02", b"PK\x03\x04"
END_BYTES, ENTRY_BYTES, LOCAL_BYTES = 22, 46, 30
MAX_COMMENT_BYTES = 2**16


@dataclass(frozen=True)
class Packed:
    """A file in a ZIP: its name's last part, and what has to be known to unpack it."""

    name: str
    folder: str
    method: int
    packed_bytes: int
    size_bytes: int
    crc: int
    at: int
    is_encrypted: bool


@dataclass(frozen=True)
class Zip:
    """A ZIP whose directory has been read."""

    content: bytes
    files: tuple[Packed, ...]

    def unpacked(self, file: Packed) -> bytes:
        """A file's bytes. Raises TruncatedImage, UnsupportedImage, or ImageError for one that is not as it says."""
        if file.is_encrypted or file.method not in (STORED, DEFLATED):
            raise UnsupportedImage(
                f"{file.name} in the ZIP file is encrypted, or packed in a way that is not read."
            )
        content = self.content
        if content[file.at : file.at + 4] != LOCAL:
            raise ImageError("The ZIP file is damaged.")
        name_bytes, extra_bytes = struct.unpack_from("<HH", content, file.at + 26)
        begins = file.at + LOCAL_BYTES + name_bytes + extra_bytes
        packed = memoryview(content)[begins : begins + file.packed_bytes]
        if len(packed) < file.packed_bytes:
            raise TruncatedImage("The ZIP file ends too early.")
        found = bytes(packed)
        if file.method == DEFLATED:
            inflater = zlib.decompressobj(-zlib.MAX_WBITS)
            try:
                found = inflater.decompress(packed, file.size_bytes + 1)
            except zlib.error as error:
                raise ImageError(f"{file.name} in the ZIP file is damaged.") from error
        if len(found) != file.size_bytes or zlib.crc32(found) != file.crc:
            raise ImageError(f"{file.name} in the ZIP file is damaged.")
        return found


def opened(content: bytes) -> Zip:
    """Read a ZIP's directory, nothing of its files.

    Raises ImageTooComplex for too many files, or more bytes than are unpacked; TruncatedImage, ImageError.
    """
    end = content.rfind(END, max(0, len(content) - MAX_COMMENT_BYTES - END_BYTES))
    if end < 0 or end + END_BYTES > len(content):
        raise TruncatedImage("The ZIP file ends too early.")
    count, directory_bytes, at = struct.unpack_from("<HII", content, end + 10)
    if count > MAX_FILES or count == 0xFFFF:
        raise ImageTooComplex(f"The ZIP file holds more than {MAX_FILES:,} files. Send the B-scans alone.")
    # What somebody has put before the ZIP moves all of it.
    moved = end - directory_bytes - at
    files = []
    at = end - directory_bytes
    try:
        for _ in range(count):
            if content[at : at + 4] != ENTRY:
                raise ImageError("The ZIP file is damaged.")
            flags, method = struct.unpack_from("<HH", content, at + 8)
            crc, packed_bytes, size_bytes, name_bytes, extra_bytes, comment_bytes = struct.unpack_from(
                "<IIIHHH", content, at + 16
            )
            (local,) = struct.unpack_from("<I", content, at + 42)
            written = content[at + ENTRY_BYTES : at + ENTRY_BYTES + min(name_bytes, MAX_NAME_BYTES)]
            path = written.decode("utf-8" if flags & UTF_8 else "cp437", "replace").replace("\\", "/")
            folder, _, name = path.rpartition("/")
            if name:
                files.append(
                    Packed(
                        name,
                        folder,
                        method,
                        packed_bytes,
                        size_bytes,
                        crc,
                        local + moved,
                        bool(flags & ENCRYPTED),
                    )
                )
            at += ENTRY_BYTES + name_bytes + extra_bytes + comment_bytes
    except struct.error as error:
        raise TruncatedImage("The ZIP file ends too early.") from error
    _check_bytes(files, len(content))
    return Zip(content, tuple(files))


def _check_bytes(files: list[Packed], zip_bytes: int) -> None:
    if any(file.at < 0 for file in files):
        raise ImageError("The ZIP file is damaged.")
    if max((file.size_bytes for file in files), default=0) > MAX_FILE_BYTES:
        raise ImageTooComplex(f"The ZIP file holds a file of more than {MAX_FILE_BYTES // 2**20} MiB.")
    # Files that lie over each other are unpacked as often as they are listed.
    if sum(file.packed_bytes for file in files) > zip_bytes:
        raise ImageTooComplex("The ZIP file's files lie over each other.")
    if sum(file.size_bytes for file in files) > MAX_RATIO * zip_bytes + SPARE_BYTES:
        raise ImageTooComplex(
            "The ZIP file's files are too large once unpacked. Send them in a format that compresses."
        )
