"""The records that readers build on: a file format, and a file that has been examined but not yet decoded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from imaging import isolated
from imaging.given import Given
from imaging.pixels import Deep, Ends, Picture, Rgb
from imaging.refusing import refusing_unreadable
from imaging.volume import ExaminedVolume


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
    _read: Callable[..., Rgb] = field(repr=False)
    """Makes the pixels; given `ends`, those that this picture is to be shown alike with."""
    _content: bytes = field(repr=False)
    dicom_header: Any = field(default=None, repr=False)
    """The elements of a DICOM file as `dicom.header` reads them; None for other files."""
    _ends: Callable[[], Ends | None] = field(default=lambda: None, repr=False)
    _deep: Callable[[Ends | None], Deep | None] = field(default=lambda ends: None, repr=False)

    def decode(self) -> Picture:
        """Decode the picture; to be called once.

        Raises ImageError as `decoding.decode` does, Busy when a process of its own does not finish in time or can't be
        started, and OSError when the disk is full.
        """
        if not self.is_isolated:
            return self.decode_here()
        return Picture(
            isolated.decode_isolated(self._content, self.media_type, self.memory_bytes), self.media_type
        )

    def decode_here(self, ends: Ends | None = None) -> Picture:
        """Decode the picture in this process, whatever `is_isolated` says; by the same black and white as others with those `ends`."""
        with refusing_unreadable("pixels"):
            return Picture(self._read() if ends is None else self._read(ends=ends), self.media_type)

    def ends_here(self) -> Ends | None:
        """The least and the greatest value of deep grey, None for a picture of which every value says how it looks.

        Nothing else of the same `Examined` may be called afterwards. Raises as `decode_here`.
        """
        with refusing_unreadable("pixels"):
            return self._ends()

    def deep_here(self, ends: Ends | None = None) -> Deep | None:
        """Grey as it is stored; None for colour, and for pictures that have more than values. As `ends_here`."""
        with refusing_unreadable("pixels"):
            return self._deep(ends)


@dataclass(frozen=True)
class VolumeReader:
    """How a format's volumes are read, beside its pictures."""

    is_volume: Callable[[bytes], bool]
    """Whether a file of the format is a volume, by its headers. Raises ImageError for one that can't be read."""
    examine: Callable[[bytes, Format], ExaminedVolume]
    """Looks at a volume and tells what decoding it takes. Raises ImageError for what must not be decoded."""
    examine_given: Callable[[bytes, Format, Given], ExaminedVolume] | None = None
    """The same where it matters what was said with the file; None where the file says all."""
    kinds: str = ""
    """For the documentation: which kinds of volumes are read."""
    limits: str = ""
    """For the documentation: how much of what a volume may hold."""
    tried: bool = True
    """Whether it was tried on a file of a device or of other software; else the documentation and the page say so."""

    def look(self, content: bytes, known: Format, given: Given) -> ExaminedVolume:
        """Look at a volume, of which its sender has said something. Raises ImageError."""
        if self.examine_given is not None:
            return self.examine_given(content, known, given)
        return self.examine(content, known)


@dataclass(frozen=True)
class Format:
    """All that is known of a file format. Messages, the API's description, the page and the docs follow from it."""

    name: str
    """As people write it: "WebP"."""
    media_type: str
    endings: tuple[str, ...]
    """Endings of file names, in lower case, with the dot."""
    reader: Callable[[bytes, Format], Examined] | None
    """Examines a file and says what decoding it takes. Raises ImageError for a file that must not be decoded.
    None for a format that holds volumes alone."""
    volumes: VolumeReader | None = None
    """Looks at a file of several B-scans; None for a format of pictures alone."""
    signatures: tuple[tuple[int, bytes], ...] = ()
    """Offsets with the bytes that stand there; a file needs one of them."""
    resembles: Callable[[bytes], bool] = lambda content: False
    """Whether a file without any signature is of this format nevertheless."""
    is_complete: Callable[[bytes], bool] = lambda content: True
    """Whether the end of a file is there. It tells truncated from damaged files where the decoder doesn't."""
    by_name: bool = False
    """Whether files have no signature, so that the ending of a file's name decides where bytes tell nothing."""
    can_be_declared: bool = False
    """Whether a file that its bytes don't identify is read as this format when its sender declares it."""
    limits: str = ""
    """For the docs: the limits of such a file beside its pixels."""
    kinds: str = ""
    """For the docs: which variants of the format are read or refused."""

    def examine(self, content: bytes) -> Examined:
        """Examine a file of this format without decoding it. Raises ImageError."""
        assert self.reader is not None
        return self.reader(content, self)

    def has_signature(self, content: bytes) -> bool:
        """Whether a file has one of the format's signatures."""
        return any(content.startswith(signature, at) for at, signature in self.signatures)
