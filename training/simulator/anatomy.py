"""A healthy eye: thickness and brightness of its layers, the fovea, curvature, tilt, choroid and optic disc."""

from __future__ import annotations

import numpy as np

from training.simulator.section import ABOVE_BRUCH, Floats, Grid, Layer, Section, waves

LAYERS = len(Layer)
LEVELS_DB = {
    Layer.MEMBRANE: 21.0,
    Layer.NERVE_FIBRES: 21.5,
    Layer.GANGLION_CELLS: 17.5,
    Layer.INNER_PLEXIFORM: 18.8,
    Layer.INNER_NUCLEAR: 15.0,
    Layer.OUTER_PLEXIFORM: 18.0,
    Layer.OUTER_NUCLEAR: 12.5,
    Layer.LIMITING_MEMBRANE: 16.0,
    Layer.MYOID: 14.5,
    Layer.ELLIPSOID: 26.5,
    Layer.OUTER_SEGMENTS: 21.0,
    Layer.INTERDIGITATION: 26.0,
    Layer.SUBRETINAL_FLUID: 1.5,
    Layer.SUBRETINAL_MATERIAL: 23.0,
    Layer.PIGMENT_EPITHELIUM: 29.0,
    Layer.BELOW_EPITHELIUM: 19.0,
    Layer.BRUCH_MEMBRANE: 23.0,
    Layer.CHORIOCAPILLARIS: 22.5,
    Layer.CHOROID: 18.5,
    Layer.SCLERA: 16.5,
}
"""Decibels above the noise of the vitreous, before the layers above absorb light."""


def healthy(grid: Grid, random: np.random.Generator) -> Section:
    """A healthy eye as a random scan shows it, through the fovea or beside it."""
    x = grid.x
    span = float(x[-1] - x[0])
    fovea = float(x[0] + span * random.normal(0.5, 0.1 if random.random() < 0.8 else 0.3))
    passes = random.random()
    aside = abs(random.normal(0, 60)) if passes < 0.5 else random.uniform(80, 900 if passes < 0.8 else 2600)
    side = random.choice((-1.0, 1.0))
    thickness = _thickness(x - np.float32(fovea), aside, side, random)
    level = np.repeat(np.array([LEVELS_DB[layer] for layer in Layer], np.float32)[:, None], grid.width, 1)
    level += random.normal(0, 1.1, (LAYERS, 1)).astype(np.float32)
    level[Layer.NERVE_FIBRES : Layer.OUTER_PLEXIFORM + 1] += np.float32(random.normal(0, 1.5))
    level[Layer.CHORIOCAPILLARIS :] += np.float32(random.normal(-0.5, 2.0))
    level[Layer.INTERDIGITATION] -= np.float32(random.exponential(2.0))
    for layer in range(LAYERS):
        level[layer] += waves(x, random, float(random.uniform(60, 700)), 0.8)
    level += waves(x, random, 1800, 1.2)
    _add_disc(x, fovea, side, thickness, level, random)
    return Section(
        grid=grid,
        bruch=_bruch(grid, random, thickness),
        thickness=thickness,
        level=level,
        fovea_um=fovea,
        aside_um=aside,
        vessel_share=float(random.uniform(0.3, 0.65)),
    )


def _add_disc(
    x: Floats, fovea: float, side: float, thickness: Floats, level: Floats, random: np.random.Generator
) -> None:
    """End the retina at the optic disc where the scan reaches it, in place."""
    edge = np.float32(fovea + side * random.uniform(3100, 4300))
    if random.random() < 0.35:
        return
    beyond = (x - edge) * np.float32(side)
    if float(beyond.max()) < 60:
        return
    inside = np.clip(beyond / 120 + 0.5, 0, 1)
    near = np.exp(-((np.minimum(beyond, 0) / 700) ** 2))
    thickness[Layer.NERVE_FIBRES] += np.float32(random.uniform(30, 120)) * near * (1 - inside)
    thickness[Layer.GANGLION_CELLS : Layer.BRUCH_MEMBRANE] *= 1 - inside
    cup = np.float32(random.uniform(100, 450))
    rim = np.exp(-((beyond / np.float32(random.uniform(250, 600))) ** 2))
    nerve = (np.float32(random.uniform(250, 420)) + cup) * rim - cup
    thickness[Layer.NERVE_FIBRES] += (np.maximum(nerve, 0) - thickness[Layer.NERVE_FIBRES]) * inside
    thickness[Layer.BRUCH_MEMBRANE : Layer.SCLERA] *= 1 - inside
    level[Layer.SCLERA] -= np.float32(random.uniform(0, 4)) * inside
    level[Layer.NERVE_FIBRES] -= np.float32(random.uniform(0, 3)) * inside


