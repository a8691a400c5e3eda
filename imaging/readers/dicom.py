"""Reads DICOM files: pictures of one frame, volumes of several."""

from __future__ import annotations

import struct
from functools import partial

from imaging import apart, dicom
from imaging.dicom import volume as dicom_volume
from imaging.pixels import check_memory
from imaging.reading import Examined, Format
from imaging.volume import ExaminedVolume

MAGIC = b"DICM"
FIRST_GROUPS = (0x0002, 0x0008)
TEXTS = (b"UL", b"CS", b"UI", b"OB", b"DA", b"TM", b"DT", b"SH", b"LO", b"ST")
"""Kinds of values that a DICOM file without preamble may begin with, where it names them (PS3.5, 7.1)."""
MAX_FIRST_BYTES = 1024
"""Bytes of such a value where it does not."""


def examine(content: bytes, known: Format) -> Examined:
    """Look at a DICOM file. Raises ImageError as `dicom.header` and `dicom.layout` do, ImageTooLarge.

    Compressed pixels, whose work no header tells, are decoded in a process of their own.
    """
    data = dicom.header(content)
    layout = dicom.layout(data)
    needed = layout.memory_bytes(len(content))
    check_memory(needed, known.name)
    needed += apart.OWN_BYTES if layout.is_compressed else 0
    return Examined(
        known.media_type,
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
    """Whether a file begins as a DICOM file does without its preamble: with an element of its first groups."""
    content = content.removeprefix(MAGIC)
    if len(content) < 8:
        return False
    for order in "<>":
        group, _, length = struct.unpack_from(f"{order}HHI", content)
        if group in FIRST_GROUPS and (content[4:6] in TEXTS or 0 < length <= MAX_FIRST_BYTES):
            return True
    return False
