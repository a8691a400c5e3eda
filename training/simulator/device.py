"""Devices: pixel scale, noise, window, framing; drawn without regard to the label."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from training.simulator.findings import Covers, Marks
from training.simulator.optics import DECIBEL, Optics
from training.simulator.section import Floats, Grid, blur, texture

Bytes = npt.NDArray[np.uint8]
Bits = npt.NDArray[np.bool_]

LEAST_WINDOW_DB = 8.0
"""The narrowest window: in a narrower one the noise of a dark scan would fill all grey values."""
BEST_JPEG_QUALITY = 100
"""From this quality on no JPEG is made: the picture stays as it is."""
COVERED = 0.4
"""Share of a pixel that a lesion must cover to be in the mask: below half, so that thin lesions survive resizing."""


@dataclass(frozen=True)
class Device:
    """The settings with which one scan is taken, shown and stored.

    `black_db` is the level, in decibels, that is shown as black; `brightest` the grey (0..1) of the brightest
    hundredth; `fill` the grey (0..255) of what a rotation or a border lays bare.
    """

    grid: Grid
    optics: Optics
    black_db: float
    brightest: float
    gamma: float
    turn_degrees: float
    fill: float
    border_px: int
    smooth_px: float
    jpeg_quality: int
    mirror: bool
    haze_db: float


@dataclass(frozen=True)
class _Sensor:
    """What differs between kinds of device; `black_db` as in `Device`, the rest as in `Optics`."""

    grid: Grid
    frames: float
    noise_db: float
    black_db: float
    grain_px: tuple[float, float]


def draw_device(random: np.random.Generator) -> Device:
    """A device of one of four kinds, each with a range of settings."""
    sensor = _draw_sensor(random)
    turned = random.random() < 0.22
    return Device(
        grid=sensor.grid,
        optics=Optics(
            frames=sensor.frames,
            grain_px=sensor.grain_px,
            noise_db=sensor.noise_db,
            contrast=float(random.uniform(0.8, 1.1)),
            focus_px=float(random.uniform(0.4, 1.3)),
            depth_loss_db=float(random.uniform(0, 8)),
            deepest_shadow_db=float(random.uniform(7, 17)),
            noise_frames=float(random.choice((1, 1, 2, 4, 10, 40))),
        ),
        black_db=sensor.black_db,
        brightest=float(np.clip(random.normal(0.82, 0.13), 0.5, 1.08)),
        gamma=float(np.exp(random.normal(0.28, 0.25))),
        turn_degrees=float(random.normal(0, 7)) if turned else 0.0,
        fill=255.0 if random.random() < 0.6 else 0.0,
        border_px=int(random.integers(1, 12)) if random.random() < 0.06 else 0,
        smooth_px=float(random.uniform(0.5, 1.1)) if random.random() < 0.25 else 0.0,
        jpeg_quality=int(random.integers(35, 96)) if random.random() < 0.5 else 100,
        mirror=bool(random.random() < 0.5),
        haze_db=float(random.uniform(0, 5)),
    )


def _draw_sensor(random: np.random.Generator) -> _Sensor:
    kind = random.choice(4, p=(0.35, 0.25, 0.25, 0.15))
    if kind == 0:  # Spectralis: averaged, black vitreous, tight contrast
        wide = int(random.choice((512, 512, 768, 1024)))
        grid = Grid(
            496, wide, float(random.uniform(2.8, 3.9)), float(random.uniform(5.0, 12.5)) * (512 / wide) ** 0.5
        )
        frames, noise = float(random.choice((6, 12, 20, 40, 80))), float(random.uniform(0, 4))
        low = noise + random.uniform(-5, 1.0)
        grain = (random.uniform(0.5, 0.9), random.uniform(0.4, 0.9))
    elif kind == 1:  # wide frames, dark grey vitreous
        grid = Grid(
            int(random.integers(290, 430)),
            int(random.integers(680, 1000)),
            random.uniform(2.8, 4.9),
            random.uniform(8.5, 14.0),
        )
        frames, noise = float(random.uniform(8, 60)), float(random.uniform(0, 5))
        low = noise - random.uniform(0, 4)
        grain = (random.uniform(0.4, 0.8), random.uniform(0.5, 1.0))
    elif kind == 2:  # noisy spectral domain: one to four frames, grey vitreous
        grid = Grid(
            int(random.integers(400, 640)),
            int(random.integers(500, 760)),
            random.uniform(2.0, 3.8),
            random.uniform(6.0, 13.0),
        )
        frames, noise = float(random.choice((1, 2, 4, 6, 10))), float(random.uniform(1, 8))
        low = noise - random.uniform(0, 8)
        grain = (random.uniform(0.6, 1.3), random.uniform(0.5, 1.4))
    else:  # swept source and others
        grid = Grid(
            int(random.integers(380, 600)),
            int(random.integers(500, 900)),
            random.uniform(2.2, 4.2),
            random.uniform(7.0, 13.5),
        )
        frames, noise = float(random.choice((2, 6, 16, 50))), float(random.uniform(0, 8))
        low = noise - random.uniform(-1, 7)
        grain = (random.uniform(0.5, 1.5), random.uniform(0.5, 1.6))
    return _Sensor(grid, frames, noise, float(low), (float(grain[0]), float(grain[1])))


def show(intensity: Floats, device: Device) -> Floats:
    """Log compression, window and gamma: 0..255 float32."""
    grey = np.log(intensity + np.float32(1e-6))
    low = device.black_db
    # Devices adjust the window to each scan, so that its brightest hundredth gets the grey `brightest`.
    bright = float(np.percentile(grey[::5, ::5], 99)) / float(DECIBEL)
    high = low + max(bright - low, LEAST_WINDOW_DB) / device.brightest ** (1 / device.gamma)
    grey *= np.float32(1 / (DECIBEL * (high - low)))
    grey -= np.float32(low / (high - low))
    np.clip(grey, 0, 1, out=grey)
    if abs(device.gamma - 1) > 0.03:
        np.power(grey, np.float32(device.gamma), out=grey)
    grey *= np.float32(255)
    return np.asarray(grey, np.float32)


def frame(grey: Floats, covers: Covers, device: Device, size: tuple[int, int]) -> tuple[Bytes, Marks]:
    """Turn, mirror, resize to (height, width) and store: the picture, and a `Finding` for each pixel."""
    if device.smooth_px > 0:
        grey = blur(grey, device.smooth_px, device.smooth_px)
    if device.turn_degrees:
        grey = _turn(grey, device.turn_degrees, device.fill)
    if device.border_px:
        border = np.ones(grey.shape, np.bool_)
        border[device.border_px : -device.border_px, device.border_px : -device.border_px] = False
        grey[border] = device.fill
    if device.mirror:
        grey = grey[:, ::-1]
    if grey.shape != size:
        shrunk = grey.size >= size[0] * size[1]
        grey = _resize(grey, size, cv2.INTER_AREA if shrunk else cv2.INTER_LINEAR)
    picture = np.clip(grey + np.float32(0.5), 0, 255).astype(np.uint8)
    if device.jpeg_quality < BEST_JPEG_QUALITY:
        _, stored = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, device.jpeg_quality])
        picture = np.asarray(cv2.imdecode(stored, cv2.IMREAD_GRAYSCALE), np.uint8)
    framed = Covers(size)
    for finding, cover in covers.by_finding.items():
        framed.by_finding[finding] = _framed(cover, device, size)
    return picture, framed.marks(COVERED)


def _framed(cover: Floats, device: Device, size: tuple[int, int]) -> Floats:
    """A cover turned, mirrored and resized like its picture."""
    if device.turn_degrees:
        cover = _turn(cover, device.turn_degrees, 0.0)
    if device.mirror:
        cover = cover[:, ::-1]
    return cover if cover.shape == size else _resize(cover, size, cv2.INTER_AREA)


def _turn(field: Floats, degrees: float, fill: float) -> Floats:
    height, width = field.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    return np.asarray(
        cv2.warpAffine(
            field,
            matrix,
            (width, height),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=fill,
        ),
        np.float32,
    )


def _resize(field: Floats, size: tuple[int, int], interpolation: int) -> Floats:
    return np.asarray(
        cv2.resize(np.ascontiguousarray(field), size[::-1], interpolation=interpolation), np.float32
    )


def haze(grid: Grid, random: np.random.Generator, strength_db: float) -> Floats:
    """Uneven brightness of the vitreous (height, width), decibels."""
    return texture((grid.height, grid.width), random, grid.height / 2.5, grid.width / 2.5) * np.float32(
        0.3 * strength_db
    )
