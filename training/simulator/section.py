"""The cross-section of an eye in micrometres: layers, and spots painted over them; and the random shapes of both."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import cv2
import numpy as np
import numpy.typing as npt

from training.simulator.findings import Finding

Floats = npt.NDArray[np.float32]


class Layer(IntEnum):
    """Layers from the vitreous down; those with a thickness of 0 in a healthy eye hold lesions."""

    MEMBRANE = 0
    NERVE_FIBRES = 1
    GANGLION_CELLS = 2
    INNER_PLEXIFORM = 3
    INNER_NUCLEAR = 4
    OUTER_PLEXIFORM = 5
    OUTER_NUCLEAR = 6
    LIMITING_MEMBRANE = 7
    MYOID = 8
    ELLIPSOID = 9
    OUTER_SEGMENTS = 10
    INTERDIGITATION = 11
    SUBRETINAL_FLUID = 12
    SUBRETINAL_MATERIAL = 13
    PIGMENT_EPITHELIUM = 14
    BELOW_EPITHELIUM = 15
    BRUCH_MEMBRANE = 16
    CHORIOCAPILLARIS = 17
    CHOROID = 18
    SCLERA = 19


ABOVE_BRUCH = int(Layer.BRUCH_MEMBRANE)
"""The count of layers above Bruch's membrane."""


@dataclass(frozen=True)
class Grid:
    """The pixels of the device: `height` by `width`, of `tall_um` by `wide_um` micrometres each."""

    height: int
    width: int
    tall_um: float
    wide_um: float

    @property
    def x(self) -> Floats:
        """Where the A-scans are, in micrometres from the left border."""
        return (np.arange(self.width, dtype=np.float32) + 0.5) * np.float32(self.wide_um)


@dataclass
class Section:
    """A cross-section on a grid.

    - `bruch` (width) is the depth of Bruch's membrane below the upper border, `thickness` (layers, width) that of the
      layers, both in micrometres; `level` (layers, width) is their brightness in decibels above the vitreous.
    - `fovea_um` is the fovea's place along the scan, `aside_um` how far the scan passes beside it.
    - `spots` are painted over the layers in their order; `marks` belong to the mask alone.
    - `traits` (name: width) are what drawing and mask must know along the scan: "atrophy" and "cotton wool" where they
      are (0..1), "traction" how far the vitreous is from the retina (micrometres).
    - `vessel_share` is the vessels' share of the choroid, `loss` (height, width) the light lost in the shadow of
      retinal vessels, as an exponent.
    """

    grid: Grid
    bruch: Floats
    thickness: Floats
    level: Floats
    fovea_um: float
    aside_um: float
    spots: list[Spot] = field(default_factory=list)
    marks: list[Spot] = field(default_factory=list)
    traits: dict[str, Floats] = field(default_factory=dict)
    vessel_share: float = 0.5
    loss: Floats | None = None

    @property
    def x(self) -> Floats:
        """Where the A-scans are (width), in micrometres from the left border."""
        return self.grid.x

    def top(self, layer: int) -> Floats:
        """The upper boundary of a layer (width), micrometres below the upper border of the picture."""
        if layer <= ABOVE_BRUCH:
            return np.asarray(self.bruch - self.thickness[layer:ABOVE_BRUCH].sum(0), np.float32)
        return np.asarray(self.bruch + self.thickness[ABOVE_BRUCH:layer].sum(0), np.float32)

    def tops(self) -> Floats:
        """All upper boundaries (layers, width) in micrometres; none lies above the one before it."""
        above = self.bruch - np.cumsum(self.thickness[:ABOVE_BRUCH][::-1], 0)[::-1]
        below = self.bruch + np.concatenate(
            [np.zeros_like(self.bruch)[None], np.cumsum(self.thickness[ABOVE_BRUCH:-1], 0)]
        )
        return np.maximum.accumulate(np.concatenate([above, below]).astype(np.float32), 0)


@dataclass(frozen=True)
class Spot:
    """A soft patch, `cover` (rows, columns; 0..1), whose upper left pixel is at `row` and `column`.

    Its `level` in decibels takes the place of the layers'. `finding` is its kind in the mask; NONE keeps it out.
    """

    row: int
    column: int
    cover: Floats
    level: float
    finding: Finding = Finding.OTHER


