"""What the functional groups of a multi-frame DICOM file say of its frames (PS3.3, C.7.6.16 and C.8.17.10)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import dist
from statistics import median
from typing import Any

from pydicom.filereader import read_sequence

from imaging.dicom.elements import PER_FRAME, SHARED, number, numbers, sequence, text, whole
from imaging.dicom.file import LimitedReads
from imaging.errors import ImageError, ImageTooComplex
from imaging.geometry import Place, Spacing, agreed, plausible_um
from imaging.pixels import MAX_SIDE
from imaging.volume import MAX_BSCANS

MAX_GROUP_BYTES = 2**12
"""Of a frame's groups; devices write some hundred to two thousand."""
READS_OF_GROUP = 256
"""Three for each element and item of a frame's groups."""
TRANSVERSE = "TRANSVERSE"
NONLINEAR = "NONLINEAR"
MICROMETRES_PER_MILLIMETRE = 1000
EVEN = 0.2
"""By what share of their median the distances of B-scans may differ, and still be one distance."""


def groups_of_frames(header: Any, count: int) -> list[Any]:
    """The groups of each frame, which become the header's; an empty list where there is not one for each.

    Raises ImageTooComplex for more elements than anybody needs, ImageError.
    """
    if PER_FRAME not in header:
        return []
    raw = header.get_item(PER_FRAME, keep_deferred=True)
    try:
        if isinstance(raw.value, bytes):
            if len(raw.value) > MAX_GROUP_BYTES * max(count, 16):
                raise ImageTooComplex("The DICOM file says too much of its frames.")
            reads = LimitedReads(raw.value, READS_OF_GROUP * max(count, 16))
            is_implicit, is_little = header.original_encoding
            found = read_sequence(
                reads, is_implicit, is_little, len(raw.value), header.original_character_set or "iso8859"
            )
            setattr(header, PER_FRAME, found)
        items = list(header[PER_FRAME].value or [])
    except ImageError:
        raise
    except Exception as error:  # pydicom raises all kinds on damaged data.
        raise ImageError("The DICOM file is damaged.") from error
    return items if len(items) == count else []


@dataclass(frozen=True)
class FrameFacts:
    """What a file says of one of its frames, None or "" for what it doesn't."""

    place: Place | None = None
    """Its line on the image that it refers to."""
    refers_to: str = ""
    """That image's instance UID."""
    orientation: str = ""
    """How its columns lie on that image: LINEAR, NONLINEAR, TRANSVERSE."""
    x: float | None = None
    """Micrometres from a pixel to the next, along the frame, in depth, and from a frame to the next."""
    z: float | None = None
    between: float | None = None
    position: tuple[float, float, float] | None = None
    """In space, in millimetres."""
    stack: str = ""
    in_stack: int | None = None
    """The frame's number in its stack, from 1 on."""


def frame_facts(header: Any, group: Any) -> FrameFacts:
    """What a file says of a frame; `group` is the frame's own, None where it has none. Raises ImageError."""
    places = [*([] if group is None else [group]), *sequence(header, SHARED)[:1], header]
    measured = _first_item(places, "PixelMeasuresSequence", "PixelSpacing") or header
    apart = _first_item(places, "PixelMeasuresSequence", "SpacingBetweenSlices") or header
    spacing = [_micrometres(value) for value in numbers(measured, "PixelSpacing")]
    z, x = spacing if len(spacing) == 2 else (None, None)
    content = _first_item(places, "FrameContentSequence")
    location = _first_item(places, "OphthalmicFrameLocationSequence")
    positioned = _first_item(places, "PlanePositionSequence") or header
    position = [value for value in numbers(positioned, "ImagePositionPatient") if value is not None]
    return FrameFacts(
        place=None if location is None else _line(numbers(location, "ReferenceCoordinates")),
        refers_to="" if location is None else text(location, "ReferencedSOPInstanceUID"),
        orientation="" if location is None else text(location, "OphthalmicImageOrientation"),
        x=x,
        z=z,
        between=_micrometres(number(apart, "SpacingBetweenSlices")),
        position=(position[0], position[1], position[2]) if len(position) == 3 else None,
        stack="" if content is None else text(content, "StackID"),
        in_stack=None if content is None else whole(content, "InStackPositionNumber", most=MAX_BSCANS),
    )


def _first_item(places: Sequence[Any], name: str, with_element: str = "") -> Any:
    """The first item of a sequence at the most particular place that has one (with that element); None without it."""
    found = (item for place in places for item in sequence(place, name)[:1])
    return next((item for item in found if not with_element or with_element in item), None)


def spacing_of(frames: Sequence[FrameFacts]) -> Spacing:
    """How far apart pixels and frames are; None for what the frames contradict each other in."""
    said = agreed([frame.between for frame in frames])
    by_position = _between(frames)
    if said is not None and by_position is not None and abs(said - by_position) > EVEN * by_position:
        said = by_position = None
    return Spacing(
        x=agreed([frame.x for frame in frames]),
        z=agreed([frame.z for frame in frames]),
        between=None if len(frames) == 1 else said or by_position,
    )


def _micrometres(millimetres: float | None) -> float | None:
    return None if millimetres is None else plausible_um(millimetres * MICROMETRES_PER_MILLIMETRE)


def _between(frames: Sequence[FrameFacts]) -> float | None:
    """The distance of frames in micrometres by their positions in space, where all lie equally far apart."""
    positions = [frame.position for frame in frames if frame.position is not None]
    if len(positions) < max(len(frames), 2):
        return None
    distances = [dist(one, next_one) for one, next_one in pairwise(positions)]
    usual = median(distances)
    is_even = all(abs(distance - usual) <= EVEN * usual for distance in distances)
    return _micrometres(usual) if is_even else None


def _line(coordinates: list[float | None]) -> Place | None:
    """From the first of pairs of row and column to the last."""
    known = [value for value in coordinates if value is not None and 0 <= value <= MAX_SIDE]
    if len(known) != len(coordinates) or len(known) < 4 or len(known) % 2:
        return None
    return Place(x0=known[1], y0=known[0], x1=known[-1], y1=known[-2])


def order_of(frames: Sequence[FrameFacts]) -> list[int | None]:
    """The frames in the order in which they lie; None where a position of the stack has none.

    As the file has them, unless all are of one stack and have positions of their own in it.
    """
    in_file: list[int | None] = list(range(len(frames)))
    positions = {facts.in_stack: frame for frame, facts in enumerate(frames) if facts.in_stack is not None}
    if len(positions) < len(frames) or len({facts.stack for facts in frames}) > 1:
        return in_file
    last = max(positions)
    return in_file if last > 2 * len(frames) else [positions.get(position) for position in range(1, last + 1)]


def referred_by(frames: Sequence[FrameFacts]) -> str:
    """The instance UID of the one image that all frames refer to, "" where there is none."""
    referred = {frame.refers_to for frame in frames if frame.refers_to}
    return referred.pop() if len(referred) == 1 else ""
