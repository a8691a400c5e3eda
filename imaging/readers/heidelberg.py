"""Reads Heidelberg's `.vol` files: raw B-scans of a Spectralis with the image of its laser ophthalmoscope.

By the layout that HEYEX's "special function: exporting raw data" describes and open readers agree on: a header of 2,048
bytes, the en-face image a byte a pixel, and for each B-scan a header and its reflectivity as floats from 0 to 1.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from imaging.dicom_identity import Identity, checked_date, patient_number
from imaging.errors import ImageError, TruncatedImage
from imaging.geometry import Place, Spacing, plausible_um
from imaging.pixels import MAX_SIDE, Deep, Rgb, check_memory, check_size, few_rows, grey_to_rgb, to_8_bit
from imaging.reading import Format
from imaging.volume import ExaminedVolume, check_count

SIGNATURE = b"HSF-OCT-"
HEADER_BYTES, BSCAN_HEADER_BYTES = 2048, 256
HEADER = struct.Struct("<12x3I3d2I2d12x4sQ2I32x4x24s")
"""Sizes, scales, eye, time, pattern, size of a B-scan's header, patient's number."""
BSCAN_HEADER = struct.Struct("<16x4d")
"""Where a B-scan begins and ends, in millimetres."""
MAX_BSCAN_HEADER_BYTES = 2**24
PATTERNS = {1: "line", 2: "circle", 3: "raster", 4: "raster", 5: "radial"}
EYES = {b"OD": "OD", b"OS": "OS"}
EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
TICKS = 10
"""Of a microsecond: times are numbers of 100 ns."""
MICROMETRES_PER_MILLIMETRE = 1000
DEVICE = "Heidelberg Engineering Spectralis"
"""No other device's raw data are exported like this."""
FLOAT_BYTES = 4
WHITE = 2**16 - 1
SMALLEST, LOWEST, RANGE = 2.44e-4, 8.3, 8.285
"""As HEYEX shows reflectivity: its logarithm, from black to white (the same numbers as in eyepy)."""


@dataclass(frozen=True)
class _Header:
    width: int
    count: int
    height: int
    x_mm: float
    between_mm: float
    z_mm: float
    enface_width: int
    enface_height: int
    enface_x_mm: float
    enface_y_mm: float
    eye: bytes
    ticks: int
    pattern: int
    bscan_header_bytes: int
    patient: bytes

    @property
    def bscans_at(self) -> int:
        """Where the first B-scan's header begins."""
        return HEADER_BYTES + self.enface_width * self.enface_height

    @property
    def bscan_bytes(self) -> int:
        """Of a B-scan with its header."""
        return self.bscan_header_bytes + FLOAT_BYTES * self.width * self.height


def is_volume(content: bytes) -> bool:
    """A file of this kind is never a picture."""
    return True


def examine(content: bytes, known: Format) -> ExaminedVolume:
    """Look at a `.vol` file. Raises TruncatedImage, ImageTooLarge, ImageTooSmall, ImageTooComplex, ImageError."""
    if len(content) < HEADER_BYTES:
        raise TruncatedImage("The Heidelberg volume ends too early.")
    header = _Header(*HEADER.unpack_from(content))
    check_size(header.width, header.height)
    check_count(header.count, known.name)
    if not header.count or not BSCAN_HEADER_BYTES <= header.bscan_header_bytes <= MAX_BSCAN_HEADER_BYTES:
        raise ImageError("The Heidelberg volume's header makes no sense.")
    if header.enface_width * header.enface_height:
        check_size(header.enface_width, header.enface_height)
    pixels = header.width * header.height
    needed = (FLOAT_BYTES + 2 * FLOAT_BYTES + 3) * pixels + 3 * header.enface_width * header.enface_height
    check_memory(needed, known.name)
    gaps = {
        index: f"B-scan {index + 1} of the Heidelberg volume is missing: the file ends too early."
        for index in range(header.count)
        if header.bscans_at + (index + 1) * header.bscan_bytes > len(content)
    }
    if len(gaps) == header.count:
        raise TruncatedImage("The Heidelberg volume ends before its first B-scan does.")
    is_spaced = PATTERNS.get(header.pattern) == "raster" and header.count > 1
    return ExaminedVolume(
        media_type=known.media_type,
        format_name=known.name,
        count=header.count,
        width=header.width,
        height=header.height,
        memory_bytes=needed + len(content),
        is_isolated=False,
        _bscans=_VolBscans(content, header),
        spacing=Spacing(
            x=micrometres(header.x_mm),
            z=micrometres(header.z_mm),
            between=micrometres(header.between_mm) if is_spaced else None,
        ),
        places=tuple(_place(content, header, index) for index in range(header.count)),
        names=tuple(f"B-scan {index + 1}" for index in range(header.count)),
        gaps=gaps,
        has_enface=header.enface_width * header.enface_height > 0,
        identity=Identity(
            eye=EYES.get(header.eye.rstrip(b"\0 ").upper(), ""),
            patient=patient_number(header.patient.partition(b"\0")[0].decode("latin-1")),
            acquired=day_of(header.ticks),
            device=DEVICE,
        ),
        pattern=PATTERNS.get(header.pattern, ""),
    )