def _thickness(along: Floats, aside: float, side: float, random: np.random.Generator) -> Floats:
    """Thickness of the layers (layers, width) in micrometres, in the ranges of histology and of normative OCT data."""
    pit = np.float32(random.uniform(0.8, 1.35))
    r = np.sqrt(along * along + np.float32(aside * aside)) / pit
    nasal = np.clip(along * np.float32(side) / 3500, -1.0, 1.6).astype(np.float32)

    def dip(width: float, depth: float) -> Floats:
        return np.asarray(1 - np.float32(depth) * np.exp(-((r / np.float32(width)) ** 2)), np.float32)

    def rim(width: float) -> Floats:
        return np.asarray(np.exp(-((r / np.float32(width)) ** 2)), np.float32)

    shallow = float(random.uniform(0.88, 1.0)) if random.random() < 0.8 else float(random.uniform(0.5, 0.88))
    out = np.zeros((LAYERS, len(along)), np.float32)
    out[Layer.NERVE_FIBRES] = dip(700, shallow) * (
        14 + 10 * np.clip(r / 3000, 0, 1) + 22 * np.clip(nasal, -0.4, 1.5)
    )
    out[Layer.GANGLION_CELLS] = dip(430, shallow) * (16 + 32 * rim(1700))
    out[Layer.INNER_PLEXIFORM] = dip(360, shallow) * (27 + 13 * rim(1700))
    out[Layer.INNER_NUCLEAR] = dip(330, 0.9 * shallow) * (31 + 7 * rim(1600))
    out[Layer.OUTER_PLEXIFORM] = dip(230, 0.7 * shallow) * (19 + 6 * rim(1400))
    out[Layer.OUTER_NUCLEAR] = 55 + 12 * rim(1500) + 38 * rim(480)
    out[Layer.LIMITING_MEMBRANE] = 6
    out[Layer.MYOID] = 17 + 5 * rim(300)
    out[Layer.ELLIPSOID] = 13
    out[Layer.OUTER_SEGMENTS] = 15 + 13 * rim(330)
    out[Layer.INTERDIGITATION] = 9
    out[Layer.PIGMENT_EPITHELIUM] = 17
    out[Layer.BRUCH_MEMBRANE] = 5
    out[Layer.CHORIOCAPILLARIS] = 14
    scale = random.normal(1, 0.08, (LAYERS, 1)).astype(np.float32) * np.float32(random.normal(1, 0.06))
    out[: Layer.SCLERA] *= np.clip(scale, 0.7, 1.35)[: Layer.SCLERA]
    choroid = random.uniform(90, 380) + waves(along, random, 2500, 25) - 25 * nasal
    out[Layer.CHOROID] = np.maximum(choroid, 40)
    out[Layer.SCLERA] = 5000
    for layer in range(int(Layer.NERVE_FIBRES), int(Layer.OUTER_NUCLEAR) + 1):
        out[layer] *= 1 + waves(along, random, 900, 0.03)
    return np.maximum(out, 0)


def _bruch(grid: Grid, random: np.random.Generator, thickness: Floats) -> Floats:
    """Bruch's membrane (width), micrometres below the upper border: placed in the frame, tilted, bent."""
    x = grid.x
    span, deep = float(x[-1] - x[0]), grid.height * grid.tall_um
    centre = np.float32(span / 2 + random.normal(0, 0.12) * span)
    bend = random.gamma(2.0, 7e-6) if random.random() < 0.85 else random.uniform(2.5e-5, 6.5e-5)
    if random.random() < 0.08:
        bend = -0.4 * bend
    tilt = random.normal(0, 0.05)
    shape = -np.float32(bend) * (x - centre) ** 2 + np.float32(tilt) * (x - centre)
    # A fundus that is bent or tilted more than this would leave the frame, and no operator keeps such a scan.
    most = 0.6 * deep
    reach = float(shape.max() - shape.min())
    if reach > most:
        shape *= np.float32(most / reach)
    shape += waves(x, random, 1500, float(random.uniform(0, 10)))
    retina = float(thickness[:ABOVE_BRUCH].sum(0).mean())
    free = deep - float(shape.max() - shape.min()) - retina
    share = random.beta(2.2, 2.2)
    top = max(0.08 * deep, 60.0) if free > 0 else 0.0
    place = retina + top + share * max(free - top - 0.12 * deep, 0.05 * deep) - float(shape.min())
    if random.random() < 0.05:
        place += random.choice((-1.0, 1.0)) * random.uniform(0.05, 0.2) * deep
    return np.asarray(shape + np.float32(place), np.float32)
