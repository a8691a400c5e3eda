"""How much was drawn: areas on B-scans, and the volume that they make up together.

The volume is the sum of the areas, each times the distance between two B-scans (Cavalieri's principle): each B-scan
stands for a slab around it that is as thick as that distance. It takes for granted that B-scans lie parallel and at one
distance, as in a raster, and that nobody drew a B-scan anew that shows the same place. A B-scan without a shape, or one
that is missing, counts as empty. All of it rests on the spacing that the file says, which a device derives from a mean eye.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from webapp.accounts.models import User
from webapp.annotations.areas import Lines
from webapp.annotations.geometry import Points, outline_of
from webapp.annotations.models import Annotation
from webapp.annotations.serializers import shown_label
from webapp.scans.models import Scan
from webapp.volumes.models import Volume

SQUARE_MICROMETRES = 1e6
"""In a square millimetre."""
CUBIC_MICROMETRES = 1e9
"""In a cubic millimetre."""
PARALLEL = ("", "raster")
"""Patterns of B-scans at one distance: a distance is known of no others, but for files that say no pattern."""


@dataclass(frozen=True)
class OnBscan:
    """What was drawn on one B-scan, or on a scan by itself."""

    scan: Scan
    square_pixels: float

    @property
    def square_mm(self) -> float | None:
        """The area in mm²; None where the size of a pixel is not known."""
        return square_mm(self.square_pixels, self.scan)


@dataclass(frozen=True)
class Drawn:
    """What one reader drew with one label, on a scan or on the B-scans of a volume; what overlaps counts once."""

    author: User
    label: str
    bscans: tuple[OnBscan, ...]
    """In the order of their places; those on which nothing was drawn are left out."""
    cubic_mm: float | None
    """None for a scan by itself, and where the size of a pixel or the distance of B-scans is not known."""


def square_mm(square_pixels: float, scan: Scan) -> float | None:
    """An area on a scan in mm²; None where the size of a pixel is not known."""
    if scan.micrometres_x is None or scan.micrometres_y is None:
        return None
    return square_pixels * scan.micrometres_x * scan.micrometres_y / SQUARE_MICROMETRES


def cubic_mm(areas: Iterable[OnBscan], between: float | None) -> float | None:
    """The volume of areas on B-scans that lie `between` micrometres apart; None where a measure is not known."""
    found = [area.square_mm for area in areas]
    if between is None or any(area is None for area in found):
        return None
    return sum(area for area in found if area is not None) * SQUARE_MICROMETRES * between / CUBIC_MICROMETRES


def distance_of(volume: Volume | None) -> float | None:
    """How far apart the B-scans are, in micrometres; None where they are not parallel, or nothing says it."""
    return volume.micrometres_between if volume is not None and volume.pattern in PARALLEL else None


def drawn_on(
    scans: Sequence[Scan],
    shapes: Mapping[object, list[Annotation]],
    volume: Volume | None,
    reader: User,
    label_of: Callable[[Annotation, User], str] = shown_label,
) -> list[Drawn]:
    """What each reader drew with each label: the reader's own first, then by name and label.

    `scans` is a scan by itself, or B-scans of `volume` in their order; `shapes` has those that the reader may see of each,
    by its key; `label_of` gives a shape's label as the reader may know it. Points, lines and calipers cover nothing.
    """
    authors: dict[Any, User] = {}
    found: dict[tuple[Any, str], list[OnBscan]] = defaultdict(list)
    for scan in scans:
        outlines: dict[tuple[Any, str], list[Points]] = defaultdict(list)
        for shape in shapes.get(scan.pk, ()):
            if (outline := outline_of(shape.selector)) is not None:
                authors[shape.author_id] = shape.author
                outlines[shape.author_id, label_of(shape, reader)].append(outline)
        for key, of_key in outlines.items():
            found[key].append(OnBscan(scan, area_of(of_key)))
    between = distance_of(volume)
    drawn = [
        Drawn(authors[author], label, tuple(areas), cubic_mm(areas, between))
        for (author, label), areas in found.items()
    ]
    return sorted(drawn, key=lambda each: (each.author.pk != reader.pk, each.author.username, each.label))


def area_of(outlines: Sequence[Points]) -> float:
    """What outlines enclose together, in square pixels; what lies in several of them counts once."""
    lines = Lines.through(outlines)
    return lines.size(lines.union(outlines))
