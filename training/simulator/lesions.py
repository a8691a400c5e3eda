"""Single lesions: drusen, detachments, atrophy, cysts, foci, membranes. Each is drawn into a section in place.

Widths, heights, centres and sizes are in micrometres, levels in decibels.
"""

from __future__ import annotations

import cv2
import numpy as np

from training.simulator.findings import Finding
from training.simulator.section import Floats, Layer, Section, waves
from training.simulator.shaping import PHOTORECEPTORS, add_spot, bump, middle, place

FLUID_DB = 1.5


def drusen(
    section: Section, random: np.random.Generator, count: int, width: tuple[float, float], height: float
) -> None:
    """Add domes between the pigment epithelium and Bruch's membrane; `width` is a range, `height` about the mean."""
    x = section.x
    total = np.zeros_like(x)
    centre, spread = place(section, random, 500), float(random.uniform(500, 2200))
    for _ in range(count):
        half = float(random.uniform(*width)) / 2
        tall = min(height * float(random.uniform(0.5, 1.4)), 0.75 * half)
        total = np.maximum(
            total, tall * bump(x, float(random.normal(centre, spread)), half, float(random.uniform(1.2, 2.6)))
        )
    inside = (x > 0.06 * x[-1]) & (x < 0.94 * x[-1])
    if not (total * inside > 12).any():
        tall = max(height, 25.0)
        total = np.maximum(total, tall * bump(x, place(section, random, 700), max(tall, 0.5 * width[1]), 1.8))
    section.thickness[Layer.BELOW_EPITHELIUM] += total
    section.level[Layer.BELOW_EPITHELIUM] = np.float32(random.uniform(16, 25.5)) + waves(x, random, 150, 1.0)
    # The layers that a druse lifts are compressed, the outer nuclear layer more than the others.
    pressed = np.clip(total / 45, 0, 1) * np.float32(random.uniform(0.3, 0.9))
    for layer in (Layer.MYOID, Layer.OUTER_SEGMENTS, Layer.INTERDIGITATION):
        section.thickness[Layer.OUTER_NUCLEAR] += section.thickness[layer] * pressed
        section.thickness[layer] *= 1 - pressed
    damage = np.clip(total / 90, 0, 1) * np.float32(random.uniform(0, 1))
    for layer in (Layer.ELLIPSOID, Layer.INTERDIGITATION):
        section.level[layer] -= 7 * damage


def detach(
    section: Section,
    random: np.random.Generator,
    half_width: float,
    height: float,
    centre: float,
    power: float = 2.0,
) -> None:
    """Add subretinal fluid: a smooth dark dome that lifts the retina off the pigment epithelium."""
    x = section.x
    dome = np.float32(height) * bump(x, centre, half_width, power)
    dome *= 1 + waves(x, random, 1200, 0.06)
    section.thickness[Layer.SUBRETINAL_FLUID] = np.maximum(
        section.thickness[Layer.SUBRETINAL_FLUID], np.maximum(dome, 0)
    )
    section.level[Layer.SUBRETINAL_FLUID] = np.float32(FLUID_DB + random.exponential(1.2))


def lift_epithelium(
    section: Section,
    random: np.random.Generator,
    half_width: float,
    height: float,
    centre: float,
    level: float,
    rough: float,
    power: float = 2.0,
) -> Floats:
    """Add a pigment epithelial detachment filled with `level` decibels; returns its height (width) in micrometres.

    `rough` is how uneven its surface is, as a share of its height.
    """
    x = section.x
    dome = np.float32(height) * bump(x, centre, half_width, power)
    for _ in range(int(random.integers(0, 3)) if rough > 0.1 else 0):  # lobes beside the highest one
        share = float(random.uniform(0.2, 0.9))
        beside = centre + float(random.normal(0, half_width))
        dome = np.maximum(
            dome, share * height * bump(x, beside, float(random.uniform(0.3, 0.8)) * half_width, power)
        )
    dome *= np.maximum(1 + waves(x, random, 0.5 * half_width, rough), 0.1)
    section.thickness[Layer.BELOW_EPITHELIUM] = np.maximum(section.thickness[Layer.BELOW_EPITHELIUM], dome)
    lifted = dome > 5
    section.level[Layer.BELOW_EPITHELIUM][lifted] = (level + waves(x, random, 300, 1.5))[lifted]
    return np.asarray(dome, np.float32)


