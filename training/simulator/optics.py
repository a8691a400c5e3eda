"""From a cross-section to the detected intensity: absorption and scattering, choroidal vessels, speckle, noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.simulator.findings import Covers, Finding
from training.simulator.section import Floats, Grid, Layer, Section, add_up, blur, texture

DECIBEL = np.float32(np.log(10) / 10)
LIGHT_LOST_PER_REFLECTED = 3.6e-5
"""Light lost per micrometre and unit of reflectivity, both ways: scattering takes what it shows (Vermeer et al.,
Biomedical Optics Express 5, 322 (2014)); a healthy retina casts no visible shadow with it, and an exudate does."""
CHOROID_LOSS_PER_UM = (0.0004, 0.003)
TAIL_LOSS_PER_UM = (0.0004, 0.0045)
"""How fast light that is scattered many times fades below Bruch's membrane, per micrometre."""
SCATTER_IN_CHOROID = 0.12
"""Share of the scattered light that is lost in the choroid, which scatters most of it forwards."""


@dataclass(frozen=True)
class Optics:
    """How a device images: `frames` averaged, speckle `grain_px` (axial, lateral), noise floor `noise_db`.

    `contrast` multiplies decibels; `depth_loss_db` is lost from the upper to the lower border; no shadow is deeper
    than `deepest_shadow_db`; the noise floor is averaged over `noise_frames`.
    """

    frames: float
    grain_px: tuple[float, float]
    noise_db: float
    contrast: float
    focus_px: float
    depth_loss_db: float
    deepest_shadow_db: float
    noise_frames: float


def reflectivity(section: Section) -> tuple[Floats, Floats]:
    """The level of each pixel in decibels, and whether it lies in the choroid or below (0..1).

    Both are float32 (height, width), antialiased at the boundaries.
    """
    grid = section.grid
    tops = section.tops() / np.float32(grid.tall_um)
    levels = section.level
    step = np.diff(levels, axis=0, prepend=np.zeros((1, grid.width), np.float32))
    # Differences are added up below, so that a layer of thickness 0 is not seen.
    steps = np.zeros((grid.height + 2, grid.width), np.float32)
    columns = np.arange(grid.width)
    rows = np.clip(tops, 0, grid.height)
    whole = rows.astype(np.int32)
    part = rows - whole
    for layer in range(len(step)):
        steps[whole[layer], columns] += step[layer] * (1 - part[layer])
        steps[whole[layer] + 1, columns] += step[layer] * part[layer]
    field = add_up(steps[: grid.height])
    down = np.arange(grid.height, dtype=np.float32)[:, None]
    choroid = np.clip(down - rows[Layer.CHORIOCAPILLARIS] + 0.5, 0, 1)
    return field, np.asarray(choroid, np.float32)


def paint(section: Section, field: Floats, covers: Covers) -> None:
    """Paint the section's spots over the levels (height, width), and lesions into the mask's covers, both in place."""
    for spot in section.spots:
        rows = slice(spot.row, spot.row + spot.cover.shape[0])
        columns = slice(spot.column, spot.column + spot.cover.shape[1])
        area = field[rows, columns]
        area += spot.cover * (np.float32(spot.level) - area)
        if spot.finding != Finding.NONE:
            covers.add(spot.finding, spot.row, spot.column, spot.cover)


def add_texture(section: Section, field: Floats, choroid: Floats, random: np.random.Generator) -> None:
    """Make the brightness uneven in place: streaks along the layers, and columns with more or less light."""
    grid = section.grid
    field += texture(field.shape, random, 14 / grid.tall_um, 90 / grid.wide_um) * np.float32(
        random.uniform(0.3, 1.1)
    )
    columns = random.standard_normal(grid.width).astype(np.float32)
    streaks = blur(columns[None], float(random.uniform(0.6, 4)), 1.0)[0]
    streaks *= np.float32(random.uniform(0.1, 1.0) / max(float(streaks.std()), 1e-3))
    field += choroid * streaks


