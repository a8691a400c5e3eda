"""Reads Topcon's `.fda` and `.fds`: B-scans as words or as JPEG 2000, with a photograph of the retina.

Where on the photograph the B-scans lie is not read: the descriptions of the format do not agree on it.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from imaging import isolated
from imaging.dicom_identity import Identity, checked_date, device_named, patient_number
from imaging.errors import ImageError, TruncatedImage, UnsupportedImage
from imaging.geometry import Spacing, plausible_um
from imaging.pixels import Rgb, check_memory, check_size, grey_to_rgb
from imaging.raw_bscans import BYTES_OF_PIXEL, RawBscans
from imaging.readers.heidelberg import micrometres
from imaging.reading import Format
from imaging.structure.topcon import Chunk, chunks
from imaging.volume import ExaminedVolume, check_count

COMPRESSED = "@IMG_JPEG"
COMPRESSED_HEADER = struct.Struct("<B8x3I4x")
"""Mode, width, height, B-scans."""
RAW = {
    "@IMG_SCAN_03": struct.Struct("<B4I5x"),
    "@IMG_SCAN_02": struct.Struct("<B4I13x"),
    "@IMG_MOT_COMP_03": struct.Struct("<B4I5x"),
}
"""Mode, width, height, bits of a pixel, B-scans: of chunks that hold words, by which is taken first."""
RAW_BITS, RAW_HEADER_BYTES = 16, range(17, 65)
STREAM_SIZE = struct.Struct("<i")
J2K_BYTES_OF_PIXEL = 3 * (4 + 4) + BYTES_OF_PIXEL
"""What decoding JPEG 2000 of three colours keeps of a pixel, and what is made of it."""
PHOTOGRAPHS = {
    "@IMG_FUNDUS": (struct.Struct("<2I12xI"), True),
    "@IMG_TRC_02": (struct.Struct("<2I9xI"), True),
    "@IMG_OBS": (struct.Struct("<2I9xI"), False),
}
"""Width, height and bytes of the en-face image, and whether it is JPEG 2000 or blue, green and red of each pixel."""
SCANNED = {"@PARAM_SCAN_04": struct.Struct("<12x3d"), "@PARAM_SCAN_02": struct.Struct("<21x3d")}
"""How long and wide the scanned area is, in millimetres, and how deep a pixel, in micrometres."""
CAPTURED = {"@CAPTURE_INFO_02": struct.Struct("<B105x3H"), "@CAPTURE_INFO": struct.Struct("<B3H")}
"""Eye; year, month and day."""
EYES = {0: "OD", 1: "OS"}
PATIENTS = ("@PATIENT_INFO_02", "@PATIENT_INFO")
DEVICES = ("@HW_INFO_03", "@HW_INFO_02", "@HW_INFO_01")
PATIENT_BYTES, MODEL_BYTES = 32, 16
RASTER = 2
PATTERNS = {RASTER: "raster", 3: "radial"}


@dataclass(frozen=True)
class _Bscans:
    """How B-scans are stored, and where each stands; None for one that is not there."""

    is_compressed: bool
    mode: int
    width: int
    height: int
    at: tuple[tuple[int, int] | None, ...]


def is_volume(content: bytes) -> bool:
    """A file of this kind is never a picture."""
    return True


def examine(content: bytes, known: Format) -> ExaminedVolume:
    """Look at a Topcon file.

    Raises UnsupportedImage for one without B-scans, TruncatedImage, ImageTooLarge, ImageTooSmall, ImageTooComplex, ImageError.
    """
    found = chunks(content)
    bscans = _bscans(content, found, known)
    count = len(bscans.at)
    gaps = {
        place: f"B-scan {place + 1} of the Topcon file is missing or not whole: the file ends too early."
        for place, where in enumerate(bscans.at)
        if where is None
    }
    if len(gaps) == count:
        raise TruncatedImage("The Topcon file ends before its first B-scan does.")
    photograph = _photograph(content, found)
    pixels = bscans.width * bscans.height
    needed = (J2K_BYTES_OF_PIXEL if bscans.is_compressed else BYTES_OF_PIXEL) * pixels
    is_isolated = bscans.is_compressed
    if photograph is not None:
        needed = max(needed, J2K_BYTES_OF_PIXEL * photograph.width * photograph.height)
        is_isolated = is_isolated or photograph.is_compressed
    check_memory(needed, known.name)
    there = [place for place in range(count) if place not in gaps]
    read = _unpacked if bscans.is_compressed else _words
    return ExaminedVolume(
        media_type=known.media_type,
        format_name=known.name,
        count=count,
        width=bscans.width,
        height=bscans.height,
        memory_bytes=needed + len(content) + (isolated.OWN_BYTES if is_isolated else 0),
        is_isolated=is_isolated,
        _bscans=RawBscans(
            lambda place: read(content, bscans, place),
            there,
            (lambda: None) if photograph is None else photograph.read,
        ),
        spacing=_spacing(content, found, bscans),
        places=(None,) * count,
        names=tuple(f"B-scan {place + 1}" for place in range(count)),
        gaps=gaps,
        has_enface=photograph is not None,
        identity=_identity(content, found),
        pattern=PATTERNS.get(bscans.mode, "") if count > 1 else "line",
    )


def _bscans(content: bytes, found: dict[str, Chunk], known: Format) -> _Bscans:
    for name, header in {COMPRESSED: COMPRESSED_HEADER, **RAW}.items():
        chunk = found.get(name)
        if chunk is None:
            continue
        if chunk.there_bytes < header.size:
            raise TruncatedImage("The Topcon file ends before its first B-scan does.")
        if name == COMPRESSED:
            mode, width, height, count = header.unpack_from(content, chunk.at)
        else:
            mode, width, height, bits, count = header.unpack_from(content, chunk.at)
            if bits != RAW_BITS:
                raise UnsupportedImage(f"Topcon files with {bits} bits a pixel are not read.")
        check_size(width, height)
        check_count(count, known.name)
        if not count:
            raise ImageError("The Topcon file says that it has no B-scan.")
        begins, ends = chunk.at + header.size, chunk.at + chunk.there_bytes
        if name == COMPRESSED:
            return _Bscans(True, mode, width, height, _streams(content, begins, ends, count))
        size = 2 * width * height
        # Descriptions differ in how long the header is; the chunk's own size tells it.
        header_bytes = chunk.size_bytes - count * size
        if header_bytes not in RAW_HEADER_BYTES:
            raise ImageError(
                "The Topcon file contradicts itself: its B-scans have another size than it says."
            )
        begins = chunk.at + header_bytes
        at = tuple(
            (begins + place * size, size) if begins + (place + 1) * size <= ends else None
            for place in range(count)
        )
        return _Bscans(False, mode, width, height, at)
    raise UnsupportedImage("The Topcon file holds no B-scans, or keeps them in a way that is not read.")


def _streams(content: bytes, at: int, ends: int, count: int) -> tuple[tuple[int, int] | None, ...]:
    """Where each stream of JPEG 2000 begins, and how long it is."""
    found: list[tuple[int, int] | None] = []
    while len(found) < count and at + STREAM_SIZE.size <= ends:
        (size,) = STREAM_SIZE.unpack_from(content, at)
        at += STREAM_SIZE.size
        if size <= 0 or at + size > ends:
            break
        found.append((at, size))
        at += size
    return (*found, *[None] * (count - len(found)))


def _words(content: bytes, bscans: _Bscans, place: int) -> npt.NDArray[Any]:
    where = bscans.at[place]
    assert where is not None  # it would be a gap
    found = np.frombuffer(content, "<u2", bscans.width * bscans.height, where[0])
    return found.reshape(bscans.height, bscans.width)


def _unpacked(content: bytes, bscans: _Bscans, place: int) -> npt.NDArray[Any]:
    where = bscans.at[place]
    assert where is not None  # it would be a gap
    image = _opened(content, *where, bscans.width, bscans.height)
    if image.mode in ("L", "I;16"):
        found = np.asarray(image)
        return found if found.dtype == np.uint8 else found.astype(np.uint16)
    if image.mode in ("RGB", "RGBA"):
        return np.asarray(image.convert("RGB"))[:, :, 1].copy()
    raise UnsupportedImage(f"Topcon files with B-scans in the colour mode {image.mode} are not read.")


def _opened(content: bytes, at: int, size: int, width: int, height: int) -> Image.Image:
    """Decode a JPEG 2000 of that size. Raises ImageError."""
    try:
        image = Image.open(io.BytesIO(content[at : at + size]), formats=["JPEG2000"])
    except Exception as error:  # Pillow's plugins raise all kinds on headers that make no sense.
        raise ImageError("A picture in the Topcon file is damaged.") from error
    if image.size != (width, height):
        raise ImageError(
            f"The Topcon file contradicts itself: a picture has {image.width} × {image.height} pixels instead of "
            f"{width} × {height}."
        )
    try:
        image.load()
    except MemoryError:
        raise
    except Exception as error:  # Pillow's plugins raise all kinds on damaged data.
        raise ImageError("A picture in the Topcon file is damaged.") from error
    return image


@dataclass(frozen=True)
class _Photograph:
    width: int
    height: int
    is_compressed: bool
    read: Callable[[], Rgb]


def _photograph(content: bytes, found: dict[str, Chunk]) -> _Photograph | None:
    """The first en-face image that is whole, in the order of `PHOTOGRAPHS`."""
    for name, (header, is_compressed) in PHOTOGRAPHS.items():
        chunk = found.get(name)
        if chunk is None or chunk.there_bytes < header.size:
            continue
        width, height, size = header.unpack_from(content, chunk.at)
        at = chunk.at + header.size
        needed = size if is_compressed else 3 * width * height
        try:
            check_size(width, height)
        except ImageError:
            continue
        if size <= 0 or needed > chunk.there_bytes - header.size:
            continue
        read = (
            partial(_photograph_unpacked, content, at, size, width, height)
            if is_compressed
            else partial(_photograph_raw, content, at, width, height)
        )
        return _Photograph(width, height, is_compressed, read)
    return None


def _photograph_unpacked(content: bytes, at: int, size: int, width: int, height: int) -> Rgb:
    image = _opened(content, at, size, width, height)
    if image.mode == "L":
        return grey_to_rgb(np.asarray(image).copy())
    # Red and blue are swapped.
    return np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])


def _photograph_raw(content: bytes, at: int, width: int, height: int) -> Rgb:
    found = np.frombuffer(content, np.uint8, 3 * width * height, at).reshape(height, width, 3)
    return np.ascontiguousarray(found[:, :, ::-1])


def _spacing(content: bytes, found: dict[str, Chunk], bscans: _Bscans) -> Spacing:
    said = _first(content, found, SCANNED)
    if said is None:
        return Spacing()
    x_mm, y_mm, z_um = said
    count = len(bscans.at)
    is_raster = bscans.mode == RASTER and count > 1
    return Spacing(
        x=micrometres(x_mm / bscans.width),
        z=plausible_um(z_um),
        between=micrometres(y_mm / count) if is_raster else None,
    )


def _identity(content: bytes, found: dict[str, Chunk]) -> Identity:
    captured = _first(content, found, CAPTURED)
    eye, acquired = "", ""
    if captured is not None:
        eye = EYES.get(captured[0], "")
        try:
            acquired = checked_date("{:04}-{:02}-{:02}".format(*captured[1:]))
        except ValueError:  # from a device without a clock
            acquired = ""
    return Identity(
        eye=eye,
        patient=patient_number(_text(content, found, PATIENTS, PATIENT_BYTES)),
        acquired=acquired,
        device=device_named("Topcon", _text(content, found, DEVICES, MODEL_BYTES)),
    )


def _first(
    content: bytes, found: dict[str, Chunk], kinds: dict[str, struct.Struct]
) -> tuple[Any, ...] | None:
    """What the first chunk of these that is there says."""
    for name, layout in kinds.items():
        chunk = found.get(name)
        if chunk is not None and chunk.there_bytes >= layout.size:
            return layout.unpack_from(content, chunk.at)
    return None


def _text(content: bytes, found: dict[str, Chunk], names: tuple[str, ...], size: int) -> str:
    """The text that the first of these chunks begins with."""
    chunk = next((found[name] for name in names if name in found), None)
    if chunk is None or chunk.there_bytes < size:
        return ""
    return content[chunk.at : chunk.at + size].partition(b"\0")[0].decode("latin-1").strip()
