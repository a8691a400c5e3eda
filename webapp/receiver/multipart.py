"""The parts of a multipart body (RFC 2046), as they come: nothing but a piece of one is ever in memory."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import Message
from typing import Protocol

PIECE_BYTES = 2**16
MOST_HEADER_BYTES = 8 * 2**10
MOST_PARTS = 4096
MOST_BOUNDARY_LETTERS = 200
"""The standard has 70; Orthanc sends 73."""


class BadMultipart(ValueError):
    """A body that is no such multipart body; the message says why."""


class Stream(Protocol):
    """Where a body comes from."""

    def read(self, size: int, /) -> bytes:
        """Up to so many bytes; none at the end."""


def type_and_parameters(content_type: str) -> tuple[str, dict[str, str]]:
    """A media type in lower case, and its parameters."""
    message = Message()
    message["Content-Type"] = content_type.replace("\r", " ").replace("\n", " ")
    found = message.get_params(failobj=[])
    return message.get_content_type(), {name.lower(): str(value) for name, value in found[1:]}


class Part:
    """A part: its type, and then its content, which is to be read to its end before the next part."""

    def __init__(self, media_type: str, body: _Body) -> None:
        self.media_type = media_type
        self._body = body

    def pieces(self) -> Iterator[bytes]:
        """The content. Raises BadMultipart where the body ends within it."""
        return self._body.until_boundary()


def parts(stream: Stream, boundary: str) -> Iterator[Part]:
    """The parts of a body, in their order; what of one was not read is skipped. Raises BadMultipart."""
    if not 0 < len(boundary) <= MOST_BOUNDARY_LETTERS or not boundary.isascii():
        raise BadMultipart("The Content-Type names no boundary between the parts.")
    body = _Body(stream, b"\r\n--" + boundary.encode())
    for _ in body.until_boundary():  # what stands before the first part counts for nothing
        pass
    for _ in range(MOST_PARTS):
        if not body.is_followed_by_part():
            return
        part = Part(body.media_type(), body)
        yield part
        for _ in part.pieces():
            pass
    if body.is_followed_by_part():
        raise BadMultipart(f"There are more than {MOST_PARTS:,} parts. Send them in several requests.")


class _Body:
    def __init__(self, stream: Stream, delimiter: bytes) -> None:
        self._stream = stream
        self._delimiter = delimiter
        self._ahead = b""
        self._at_boundary = False
        self._is_line_begun = True
        """Whether a boundary may follow at once: at the beginning, and after headers, whose line end is its own."""

    def until_boundary(self) -> Iterator[bytes]:
        """All bytes up to the next boundary, which is consumed; nothing where it was reached before."""
        if self._is_line_begun:
            self._is_line_begun = False
            at_once = self._delimiter[2:]
            while len(self._ahead) < len(at_once):
                self._more("The body ends before the boundary that ends its parts.")
            if self._ahead.startswith(at_once):
                self._ahead = self._ahead[len(at_once) :]
                self._at_boundary = True
        while not self._at_boundary:
            at = self._ahead.find(self._delimiter)
            if at >= 0:
                found, self._ahead = self._ahead[:at], self._ahead[at + len(self._delimiter) :]
                self._at_boundary = True
                if found:
                    yield found
                return
            # What may be the beginning of a boundary stays.
            kept = len(self._delimiter) - 1
            if len(self._ahead) > kept:
                found, self._ahead = self._ahead[:-kept], self._ahead[-kept:]
                yield found
            self._more("The body ends before the boundary that ends its parts.")

    def is_followed_by_part(self) -> bool:
        """Whether a part begins at the boundary, and not the end."""
        self._at_boundary = False
        while b"\n" not in self._ahead:
            if self._ahead.startswith(b"--"):
                return False
            if len(self._ahead) > MOST_HEADER_BYTES:
                raise BadMultipart("A boundary does not end its line.")
            self._more("The body ends before the boundary that ends its parts.")
        line, _, self._ahead = self._ahead.partition(b"\n")
        if line.startswith(b"--"):
            return False
        if line.strip(b" \t\r"):
            raise BadMultipart("A boundary does not end its line.")
        return True

    def media_type(self) -> str:
        """The type of the part whose headers come next."""
        self._ahead = b"\n" + self._ahead  # a part may have no header at all
        while (ends := _end_of_headers(self._ahead)) is None:
            if len(self._ahead) > MOST_HEADER_BYTES:
                raise BadMultipart("The headers of a part are too long.")
            self._more("The body ends within the headers of a part.")
        head, self._ahead = self._ahead[: ends[0]], self._ahead[ends[1] :]
        self._is_line_begun = True
        for line in head.decode("latin-1").splitlines():
            name, _, value = line.partition(":")
            if name.strip().lower() == "content-type":
                return type_and_parameters(value.strip())[0]
        return "text/plain"

    def _more(self, otherwise: str) -> None:
        piece = self._stream.read(PIECE_BYTES)
        if not piece:
            raise BadMultipart(otherwise)
        self._ahead += piece


def _end_of_headers(ahead: bytes) -> tuple[int, int] | None:
    """Where the headers end and the content begins."""
    for blank in (b"\n\r\n", b"\n\n"):
        at = ahead.find(blank)
        if at >= 0:
            return at, at + len(blank)
    return None
