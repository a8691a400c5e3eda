"""The records that readers build on: a file format, and a file that has been examined but not yet decoded."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from traceback import extract_tb
from typing import Any

from imaging import isolated
from imaging.errors import ImageError
from imaging.pixels import Picture, Rgb

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Examined:
    """A file that can probably be decoded, and what that takes: at most `memory_bytes`, its own bytes included.

    Width and height are in pixels as the file stores them, before its orientation is applied.
    """

    media_type: str
    width: int
    height: int
    memory_bytes: int
    is_isolated: bool
    """Whether it is decoded in a process of its own, because nothing in its header tells how much work that is."""
    _read: Callable[[], Rgb] = field(repr=False)
    _content: bytes = field(repr=False)
    dicom_header: Any = field(default=None, repr=False)
    """The elements of a DICOM file as `dicom.header` reads them; None for other files."""

    def decode(self) -> Picture:
        """Decode the picture; to be called once.

        Raises ImageError as `decoding.decode` does, and Busy when a process of its own does not finish in time.
        """
        if not self.is_isolated:
            return self.decode_here()
        return Picture(
            isolated.decode_isolated(self._content, self.media_type, self.memory_bytes), self.media_type
        )

    def decode_here(self) -> Picture:
        """Decode the picture in this process, whatever `is_isolated` says."""
        with refusing_unreadable("pixels"):
            return Picture(self._read(), self.media_type)


@dataclass(frozen=True)
class Format:
    """All that is known of a file format. Messages, the API's description, the page and the docs follow from it."""

    name: str
    """As people write it: "WebP"."""
    media_type: str
    endings: tuple[str, ...]
    """Endings of file names, in lower case, with the dot."""
    reader: Callable[[bytes, Format], Examined]
    """Examines a file and says what decoding it takes. Raises ImageError for a file that must not be decoded."""
    signatures: tuple[tuple[int, bytes], ...] = ()
    """Offsets with the bytes that stand there; a file needs one of them."""
    resembles: Callable[[bytes], bool] = lambda content: False
    """Whether a file without any signature is of this format nevertheless."""
    is_complete: Callable[[bytes], bool] = lambda content: True
    """Whether the end of a file is there. It tells truncated from damaged files where the decoder doesn't."""
    can_be_declared: bool = False
    """Whether a file that its bytes don't identify is read as this format when its sender declares it."""
    limits: str = ""
    """For the docs: the limits of such a file beside its pixels."""
    kinds: str = ""
    """For the docs: which variants of the format are read or refused."""

    def examine(self, content: bytes) -> Examined:
        """Examine a file of this format without decoding it. Raises ImageError."""
        return self.reader(content, self)

    def has_signature(self, content: bytes) -> bool:
        """Whether a file has one of the format's signatures."""
        return any(content.startswith(signature, at) for at, signature in self.signatures)


@contextmanager
def refusing_unreadable(part: str) -> Iterator[None]:
    """Turn any unexpected error of reading that part of a file into an ImageError."""
    try:
        yield
    except (ImageError, MemoryError):
        raise
    except Exception as error:
        # The error's own text is left out of the log, as it may quote patient data.
        where = extract_tb(error.__traceback__)[-1]
        log.error("A file's %s: %s, %s line %s", part, type(error).__name__, where.filename, where.lineno)
        raise ImageError(f"The file's {part} can't be read. Save it as PNG and send that.") from error
