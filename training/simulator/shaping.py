"""How lesions change the layers around them, and how spots are placed in the layers."""

from __future__ import annotations

import cv2
import numpy as np

from training.simulator.findings import Finding
from training.simulator.section import Floats, Layer, Section, Spot, blob, waves

INNER = (
    Layer.GANGLION_CELLS,
    Layer.INNER_PLEXIFORM,
    Layer.INNER_NUCLEAR,
    Layer.OUTER_PLEXIFORM,
    Layer.OUTER_NUCLEAR,
)
PHOTORECEPTORS = (
    Layer.LIMITING_MEMBRANE,
    Layer.MYOID,
    Layer.ELLIPSOID,
    Layer.OUTER_SEGMENTS,
    Layer.INTERDIGITATION,
)
YIELDING = {
    Layer.OUTER_NUCLEAR: 0.6,
    Layer.OUTER_PLEXIFORM: 0.08,
    Layer.INNER_NUCLEAR: 0.14,
    Layer.INNER_PLEXIFORM: 0.09,
    Layer.GANGLION_CELLS: 0.09,
}
"""Share of the change that each layer takes when the inner retina bridges a lesion."""


def bump(x: Floats, centre: float, half_width: float, power: float = 2.0) -> Floats:
    """A dome (width) of height 1 that reaches 0 at `half_width`; a `power` of 1 is pointed, one of 4 boxy."""
    inside = np.clip(1 - np.abs((x - np.float32(centre)) / np.float32(half_width)) ** np.float32(power), 0, 1)
    return np.asarray(inside * inside * (3 - 2 * inside) if power < 1.5 else inside, np.float32)


def place(section: Section, random: np.random.Generator, spread_um: float = 900) -> float:
    """A random place along the scan in micrometres, normally distributed around the fovea and inside the picture."""
    span = section.grid.width * section.grid.wide_um
    spread = min(spread_um, 0.3 * span)
    return float(np.clip(random.normal(section.fovea_um, spread), 0.08 * span, 0.92 * span))


def thicken(section: Section, shape: Floats, share: float, layers: tuple[Layer, ...] = INNER) -> None:
    """Swell layers in place, by `share` of their thickness where `shape` (width) is 1."""
    for layer in layers:
        section.thickness[layer] *= 1 + np.float32(share) * shape


def middle(section: Section, layer: Layer) -> Floats:
    """The depth of the middle of a layer (width), in micrometres."""
    return np.asarray(section.top(layer) + section.thickness[layer] / 2, np.float32)


def add_spot(
    section: Section,
    random: np.random.Generator,
    centre: tuple[float, Floats],
    radii: tuple[float, float],
    level: float,
    *,
    finding: Finding = Finding.OTHER,
    bumpiness: float = 0.12,
    strength: float = 1.0,
) -> None:
    """Add a blob around `centre`: its place along the scan, and the curve of depths (width) that it follows.

    Lengths are in micrometres, `level` in decibels; `strength` (0..1) is how far it covers the layers.
    """
    grid = section.grid
    column = int(np.clip(centre[0] / grid.wide_um, 0, grid.width - 1))
    placed = blob(
        grid, (centre[0], float(centre[1][column])), radii, random, bumpiness=bumpiness, lean=centre[1]
    )
    if placed is not None:
        row, left, cover = placed
        section.spots.append(Spot(row, left, cover * np.float32(strength), level, finding))


def settle(section: Section, random: np.random.Generator) -> None:
    """Let the inner retina bridge what lifts it: layers above a steep lesion are compressed, beside it stretched."""
    solid = section.thickness[Layer.SUBRETINAL_MATERIAL] + section.thickness[Layer.BELOW_EPITHELIUM]
    fluid = section.thickness[Layer.SUBRETINAL_FLUID]
    # Fluid fills the valleys between solid lesions below it.
    section.thickness[Layer.SUBRETINAL_FLUID] = np.maximum(fluid - 0.8 * solid, 0.12 * fluid)
    lift = section.thickness[[Layer.SUBRETINAL_FLUID, Layer.SUBRETINAL_MATERIAL, Layer.BELOW_EPITHELIUM]].sum(
        0
    )
    if not lift.any():
        return
    stiff = float(random.uniform(200, 480)) / section.grid.wide_um
    smooth = cv2.GaussianBlur(lift[None], (0, 0), sigmaX=stiff, sigmaY=1, borderType=cv2.BORDER_REPLICATE)[0]
    change = (smooth - lift) * np.float32(random.uniform(0.85, 1.05))
    for layer, share in YIELDING.items():
        now = section.thickness[layer]
        section.thickness[layer] = np.clip(now + np.float32(share) * change, 0.18 * now, 1.6 * now + 4)


def break_line(
    section: Section, random: np.random.Generator, where: Floats, layers: tuple[Layer, ...], loss_db: float
) -> None:
    """Make layers patchy where `where` (width; 0..1) is high, by up to `loss_db`."""
    x = section.x
    patches = np.clip(waves(x, random, float(random.uniform(80, 300)), 1.0) + 0.4, 0, 1) * where
    for layer in layers:
        section.level[layer] -= np.float32(loss_db) * patches
