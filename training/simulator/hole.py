"""MH: holes of the macula, through the whole retina, lamellar or impending."""

from __future__ import annotations

import numpy as np

from training.simulator.findings import Finding
from training.simulator.lesions import cysts
from training.simulator.section import Floats, Layer, Section, Spot
from training.simulator.shaping import add_spot, break_line

RIM_UM = {
    Layer.GANGLION_CELLS: 38.0,
    Layer.INNER_PLEXIFORM: 36.0,
    Layer.INNER_NUCLEAR: 42.0,
    Layer.OUTER_PLEXIFORM: 28.0,
    Layer.OUTER_NUCLEAR: 85.0,
    Layer.NERVE_FIBRES: 12.0,
}
"""Thickness of the layers at the foveal rim: beside a hole they are as thick, or thicker."""


def macular_hole(section: Section, random: np.random.Generator) -> None:
    """MH: a gap through the whole fovea with raised, cystic edges; sometimes lamellar, sometimes impending."""
    x = section.x
    section.fovea_um = float(np.clip(section.fovea_um, 0.15 * x[-1], 0.85 * x[-1]))
    centre = section.fovea_um
    half = float(np.exp(random.uniform(np.log(60), np.log(480))))
    _raise_edges(section, random, centre, half)
    top, bottom = section.top(Layer.MEMBRANE), section.top(Layer.PIGMENT_EPITHELIUM)
    kind = random.random()
    if kind < 0.12:  # lamellar: the outer retina is whole
        bottom = section.top(Layer.OUTER_NUCLEAR) + section.thickness[Layer.OUTER_NUCLEAR] * np.float32(
            random.uniform(0, 0.8)
        )
    elif kind < 0.26:  # impending: a roof is left
        top = top + (bottom - top) * np.float32(random.uniform(0.15, 0.45))
    cut(section, random, centre, half, top, bottom)
    if kind < 0.4 and kind > 0.12:  # the vitreous still pulls at the fovea
        section.traits["traction"] = np.abs(x - np.float32(centre)) * np.float32(
            random.uniform(0.08, 0.5)
        ) + np.float32(2)
    if kind > 0.4 and random.random() < 0.3:  # operculum
        above = top - np.float32(random.uniform(90, 350))
        add_spot(
            section,
            random,
            (centre + float(random.normal(0, 80)), above),
            (float(random.uniform(80, 220)), float(random.uniform(12, 26))),
            float(random.uniform(10, 17)),
        )


def _raise_edges(section: Section, random: np.random.Generator, centre: float, half: float) -> None:
    """Thicken the retina beside a hole of `half` µm to each side, and give it cysts and often a cuff of fluid."""
    edge = float(random.uniform(350, 900))
    distance = np.maximum(np.abs(section.x - np.float32(centre)) - half, 0)
    raised = np.exp(-((distance / edge) ** 2)).astype(np.float32)
    rim = np.float32(random.uniform(0.0, 0.7))
    for layer, thick in RIM_UM.items():
        now = section.thickness[layer]
        section.thickness[layer] = now + raised * (np.maximum(thick * (0.7 + rim), 0) - now)
    if random.random() < 0.75:  # a cuff of fluid lifts the edges
        cuff = np.float32(random.uniform(15, 110)) * np.exp(
            -((distance / np.float32(random.uniform(120, 450))) ** 2)
        )
        section.thickness[Layer.SUBRETINAL_FLUID] += cuff
    break_line(section, random, raised, (Layer.ELLIPSOID, Layer.INTERDIGITATION), 6)
    count = int(random.integers(0, 9))
    for side in (-1.0, 1.0):
        cysts(
            section,
            random,
            count,
            centre + side * (half + 0.35 * edge),
            0.25 * edge,
            (40, 170),
            (Layer.INNER_NUCLEAR, Layer.OUTER_NUCLEAR),
        )


def cut(
    section: Section, random: np.random.Generator, centre: float, half: float, top: Floats, bottom: Floats
) -> None:
    """Open the retina from `top` to `bottom`: an hourglass whose upper and lower lips are rounded."""
    grid = section.grid
    reach = int((half * 3 + 150) / grid.wide_um) + 3
    column = int(centre / grid.wide_um)
    left, right = max(column - reach, 0), min(column + reach + 1, grid.width)
    first = max(int((float(top[left:right].min()) - 30) / grid.tall_um), 0)
    last = min(int((float(bottom[left:right].max())) / grid.tall_um) + 2, grid.height)
    if right <= left or last <= first:
        return
    z = (np.arange(first, last, dtype=np.float32)[:, None] + 0.5) * np.float32(grid.tall_um)
    part = np.clip((z - top[left:right]) / np.maximum(bottom[left:right] - top[left:right], 1), -0.1, 1.2)
    along = section.x[left:right] - np.float32(centre)
    waist, lip, base = random.uniform(0.3, 0.75), random.uniform(0.4, 1.3), random.uniform(0.2, 1.4)
    level = np.float32(waist)
    upper, lower = np.clip((level - part) / level, 0, 1), np.clip((part - level) / (1 - level), 0, 1)
    width = half * (1 + np.float32(base) * lower**2) + min(half, 140.0) * np.float32(lip) * upper**3
    # The lips are round: the opening widens like a circle close to the surface.
    lips_um = np.float32(random.uniform(30, 110))
    depth = np.clip((z - top[left:right]) / lips_um, 0, 1)
    width = width + lips_um * (1 - np.sqrt(depth * (2 - depth)))
    width = width + np.float32(0.1 * half) * np.sin(
        part * np.float32(random.uniform(2, 7)) + np.float32(random.uniform(0, 6))
    )
    shift = np.float32(random.normal(0, 0.25 * half)) * (part - 0.5)
    open_ = np.clip((width - np.abs(along - shift)) / np.float32(1.3 * grid.wide_um) + 0.5, 0, 1)
    open_ *= np.clip((bottom[left:right] - z) / np.float32(grid.tall_um) + 0.5, 0, 1)
    open_ *= np.clip((z - top[left:right] + 12) / np.float32(grid.tall_um) + 0.5, 0, 1)
    section.spots.append(
        Spot(first, left, np.asarray(open_, np.float32), float(random.uniform(0, 1.5)), Finding.NONE)
    )
    inside = open_ * np.clip((z - top[left:right]) / np.float32(grid.tall_um) + 0.5, 0, 1)
    section.marks.append(Spot(first, left, np.asarray(inside, np.float32), 0.0, Finding.HOLE))
