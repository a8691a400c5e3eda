"""Reads DICOM files: pictures of one frame, volumes of several."""

from __future__ import annotations

import struct
from functools import partial

from imaging import dicom, isolated
from imaging.dicom import volume as dicom_volume
from imaging.pixels import check_memory
from imaging.reading import Examined, Format
from imaging.volume import ExaminedVolume

MAGIC = b"DICM"
FIRST_GROUPS = (0x0002, 0x0008)
TEXTS = (b"UL", b"CS", b"UI", b"OB", b"DA", b"TM", b"DT", b"SH", b"LO", b"ST")
"""Value representations that the first element of a file without preamble may have, if it names one (PS3.5, 7.1)."""
MAX_FIRST_BYTES = 1024
"""Greatest length of the first element of a file without preamble, if it names no value representation."""


def examine(content: bytes, file_format: Format) -> Examined:
    """Examine a DICOM file. Raises ImageTooLarge, or ImageError as `dicom.header` and `dicom.layout` do.

    Compressed pixels are decoded in a process of their own, as no header tells how much work they are.
    """
    data = dicom.header(content)
    layout = dicom.layout(data)
    needed = layout.memory_bytes(len(content))
    check_memory(needed, file_format.name)
    needed += isolated.OWN_BYTES if layout.is_compressed else 0
    return Examined(
        file_format.media_type,
        layout.width,
        layout.height,
        needed,
        layout.is_compressed,
        partial(dicom.pixels, data, layout),
        content,
        data,
        partial(dicom.ends_of, data, layout),
        partial(dicom.deep, data, layout),
    )


def is_volume(content: bytes) -> bool:
    """Whether a file says that it has several frames. Raises ImageError for one whose beginning can't be read."""
    return dicom_volume.frame_count(content) > 1


def examine_volume(content: bytes, known: Format) -> ExaminedVolume:
    """Look at a DICOM file of several frames. Raises as `dicom.volume.examined`."""
    return dicom_volume.examined(content, known.name, known.media_type)


def resembles(content: bytes) -> bool:
    """Whether a file begins as a DICOM file without its preamble does: with an element of the first groups."""
    content = content.removeprefix(MAGIC)
    if len(content) < 8:
        return False
    for order in "<>":
        group, _, length = struct.unpack_from(f"{order}HHI", content)
        if group in FIRST_GROUPS and (content[4:6] in TEXTS or 0 < length <= MAX_FIRST_BYTES):
            return True
    return False
