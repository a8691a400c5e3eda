"""What a file format is, and what is known of a file before its pixels are decoded; the readers build on it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from traceback import extract_tb
from typing import Any

from imaging import apart
from imaging.errors import ImageError
from imaging.pixels import Picture, Rgb

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Examined:
    """A file that can probably be decoded, and what that takes: `memory_bytes` at most, its own bytes included.

    Width and height are those of the file, before it is turned upright.
    """

    media_type: str
    width: int
    height: int
    memory_bytes: int
    is_apart: bool
    """Whether it is decoded in a process of its own, because nothing in the file tells how much work it is."""
    _read: Callable[[], Rgb] = field(repr=False)
    _content: bytes = field(repr=False)
    dicom_header: Any = field(default=None, repr=False)
    """The elements of a DICOM file as `dicom.header` has read them; None for other files."""

    def decode(self) -> Picture:
        """The picture; to be called once.

        Raises ImageError as `decoding.decode` does, and Busy when a process of its own was not done in time.
        """
        if not self.is_apart:
            return self.decode_here()
        return Picture(apart.decode_apart(self._content, self.media_type, self.memory_bytes), self.media_type)

    def decode_here(self) -> Picture:
        """The picture, decoded in this process whatever its kind."""
        with refusing_what_fails("pixels"):
            return Picture(self._read(), self.media_type)


@dataclass(frozen=True)
class Format:
    """The one record of a file format: messages, descriptions, the page and the documentation follow from it."""

    name: str
    """As people write it, such as "WebP"."""
    media_type: str
    endings: tuple[str, ...]
    """Of file names, in small letters, with the dot."""
    reader: Callable[[bytes, Format], Examined]
    """Looks at a file of this format and tells what decoding it takes. Raises ImageError for what must not be decoded."""
    signatures: tuple[tuple[int, bytes], ...] = ()
    """Places in a file with the bytes that stand there; one of them is enough."""
    resembles: Callable[[bytes], bool] = lambda content: False
    """Whether a file that has nobody's signature is of this format nevertheless."""
    is_complete: Callable[[bytes], bool] = lambda content: True
    """Whether a file reaches its own end. It tells a truncated file from a damaged one where a decoder says neither."""
    can_be_declared: bool = False
    """Whether a file that nothing in its bytes gives away is read as this format when its sender says so."""
    limits: str = ""
    """For the documentation: how much of what a file may hold."""
    kinds: str = ""
    """For the documentation: which kinds of files are read, or are not."""

    def examine(self, content: bytes) -> Examined:
        """Look at a file of this format without decoding it. Raises ImageError."""
        return self.reader(content, self)

    def has_signature(self, content: bytes) -> bool:
        """Whether a file has one of the format's signatures."""
        return any(content.startswith(signature, at) for at, signature in self.signatures)


@contextmanager
def refusing_what_fails(part: str) -> Iterator[None]:
    """Make an ImageError of whatever goes wrong with a part of a file in a way that nobody has thought of."""
    try:
        yield
    except (ImageError, MemoryError):
        raise
    except Exception as error:
        # Not the error's text, which may quote what is a patient's.
        where = extract_tb(error.__traceback__)[-1]
        log.error("A file's %s: %s, %s line %s", part, type(error).__name__, where.filename, where.lineno)
        raise ImageError(f"The file's {part} can't be read. Save it as PNG and send that.") from error