class _VolBscans:
    """Decodes B-scans, each where it stands in the file."""

    def __init__(self, content: bytes, header: _Header) -> None:
        self._content = content
        self._header = header

    def picture(self, index: int) -> Rgb:
        return grey_to_rgb(to_8_bit(self._shown(index), WHITE))

    def deep(self, index: int) -> Deep:
        return Deep(self._shown(index), 0.0, float(WHITE))

    def enface(self) -> Rgb:
        width, height = self._header.enface_width, self._header.enface_height
        found = np.frombuffer(self._content, np.uint8, width * height, HEADER_BYTES)
        return grey_to_rgb(found.reshape(height, width).copy())

    def close(self) -> None:
        """There is nothing to give back."""

    def _shown(self, index: int) -> npt.NDArray[np.uint16]:
        """Reflectivity as HEYEX shows it, spread over 16 bits; what the device could not tell is black."""
        header = self._header
        at = header.bscans_at + index * header.bscan_bytes + header.bscan_header_bytes
        raw = np.frombuffer(self._content, "<f4", header.width * header.height, at)
        values = raw.reshape(header.height, header.width)
        found = np.empty(values.shape, np.uint16)
        with np.errstate(all="ignore"):
            for rows in few_rows(header.height, header.width):
                some = values[rows].astype(np.float64)
                is_known = (some >= 0) & (some <= 1)
                shown = (np.log(np.where(is_known, some, 0) + SMALLEST) + LOWEST) / RANGE
                found[rows] = np.rint(np.clip(np.where(is_known, shown, 0), 0, 1) * WHITE)
        return found


def _place(content: bytes, header: _Header, index: int) -> Place | None:
    """A B-scan's line; a circle's is the point where it begins, as it ends there."""
    at = header.bscans_at + index * header.bscan_bytes
    if at + BSCAN_HEADER_BYTES > len(content):
        return None
    x0, y0, x1, y1 = BSCAN_HEADER.unpack_from(content, at)
    if PATTERNS.get(header.pattern) == "circle":
        x1, y1 = x0, y0
    return on_enface((x0, y0, x1, y1), header.enface_x_mm, header.enface_y_mm)


def on_enface(line_mm: tuple[float, float, float, float], x_mm: float, y_mm: float) -> Place | None:
    """A line in millimetres as one in pixels of that size; None for one that is nowhere on an image."""
    if not (x_mm > 0 and y_mm > 0):
        return None
    x0, y0, x1, y1 = (value / scale for value, scale in zip(line_mm, (x_mm, y_mm, x_mm, y_mm), strict=True))
    return Place(x0, y0, x1, y1) if all(abs(value) <= MAX_SIDE for value in (x0, y0, x1, y1)) else None


def micrometres(millimetres: float) -> float | None:
    """A length in micrometres; None for one that nothing in an eye has."""
    return plausible_um(millimetres * MICROMETRES_PER_MILLIMETRE)


def day_of(ticks: int) -> str:
    """The day of a time, "" for one that is none."""
    try:
        return checked_date((EPOCH + timedelta(microseconds=ticks // TICKS)).date().isoformat())
    except (ValueError, OverflowError):
        return ""