def atrophy(section: Section, random: np.random.Generator) -> None:
    """Remove the outer retina and the pigment epithelium over some stretches, where light reaches the choroid."""
    x = section.x
    where = np.zeros_like(x)
    for _ in range(int(random.integers(1, 4))):
        half, centre = float(random.uniform(200, 1500)), place(section, random, 900)
        edge = np.float32(random.uniform(20, 90))
        where = np.maximum(where, np.clip((half - np.abs(x - np.float32(centre))) / edge, 0, 1))
    keep = 1 - where
    wide = float(random.uniform(90, 260)) / section.grid.wide_um
    sunk = cv2.GaussianBlur(where[None], (0, 0), sigmaX=wide, sigmaY=1, borderType=cv2.BORDER_REPLICATE)[0]
    gone = float(random.uniform(0.75, 1.0))
    for layer in PHOTORECEPTORS:
        lost = section.thickness[layer] * (1 - keep) * np.float32(gone)
        section.thickness[layer] -= lost
        section.thickness[Layer.OUTER_NUCLEAR] += lost
    ratio = np.float32(random.uniform(0.3, 0.75))
    section.thickness[Layer.OUTER_NUCLEAR] *= 1 - ratio * sunk
    section.thickness[Layer.PIGMENT_EPITHELIUM] *= 1 - np.float32(random.uniform(0.75, 1.0)) * where
    section.thickness[Layer.BELOW_EPITHELIUM] *= 1 - np.float32(random.uniform(0.6, 1.0)) * where
    section.level[Layer.CHORIOCAPILLARIS :] += np.float32(random.uniform(2.0, 5.0)) * where
    section.traits["atrophy"] = where


def cysts(
    section: Section,
    random: np.random.Generator,
    count: int,
    centre: float,
    spread: float,
    size: tuple[float, float],
    layers: tuple[Layer, ...] = (Layer.INNER_NUCLEAR, Layer.OUTER_PLEXIFORM, Layer.OUTER_NUCLEAR),
) -> None:
    """Add dark cysts to the given layers; `size` is the range of their width."""
    x_end = section.grid.width * section.grid.wide_um
    for _ in range(count):
        layer = layers[int(random.integers(len(layers)))]
        along = float(np.clip(random.normal(centre, spread), 0.03 * x_end, 0.97 * x_end))
        curve = middle(section, layer)
        column = int(np.clip(along / section.grid.wide_um, 0, section.grid.width - 1))
        room = float(section.thickness[layer][column])
        half = float(np.exp(random.uniform(np.log(size[0]), np.log(size[1])))) / 2
        tall = min(half * float(random.uniform(0.7, 1.6)), max(0.75 * room, 10.0))
        shift = np.float32(random.normal(0, 0.15 * room))
        level = FLUID_DB + float(random.exponential(2.2))
        # The rim of tissue leaves a septum where two cysts meet.
        rim = float(random.uniform(6, 16))
        add_spot(
            section,
            random,
            (along, curve + shift),
            (half + rim, tall + rim),
            float(random.uniform(14.5, 18.5)),
            bumpiness=0.08,
            strength=0.85,
        )
        add_spot(
            section,
            random,
            (along, curve + shift),
            (half, tall),
            level,
            finding=Finding.FLUID_WITHIN,
            bumpiness=0.15,
        )


def foci(
    section: Section,
    random: np.random.Generator,
    count: int,
    centre: float,
    spread: float,
    size: tuple[float, float],
    level: tuple[float, float] = (25.0, 31.0),
    clusters: bool = False,
) -> None:
    """Add bright spots whose width and level are in the given ranges; large and bright ones cast a shadow."""
    layers = (
        Layer.INNER_NUCLEAR,
        Layer.OUTER_PLEXIFORM,
        Layer.OUTER_NUCLEAR,
        Layer.OUTER_PLEXIFORM,
        Layer.INNER_PLEXIFORM,
    )
    x_end = section.grid.width * section.grid.wide_um
    along, layer = centre, layers[0]
    for number in range(count):
        if not clusters or number % 4 == 0 or random.random() < 0.15:
            along = float(np.clip(random.normal(centre, spread), 0.03 * x_end, 0.97 * x_end))
            layer = layers[int(random.integers(len(layers)))]
        here = along + (float(random.normal(0, 70)) if clusters else 0.0)
        curve = section.top(layer) + section.thickness[layer] * np.float32(random.uniform(0, 1))
        half = float(np.exp(random.uniform(np.log(size[0]), np.log(size[1])))) / 2
        add_spot(
            section,
            random,
            (here, curve),
            (half * float(random.uniform(0.8, 1.6)), half * 0.8),
            float(random.uniform(*level)),
            finding=Finding.FOCI,
            bumpiness=0.22,
        )


def membrane(section: Section, random: np.random.Generator) -> None:
    """Add a thin epiretinal membrane that wrinkles the surface."""
    x = section.x
    half, centre = float(random.uniform(500, 2200)), place(section, random, 900)
    where = bump(x, centre, half, 4)
    section.thickness[Layer.MEMBRANE] += float(random.uniform(8, 18)) * where
    wrinkle = waves(x, random, float(random.uniform(120, 350)), float(random.uniform(2, 8)))
    section.thickness[Layer.NERVE_FIBRES] = np.maximum(
        section.thickness[Layer.NERVE_FIBRES] + wrinkle * where, 2
    )
