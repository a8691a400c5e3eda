"""What eyes have besides layers: vessels and their shadows, the posterior hyaloid, floaters and haze."""

from __future__ import annotations

import numpy as np

from training.simulator.device import haze
from training.simulator.section import Floats, Layer, Section, blob, waves


def add_vessels(section: Section, field: Floats, random: np.random.Generator) -> None:
    """Add retinal vessels to the field in place: a bright lumen in the inner retina, and a shadow in `section.loss`."""
    grid, x = section.grid, section.x
    count = int(random.poisson(1.2 + 0.4 * grid.width * grid.wide_um / 1000))
    down = np.arange(grid.height, dtype=np.float32)[:, None]
    loss = np.zeros((grid.height, grid.width), np.float32)
    for _ in range(count):
        along = float(random.uniform(0, x[-1]))
        if abs(along - section.fovea_um) < 350 and section.aside_um < 350:
            continue
        half = float(random.uniform(18, 75))
        depth = section.top(Layer.NERVE_FIBRES) + np.float32(0.7 * half)
        column = int(np.clip(along / grid.wide_um, 0, grid.width - 1))
        placed = blob(
            grid, (along, float(depth[column])), (half, 0.8 * half), random, bumpiness=0.05, lean=depth
        )
        if placed is None:
            continue
        row, left, cover = placed
        area = field[row : row + cover.shape[0], left : left + cover.shape[1]]
        area += cover * (np.float32(random.uniform(17, 23)) - area) * np.float32(0.7)
        reach = int(2 * half / grid.wide_um) + 2
        first, last = max(column - reach, 0), min(column + reach + 1, grid.width)
        across = np.exp(-(((x[first:last] - np.float32(along)) / np.float32(0.85 * half)) ** 4))
        below = np.clip(
            (down - np.float32((depth[column] + 0.4 * half) / grid.tall_um)) * np.float32(grid.tall_um / 40),
            0,
            1,
        )
        loss[:, first:last] += below * across * np.float32(random.uniform(0.3, 1.7))
    section.loss = loss


def add_vitreous(section: Section, field: Floats, random: np.random.Generator, haze_db: float) -> None:
    """Add haze, posterior hyaloid and floaters above the retina to the field (height, width; decibels) in place."""
    grid, x = section.grid, section.x
    down = (np.arange(grid.height, dtype=np.float32)[:, None] + 0.5) * np.float32(grid.tall_um)
    surface = section.top(Layer.MEMBRANE)
    last = min(max(int(float(surface.max()) / grid.tall_um), 1), grid.height)
    above = np.clip((surface - down[:last]) / np.float32(grid.tall_um), 0, 1)
    field[:last] += above * (haze(grid, random, haze_db)[:last] + np.float32(random.normal(-3, 2)))
    pulled = section.traits.get("traction")
    if random.random() < 0.4 or pulled is not None:
        distance = np.float32(random.uniform(20, 450)) + waves(
            x, random, 1800, float(random.uniform(15, 120))
        )
        if pulled is not None:
            distance = np.minimum(np.abs(distance), pulled)
        line = surface - np.abs(distance)
        sharp = np.float32(random.uniform(3, 8))
        strength = np.clip(waves(x, random, 900, 0.8) + np.float32(random.uniform(0.2, 1.6)), 0, 1.3)
        strength *= np.float32(random.uniform(2, 13))
        field[:last] += above * strength * np.exp(-(((down[:last] - line) / sharp) ** 2))
    if random.random() < 0.15:
        for _ in range(int(random.integers(1, 25))):
            along = float(random.uniform(0, x[-1]))
            column = int(np.clip(along / grid.wide_um, 0, grid.width - 1))
            depth = float(random.uniform(0, max(float(surface[column]) - 30, 1)))
            size = float(random.uniform(8, 45))
            placed = blob(grid, (along, depth), (size, 0.6 * size), random)
            if placed is not None:
                row, left, cover = placed
                area = field[row : row + cover.shape[0], left : left + cover.shape[1]]
                area += cover * np.float32(random.uniform(3, 16))
