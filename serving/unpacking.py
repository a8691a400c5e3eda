"""Extracts files from a TorchServe archive (.mar) of somebody else, whose directory may be wrong on purpose.

An archive is a ZIP file (PKWARE's APPNOTE.TXT, sections 4.3.6 to 4.3.16): members, a directory of them, and a record at
the end that says where the directory is. The sizes in record and directory are checked before anything is inflated,
and the actual size while a member is inflated.
"""

import os
import stat
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from serving.archive import CARD, FINDINGS, INT8, STATISTICS, WEIGHTS
from serving.errors import ServingError

MAX_BYTES = {CARD: 2**20, WEIGHTS: 2**31, STATISTICS: 2**26, FINDINGS: 2**24, INT8: 2**24}
"""The largest networks of timm that are trained here have weights below 1 GiB. Statistics take some MiB, a decoder of
findings less than one, and so do the ranges of int8."""
MAX_INFLATION, ALWAYS_ALLOWED_BYTES = 20, 2**20
"""Weights hardly shrink by compression, so a member that inflates to more than so many times its size is refused,
unless it is as small as a card."""
MAX_MEMBERS, MAX_DIRECTORY_BYTES = 10_000, 4 * 2**20
"""Python reads the whole directory into memory. Our own archives have some 80 members."""
END, END_FORMAT, END_LOOKED_AT = b"PK\x05\x06", "<4s4H2LH", 22 + 2**16
ZIP64_LOCATOR, ZIP64_LOCATOR_BYTES = b"PK\x06\x07", 20
PIECE_BYTES = 2**20
DAMAGED = (BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)
"""What Python raises for a damaged or unusual archive."""


def unpack(archive: Path, wanted: Mapping[str, Path]) -> None:
    """Write members of an archive to files. Raises ServingError for one that is missing, damaged or not acceptable."""
    if not archive.is_file():
        raise ServingError(f"There is no {archive}.")
    _check_end(archive)
    try:
        with ZipFile(archive) as opened:
            members = {name: _member(archive, opened, name) for name in wanted}
            for name, target in wanted.items():
                _inflate(archive, opened, members[name], target)
    except DAMAGED as error:
        raise ServingError(f"{archive} is damaged: its directory can't be read ({error}).") from error


def _check_end(archive: Path) -> None:
    """Raise ServingError if the archive has no end record, or one with more or larger files than a model has."""
    with archive.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - END_LOOKED_AT - ZIP64_LOCATOR_BYTES))
        end = file.read()
    at = end.rfind(END)
    if at < 0 or len(end) - at < struct.calcsize(END_FORMAT):
        raise ServingError(f"{archive} is no TorchServe archive (.mar), nor a folder with a model.")
    _, _, _, _, members, directory_bytes, _, _ = struct.unpack_from(END_FORMAT, end, at)
    many = members > MAX_MEMBERS or directory_bytes > MAX_DIRECTORY_BYTES
    if many or end[max(0, at - ZIP64_LOCATOR_BYTES) : at].startswith(ZIP64_LOCATOR):
        raise ServingError(f"{archive} holds more files, or larger ones, than a model has.")


def _member(archive: Path, opened: ZipFile, name: str) -> ZipInfo:
    """The directory's entry of a member. Raises ServingError if it is not a single plain file of a plausible size."""
    entries = [member for member in opened.infolist() if member.filename == name]
    if len(entries) != 1:
        raise ServingError(f"{archive} holds {'no' if not entries else 'more than one'} {name}.")
    (member,) = entries
    if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG):
        raise ServingError(f"{archive}: its {name} is not a regular file.")
    if member.flag_bits & 1 or member.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise ServingError(
            f"{archive}: its {name} is encrypted, or compressed in a way that is not read here."
        )
    inflated = max(ALWAYS_ALLOWED_BYTES, MAX_INFLATION * member.compress_size)
    if member.file_size > min(MAX_BYTES[name], inflated):
        raise ServingError(
            f"{archive}: its {name} would inflate from {member.compress_size:,} to {member.file_size:,} bytes, which no "
            "model does."
        )
    return member


def _inflate(archive: Path, opened: ZipFile, member: ZipInfo, target: Path) -> None:
    left = member.file_size
    try:
        with opened.open(member) as content, target.open("wb") as file:
            while piece := content.read(PIECE_BYTES):
                left -= len(piece)
                if left < 0:
                    raise BadZipFile("it is larger than the directory says")
                file.write(piece)
    except DAMAGED as error:
        raise ServingError(f"{archive} is damaged: its {member.filename} can't be read ({error}).") from error
