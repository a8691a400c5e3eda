"""Takes files out of a TorchServe archive (.mar) from elsewhere, whose directory may lie about what it holds.

An archive is a ZIP file (PKWARE's APPNOTE.TXT, sections 4.3.6 to 4.3.16): members, a directory of them, and a record at
the end that says where the directory is. What the record and the directory promise is bounded before anything is
inflated, and what is inflated while it is.
"""

import os
import stat
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from serving.archive import CARD, FINDINGS, STATISTICS, WEIGHTS
from serving.errors import ServingError

MAX_BYTES = {CARD: 2**20, WEIGHTS: 2**31, STATISTICS: 2**26, FINDINGS: 2**24}
"""The weights of the largest networks of timm that a machine here trains are below 1 GiB; statistics take some MiB,
a decoder of findings less than one."""
MAX_INFLATION, ALWAYS_ALLOWED_BYTES = 20, 2**20
"""Weights hardly get smaller by compression; a member that inflates to more than this many times its size is no model.
Small ones, such as a card, may."""
MAX_MEMBERS, MAX_DIRECTORY_BYTES = 10_000, 4 * 2**20
"""Python reads the whole directory into memory; an archive of ours has some 60 members."""
END, END_FORMAT, END_LOOKED_AT = b"PK\x05\x06", "<4s4H2LH", 22 + 2**16
ZIP64_LOCATOR, ZIP64_LOCATOR_BYTES = b"PK\x06\x07", 20
PIECE_BYTES = 2**20
DAMAGED = (BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)
"""What reading a damaged or strange archive raises."""


def unpack(archive: Path, wanted: Mapping[str, Path]) -> None:
    """Write members of an archive to files. Raises ServingError, naming the member, for what is none, or is damaged."""
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
    """Raise ServingError when the archive has no end record, or one that promises more than a model has."""
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
    """The directory's entry of a member. Raises ServingError when it is not one plain file of a size that can be."""
    found = [member for member in opened.infolist() if member.filename == name]
    if len(found) != 1:
        raise ServingError(f"{archive} holds {'no' if not found else 'more than one'} {name}.")
    (member,) = found
    if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG):
        raise ServingError(f"{archive}: its {name} is no plain file.")
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
