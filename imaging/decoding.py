"""From an uploaded file to pixels. What can't be shown faithfully is refused, never guessed.

Time and memory are bounded before a pixel is decoded: `examine` reads a file's structure and says what decoding takes.
A file whose structure doesn't tell is decoded in a process of its own, with limits.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from imaging import formats
from imaging.errors import EmptyImage, ImageError, UnsupportedImage
from imaging.given import NOTHING, Given
from imaging.isolated_bscans import IsolatedBscans
from imaging.pixels import Picture
from imaging.readers.zip import packed
from imaging.reading import Examined
from imaging.refusing import refusing_unreadable
from imaging.volume import ExaminedVolume

__all__ = [
    "NOTHING",
    "Examined",
    "ExaminedVolume",
    "Given",
    "decode",
    "examine",
    "examine_files",
    "examine_volume",
    "is_volume",
    "packed",
]


def decode(content: bytes, declared_type: str | None = None) -> Picture:
    """Decode the one image in a file.

    The bytes decide the format; `declared_type` only makes it possible to read a DICOM file that its bytes don't
    identify. EXIF orientation is applied, so width and height are those that a viewer shows. 16-bit grey is narrowed
    to 8 bits by `depth.white_of`; of 16-bit colour the upper 8 bits are kept. Colour profiles are ignored.

    Raises EmptyImage, UnsupportedImage (a recognised type that is not read), ImageError (not an image, or damaged),
    TruncatedImage and SeveralImages (pages, frames, stacks). ImageTooLarge, ImageTooSmall and ImageTooComplex come
    before any pixel is decoded. Raises Busy when a process of its own does not finish in time.
    """
    return examine(content, declared_type).decode()


def examine(content: bytes, declared_type: str | None = None, among: Collection[str] = ()) -> Examined:
    """Read a file's structure without decoding it. Raises what `decode` raises before it decodes a pixel.

    The errors name the formats `among` those that are read, without any, all.
    """
    with refusing_unreadable("header"):
        if not content:
            raise EmptyImage(
                f"The request has no image. Send one of {formats.listed('or', among)} as the body."
            )
        file_format = formats.recognised(content, declared_type)
        if file_format is None:
            raise _unknown_format(content, among)
        return file_format.examine(content)


def is_volume(content: bytes, declared_type: str | None = None, given: Given = NOTHING) -> bool:
    """Whether a file holds several B-scans, or is of a format that volumes alone are kept in: by its headers, or by the
    name in `given` where its format has none.

    True for what `examine_volume` may refuse. Raises nothing.
    """
    return formats.recognised_volume(content, declared_type, given) is not None


def examine_volume(
    content: bytes,
    declared_type: str | None = None,
    given: Given = NOTHING,
    among: Collection[str] = (),
) -> ExaminedVolume:
    """Look at a volume without decoding it; `given` is what its sender says of it beside the file.

    The errors name the formats `among` those of volumes, without any, all.

    Raises EmptyImage, UnsupportedImage for a file that is no volume or of a kind that is not read, DetailsNeeded for one
    that can't be read without `given`, ImageTooComplex for more B-scans, files or bytes than are read, ImageTooLarge,
    ImageTooSmall, TruncatedImage, ImageError.
    """
    found = examine_volume_here(content, declared_type, given, among)
    if not found.is_isolated:
        return found
    # The process has the file, too.
    memory_bytes = found.memory_bytes + len(content)
    bscans = IsolatedBscans(content, declared_type or found.media_type, memory_bytes, given)
    return replace(found, memory_bytes=memory_bytes, _bscans=bscans)


def examine_volume_here(
    content: bytes,
    declared_type: str | None = None,
    given: Given = NOTHING,
    among: Collection[str] = (),
) -> ExaminedVolume:
    """The same of a volume that is decoded in this process whatever its kind."""
    with refusing_unreadable("header"):
        if not content:
            raise EmptyImage(f"The request has no volume. Send one of {formats.listed_volumes('or', among)}.")
        file_format = formats.recognised_volume(content, declared_type, given)
        if file_format is None or file_format.volumes is None:
            raise _no_volume(content, declared_type, among)
        return file_format.volumes.look(content, file_format, given)


def examine_files(
    files: Sequence[tuple[str, bytes]], given: Given = NOTHING, among: Collection[str] = ()
) -> ExaminedVolume:
    """Look at files that are a volume together, such as the pictures of its B-scans or the instances of a DICOM series.

    Each with its name, of which the last part counts; they are taken in the natural order of their names, DICOM
    instances by their numbers. Raises as `examine_volume`.
    """
    if len(files) == 1:
        name, content = files[0]
        return examine_volume(content, given=replace(given, name=name), among=among)
    return examine_volume(packed(files), given=given, among=among)


def _unknown_format(content: bytes, among: Collection[str]) -> ImageError:
    """The error for a file of none of the formats; it names those `among` them."""
    kind = formats.other_kind(content)
    if kind:
        return UnsupportedImage(
            f"This is {kind} file. {formats.listed(among=among)} are read; export the picture as one of them."
        )
    return ImageError(f"This is not an image. {formats.listed(among=among)} are read.")


def _no_volume(content: bytes, declared_type: str | None, among: Collection[str]) -> ImageError:
    """Why a file is not read as a volume. Raises ImageError where not even that can be told."""
    known = formats.recognised(content, declared_type)
    if known is not None and known.volumes is not None:
        known.volumes.is_volume(content)
    if known is not None:
        return UnsupportedImage("The file holds one picture, not a volume.")
    kind = formats.other_kind(content)
    what = f"This is {kind} file." if kind else "This is not a volume."
    return UnsupportedImage(f"{what} {formats.listed_volumes(among=among)} are read as volumes.")
