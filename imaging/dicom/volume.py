"""DICOM files of several frames as volumes: Ophthalmic Tomography, multi-frame Secondary Capture, and the like."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from pydicom import uid
from pydicom.filereader import read_partial
from pydicom.tag import Tag

from imaging import isolated
from imaging.dicom.bscans import DicomBscans, OneFrame
from imaging.dicom.elements import text, values, whole
from imaging.dicom.file import LimitedReads, beginning, inflated
from imaging.dicom.frames import STARTS, Frames, PixelElement, frames_of, pixel_element
from imaging.dicom.groups import (
    NONLINEAR,
    TRANSVERSE,
    FrameFacts,
    frame_facts,
    groups_of_frames,
    order_of,
    referred_by,
    spacing_of,
)
from imaging.dicom.layout import Layout, layout
from imaging.dicom.origin import origin_of
from imaging.dicom_identity import identity
from imaging.errors import ImageError, UnsupportedImage
from imaging.geometry import pattern_of
from imaging.pixels import check_memory
from imaging.volume import MAX_BSCANS, ExaminedVolume, check_count

NO_BSCANS = {
    uid.OphthalmicPhotography8BitImageStorage: "photographs",
    uid.OphthalmicPhotography16BitImageStorage: "photographs",
    uid.WideFieldOphthalmicPhotographyStereographicProjectionImageStorage: "photographs",
    uid.WideFieldOphthalmicPhotography3DCoordinatesImageStorage: "photographs",
    uid.OphthalmicOpticalCoherenceTomographyEnFaceImageStorage: "en-face images",
    uid.OphthalmicOpticalCoherenceTomographyBscanVolumeAnalysisStorage: "maps of where blood flows",
    uid.SegmentationStorage: "regions that somebody has marked",
}
"""What the frames of other kinds of files show."""
COLUMNS = Tag("Columns")
GROUP_OF_DIRECTORY = 0x0004
FIRST_BYTES = 2**20
"""Of a file, within which its number of frames and its size are looked for."""
OFFSETS = "ExtendedOffsetTable"
MAX_OFFSET_BYTES = 8 * MAX_BSCANS
SCRAMBLED_BY = "zeiss"
MAX_COUNT = 2**31


def frame_count(content: bytes) -> int:
    """How many frames a file says it has, 1 where it doesn't say it. Raises ImageError.

    Nothing behind its size is read.
    """
    return whole(first_elements(content), "NumberOfFrames", most=MAX_COUNT) or 1


def first_elements(content: bytes) -> Any:
    """The elements of a file up to its size in pixels, of a directory (DICOMDIR) none. Raises ImageError."""
    try:
        return read_partial(
            LimitedReads(inflated(content, FIRST_BYTES)),
            stop_when=lambda tag, *_: tag > COLUMNS or tag.group == GROUP_OF_DIRECTORY,
            force=True,
        )
    except ImageError:
        raise
    except Exception as error:  # pydicom raises all kinds on damaged data.
        raise ImageError("The DICOM file is damaged.") from error


def examined(content: bytes, name: str, media_type: str) -> ExaminedVolume:
    """Look at a file of several frames.

    Raises ImageTooComplex for more frames, elements or fragments than are read, TruncatedImage where no frame is there,
    UnsupportedImage for frames that are no B-scans or of a kind that is not read, ImageTooLarge, ImageTooSmall, ImageError.
    """
    sent, content = content, inflated(content)
    file_bytes = len(sent) + (0 if content is sent else len(content))
    header, at = beginning(content)
    if "Rows" not in header or "Columns" not in header:
        raise ImageError("The DICOM file holds no image.")
    check_kind(header)
    element = pixel_element(content, at, header.original_encoding)
    count = _count(header, element)
    check_count(count, name)
    groups = groups_of_frames(header, count)
    one_frame = OneFrame(header, element)
    found = layout(one_frame(groups[0] if groups else None, b""))
    frames = frames_of(content, element, found, count, _offsets(header))
    _check_readable(header, found, frames)
    facts = [frame_facts(header, group) for group in groups] or [frame_facts(header, None)] * count
    check_orientation(facts)
    order = order_of(facts)
    check_count(len(order), name)
    in_order = [FrameFacts() if frame is None else facts[frame] for frame in order]
    places = tuple(frame.place for frame in in_order)
    needed_bytes = found.memory_bytes(frames.largest_bytes)
    check_memory(needed_bytes, name)
    origin = origin_of(header)
    return ExaminedVolume(
        media_type=media_type,
        format_name=name,
        count=len(order),
        width=found.width,
        height=found.height,
        memory_bytes=needed_bytes + file_bytes + (isolated.OWN_BYTES if found.is_compressed else 0),
        is_isolated=found.is_compressed,
        _bscans=DicomBscans(one_frame, groups, found, frames, order),
        spacing=spacing_of([facts[frame] for frame in order if frame is not None]),
        places=places,
        names=tuple(
            f"frame {place + 1 if frame is None else frame + 1}" for place, frame in enumerate(order)
        ),
        gaps=_gaps(order, frames),
        identity=identity(header),
        origin=origin and origin.of_frames(order),
        pattern=pattern_of_frames(in_order),
        enface_uid=referred_by(in_order),
    )


def check_kind(header: Any) -> None:
    """Raise UnsupportedImage for a kind of file whose frames are no B-scans."""
    kind = next((shown for known, shown in NO_BSCANS.items() if text(header, "SOPClassUID") == known), None)
    if kind:
        raise UnsupportedImage(f"The DICOM file's frames are {kind}, not B-scans.")


def _count(header: Any, element: PixelElement) -> int:
    """As the file says it, else as many as its pixels are enough for."""
    said = whole(header, "NumberOfFrames", most=MAX_COUNT)
    if said is not None or values(header, "NumberOfFrames"):
        return said or 1
    words = [whole(header, name) or 1 for name in ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated")]
    return 1 if element.is_encapsulated else max(element.length * 8 // prod(words), 1)


def _offsets(header: Any) -> list[int]:
    """Where frames begin in the pixels, by the table of 64-bit numbers that newer files have; none without it."""
    found = header.get(OFFSETS)
    if not isinstance(found, bytes) or len(found) > MAX_OFFSET_BYTES:
        return []
    return [int(offset) for offset in np.frombuffer(found[: len(found) // 8 * 8], "<u8")]


def _check_readable(header: Any, found: Layout, frames: Frames) -> None:
    """Raise UnsupportedImage for frames that Zeiss's devices have scrambled."""
    first = next(pieces for pieces in frames.pieces if pieces)[0]
    is_jpeg = found.is_compressed and found.syntax != uid.RLELossless
    if (
        is_jpeg
        and SCRAMBLED_BY in text(header, "Manufacturer").casefold()
        and not frames.content.startswith(STARTS, first[0])
    ):
        raise UnsupportedImage(
            "The frames of this DICOM file are scrambled by Zeiss's software, so that only it can show them. "
            "Export the volume as DICOM without obfuscation, or its B-scans as pictures."
        )


def _gaps(order: Sequence[int | None], frames: Frames) -> dict[int, str]:
    gaps = {}
    for place, frame in enumerate(order):
        if frame is None:
            gaps[place] = f"The DICOM file has no frame for place {place + 1} of the stack."
        elif frames.pieces[frame] is None:
            gaps[place] = (
                f"Frame {frame + 1} of the DICOM file is missing or not whole: the file ends too early."
            )
    return gaps


def check_orientation(facts: Sequence[FrameFacts]) -> None:
    """Raise UnsupportedImage for frames that lie along the retina instead of across it."""
    if any(frame.orientation == TRANSVERSE for frame in facts):
        raise UnsupportedImage(
            "The DICOM file's frames are sections along the retina (transverse), not B-scans."
        )


def pattern_of_frames(facts: Sequence[FrameFacts]) -> str:
    """How frames lie by their lines, "" where it can't be told. A bent line is known by its ends alone."""
    found = pattern_of([frame.place for frame in facts])
    return "" if found != "circle" and any(frame.orientation == NONLINEAR for frame in facts) else found
