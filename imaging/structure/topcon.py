"""The structure of Topcon's `.fda` and `.fds`: named chunks, one after the other (by the description of uocte)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from imaging.errors import ImageTooComplex, TruncatedImage

SIGNATURE = b"FOCT"
HEADER_BYTES = 15
MAX_CHUNKS = 4_096
"""Files have some thirty."""
SIZE = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Chunk:
    """Where a chunk's data stand, and how many bytes the file has of them."""

    at: int
    size_bytes: int
    there_bytes: int


def chunks(content: bytes) -> dict[str, Chunk]:
    """The first chunk of each name. Raises TruncatedImage for a file without any, ImageTooComplex for too many."""
    found: dict[str, Chunk] = {}
    at = HEADER_BYTES
    for _ in range(MAX_CHUNKS):
        if at >= len(content) or not content[at]:
            break
        name = content[at + 1 : at + 1 + content[at]]
        at += 1 + len(name)
        if at + SIZE.size > len(content):
            break
        (size,) = SIZE.unpack_from(content, at)
        at += SIZE.size
        found.setdefault(name.decode("latin-1"), Chunk(at, size, min(size, len(content) - at)))
        at += size
    else:
        raise ImageTooComplex(f"The Topcon file has more than {MAX_CHUNKS:,} chunks.")
    if not found:
        raise TruncatedImage("The Topcon file ends too early.")
    return found
