"""What a file format is, and what is known of a file before its pixels are decoded; the readers build on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from imaging import apart
from imaging.pixels import Deep, Ends, Picture, Rgb
from imaging.refusing import refusing_what_fails
from imaging.volume import ExaminedVolume


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
    _read: Callable[..., Rgb] = field(repr=False)
    """Makes the pixels; given `ends`, those that this picture is to be shown alike with."""
    _content: bytes = field(repr=False)
    dicom_header: Any = field(default=None, repr=False)
    """The elements of a DICOM file as `dicom.header` has read them; None for other files."""
    _ends: Callable[[], Ends | None] = field(default=lambda: None, repr=False)
    _deep: Callable[[Ends | None], Deep | None] = field(default=lambda ends: None, repr=False)

    def decode(self) -> Picture:
        """The picture; to be called once.

        Raises ImageError as `decoding.decode` does, and Busy when a process of its own was not done in time.
        """
        if not self.is_apart:
            return self.decode_here()
        return Picture(apart.decode_apart(self._content, self.media_type, self.memory_bytes), self.media_type)

    def decode_here(self, ends: Ends | None = None) -> Picture:
        """The picture, decoded in this process whatever its kind; by the same black and white as others with those `ends`."""
        with refusing_what_fails("pixels"):
            return Picture(self._read() if ends is None else self._read(ends=ends), self.media_type)

    def ends_here(self) -> Ends | None:
        """The least and the greatest value of deep grey, None for a picture of which every value says how it looks.

        Nothing else of the same `Examined` may be called afterwards. Raises as `decode_here`.
        """
        with refusing_what_fails("pixels"):
            return self._ends()

    def deep_here(self, ends: Ends | None = None) -> Deep | None:
        """Grey as it is stored; None for colour, and for pictures that have more than values. As `ends_here`."""
        with refusing_what_fails("pixels"):
            return self._deep(ends)


@dataclass(frozen=True)
class VolumeReader:
    """How a format's volumes are read, beside its pictures."""

    is_volume: Callable[[bytes], bool]
    """Whether a file of the format is a volume, by its headers. Raises ImageError for one that can't be read."""
    examine: Callable[[bytes, Format], ExaminedVolume]
    """Looks at a volume and tells what decoding it takes. Raises ImageError for what must not be decoded."""
    kinds: str = ""
    """For the documentation: which kinds of volumes are read."""
    limits: str = ""
    """For the documentation: how much of what a volume may hold."""


@dataclass(frozen=True)
class Format:
    """The one record of a file format: messages, descriptions, the page and the documentation follow from it."""

    name: str
    """As people write it, such as "WebP"."""
    media_type: str
    endings: tuple[str, ...]
    """Of file names, in small letters, with the dot."""
    reader: Callable[[bytes, Format], Examined] | None
    """Looks at a file of this format and tells what decoding it takes. Raises ImageError for what must not be decoded.
    None for a format that holds volumes alone."""
    volumes: VolumeReader | None = None
    """Looks at a file of several B-scans; None for a format of pictures alone."""
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
        assert self.reader is not None
        return self.reader(content, self)

    def has_signature(self, content: bytes) -> bool:
        """Whether a file has one of the format's signatures."""
        return any(content.startswith(signature, at) for at, signature in self.signatures)