def blob(
    grid: Grid,
    centre_um: tuple[float, float],
    radii_um: tuple[float, float],
    random: np.random.Generator,
    *,
    bumpiness: float = 0.12,
    lean: Floats | None = None,
    soft_px: float = 0.8,
) -> tuple[int, int, Floats] | None:
    """A soft-edged, bumpy ellipse: row, column and cover (rows, columns) of its part inside the grid, None if outside.

    `lean` (width) is the depth of a layer, in micrometres, whose course the ellipse follows.
    """
    x_um, z_um = centre_um
    wide = max(radii_um[0] / grid.wide_um, 0.7)
    tall = max(radii_um[1] / grid.tall_um, 0.7)
    x, z = x_um / grid.wide_um, z_um / grid.tall_um
    reach = 1.0 + 2.5 * bumpiness
    left, right = max(int(x - wide * reach - 2), 0), min(int(x + wide * reach + 3), grid.width)
    if right <= left:
        return None
    shift = np.zeros(right - left, np.float32)
    if lean is not None:
        shift = (lean[left:right] - lean[min(max(int(x), 0), grid.width - 1)]) / np.float32(grid.tall_um)
    above, below = z + float(shift.min()) - tall * reach - 2, z + float(shift.max()) + tall * reach + 3
    top, bottom = max(int(above), 0), min(int(below), grid.height)
    if bottom <= top:
        return None
    dx = ((np.arange(left, right, dtype=np.float32) + 0.5) - np.float32(x)) / np.float32(wide)
    dz = (np.arange(top, bottom, dtype=np.float32)[:, None] + 0.5 - np.float32(z) - shift) / np.float32(tall)
    radius = np.sqrt(dx * dx + dz * dz) + np.float32(1e-4)
    limit = np.ones_like(radius)
    if bumpiness and tall > 2:
        angle = np.arctan2(dz, dx)
        for waves in (2, 3, 5):
            limit += np.float32(random.normal(0, bumpiness / waves**0.5)) * np.cos(
                waves * angle + np.float32(random.uniform(0, 6.3))
            )
    sharpness = np.float32(min(wide, tall) / soft_px)
    cover = np.clip((limit - radius) * sharpness + 0.5, 0, 1).astype(np.float32)
    return top, left, cover


def blur(field: Floats, wide_px: float, tall_px: float) -> Floats:
    """A field (height, width) blurred by Gaussians of the given standard deviations; its borders are mirrored."""
    return np.asarray(cv2.GaussianBlur(field, (0, 0), sigmaX=wide_px, sigmaY=tall_px), np.float32)


def add_up(field: Floats) -> Floats:
    """Add up a field (height, width) from the top down, in place; row by row is twice as fast as `numpy.cumsum`."""
    for row in range(1, len(field)):
        np.add(field[row], field[row - 1], out=field[row])
    return field


def waves(x: Floats, random: np.random.Generator, length_um: float, size: float) -> Floats:
    """A smooth random curve over the width: features about `length_um` wide, standard deviation about `size`."""
    span = float(x[-1] - x[0]) + 1.0
    knots = max(int(span / length_um) + 4, 5)
    values = random.standard_normal(knots).astype(np.float32) * np.float32(size)
    start = random.uniform(0, 1)
    places = start + (x - x[0]) / np.float32(span) * np.float32(knots - 4) + 1
    return smooth_curve(values, places)


def smooth_curve(values: Floats, places: Floats) -> Floats:
    """Cubic (Catmull-Rom) interpolation of `values` at fractional `places`."""
    left = np.clip(places.astype(np.int32), 1, len(values) - 3)
    t = (places - left).astype(np.float32)
    a, b, c, d = (values[left + step] for step in (-1, 0, 1, 2))
    curve = 0.5 * (
        2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t + (3 * b - a - 3 * c + d) * t * t * t
    )
    return np.asarray(curve, np.float32)


def texture(shape: tuple[int, int], random: np.random.Generator, tall_px: float, wide_px: float) -> Floats:
    """A smooth random field (height, width), mean 0 and standard deviation about 1, with blobs of the given size."""
    small = (max(int(shape[0] / tall_px) + 3, 4), max(int(shape[1] / wide_px) + 3, 4))
    coarse = random.standard_normal(small, dtype=np.float32)
    # Cubic up to a few pixels, then linear: four times as fast, and it looks the same.
    middle = (max(min(4 * small[1], shape[1]), 2), max(min(4 * small[0], shape[0]), 2))
    smooth = cv2.resize(coarse, middle, interpolation=cv2.INTER_CUBIC)
    fine = np.asarray(cv2.resize(smooth, shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
    fine *= np.float32(1.25)
    return fine