def add_choroid_vessels(
    section: Section, field: Floats, choroid: Floats, random: np.random.Generator
) -> None:
    """Darken the choroid in place where its large vessels run."""
    grid = section.grid
    size = float(random.uniform(40, 105))
    flat = float(random.uniform(1.0, 2.5))
    vessels = texture(field.shape, random, size / grid.tall_um, flat * size / grid.wide_um)
    fine = texture(field.shape, random, 0.4 * size / grid.tall_um, 0.6 * size / grid.wide_um)
    vessels += np.float32(0.5) * fine
    vessels -= np.float32(1.1 - 2.0 * section.vessel_share)
    vessels *= np.float32(random.uniform(0.35, 1.1))
    np.clip(vessels, -0.35, 1, out=vessels)
    bottom = section.top(Layer.SCLERA) / np.float32(grid.tall_um)
    top = section.top(Layer.CHOROID) / np.float32(grid.tall_um)
    down = np.arange(grid.height, dtype=np.float32)[:, None]
    fade = np.float32(grid.tall_um / 70)
    vessels *= np.clip((bottom - down) * fade, 0, 1)
    vessels *= np.clip((down - top) * fade, 0, 1)
    field -= vessels * np.float32(random.uniform(1.5, 6.0))


def detected(
    section: Section, field: Floats, choroid: Floats, optics: Optics, random: np.random.Generator
) -> Floats:
    """The detected intensity, linear, float32 (height, width)."""
    grid = section.grid
    signal = field * (DECIBEL * np.float32(optics.contrast))
    np.exp(signal, out=signal)
    loss = signal * np.float32(LIGHT_LOST_PER_REFLECTED * 2 * grid.tall_um)
    loss *= 1 - np.float32(1 - SCATTER_IN_CHOROID) * choroid
    loss += choroid * np.float32(random.uniform(*CHOROID_LOSS_PER_UM) * 2 * grid.tall_um)
    add_up(loss)
    slope = np.float32(optics.depth_loss_db / grid.height) * DECIBEL
    loss += np.arange(grid.height, dtype=np.float32)[:, None] * slope
    if section.loss is not None:
        loss += section.loss
    # Light that is scattered many times reaches into shadows, so that none is quite dark.
    most = np.float32(optics.deepest_shadow_db) * DECIBEL
    loss *= np.float32(1 / most)
    np.tanh(loss, out=loss)
    loss *= -most
    below = np.arange(grid.height, dtype=np.float32)[:, None] * np.float32(grid.tall_um) - section.bruch
    np.maximum(below, 0, out=below)
    below *= np.float32(random.uniform(*TAIL_LOSS_PER_UM) * (1.0 if random.random() < 0.85 else 0.2))
    loss -= below
    signal *= np.exp(loss, out=loss)
    if optics.focus_px > 0:
        signal = blur(signal, optics.focus_px, max(0.6 * optics.focus_px, 0.3))
    signal *= speckle(grid, optics.frames, optics.grain_px, random)
    noise = speckle(grid, optics.noise_frames, (0.0, 0.0), random)
    noise *= np.exp(np.float32(optics.noise_db) * DECIBEL)
    signal += noise
    return np.asarray(signal, np.float32)


def speckle(grid: Grid, frames: float, grain_px: tuple[float, float], random: np.random.Generator) -> Floats:
    """Fully developed speckle of mean 1 (height, width): exponentially distributed, averaged over `frames`."""
    shape = (grid.height, grid.width)

    def wave() -> Floats:
        field = random.standard_normal(shape, dtype=np.float32)
        if max(grain_px) > 0.25:
            field = blur(field, max(grain_px[1], 0.2), max(grain_px[0], 0.2))
            field *= np.float32(1 / max(float(field[::7, ::7].std()), 1e-3))
        return field

    if frames >= 5:
        # A log-normal distribution of the same mean and variance is close to the mean of many exponential ones.
        spread = np.float32(np.sqrt(np.log1p(1 / frames)))
        power = wave()
        power *= spread
        power -= spread * spread / 2
        return np.exp(power, out=power)
    power, other = wave(), wave()
    power *= power
    other *= other
    power += other
    power *= np.float32(0.5)
    if frames > 1:
        np.power(power, np.float32(frames**-0.55), out=power)
        power *= np.float32(1 / max(float(power[::5, ::5].mean()), 1e-3))
    return power
