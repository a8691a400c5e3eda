"""What an eye's vessels and its retina look like from the front: where B-scans cross vessels, and the en-face image."""

from __future__ import annotations

import cv2
import numpy as np

from training.simulator.device import Bytes
from training.simulator.section import Floats, texture

SIDE, ENFACE_UM = 768, 11.5
"""Pixels of the image's sides, and what they measure: 30 degrees."""
SPAN_UM = 5900.0
"""Of the volume in its middle, along and across the B-scans: 20 degrees."""
DISC_UM = 3900.0
"""From the fovea to the disc's middle."""
DISC_RADIUS_UM = 850.0
STEP_UM = 25.0
"""From a point of a vessel to the next."""
ARCADE_UM = 9000.0
"""About the length of the vessels around the fovea."""
ARCADES, BRANCHES = 4, 10
VESSEL_DEPTH = 0.55
"""How much darker the widest vessels are than what is around them."""

Vessel = Floats
"""Points (count, 3) along a vessel: x, y and half width in micrometres, with y from the volume's upper border."""


def draw_vessels(fovea: tuple[float, float], side: float, random: np.random.Generator) -> list[Vessel]:
    """Arcades that leave the disc and go around the fovea, above and below, and branches of them towards it."""
    disc = (fovea[0] + side * DISC_UM, fovea[1] - 250.0)
    found = []
    for number in range(ARCADES):
        up = 1.0 if number % 2 else -1.0
        distance = float(random.uniform(1500, 2900))
        half = float(random.uniform(38, 72))
        t = np.arange(0, 1, STEP_UM / ARCADE_UM).astype(np.float32)
        # From the disc away, around the fovea, and back to the raphe.
        x = disc[0] - side * t * (DISC_UM + 3600)
        y = disc[1] + up * distance * np.clip(np.sin(np.pi * np.clip(t * 1.05, 0, 1)), 0, 1) ** 0.7
        y += np.cumsum(random.normal(0, 4, len(t))).astype(np.float32)
        main = np.stack([x, y, half * (1 - 0.6 * t)], 1).astype(np.float32)
        found.append(main)
        for _ in range(int(random.integers(2, BRANCHES // 2))):
            found.append(_branch(main, fovea, random))
    return found


def _branch(main: Vessel, fovea: tuple[float, float], random: np.random.Generator) -> Vessel:
    """A vessel that leaves another for the fovea, and ends before it."""
    start = main[int(random.integers(len(main) // 8, len(main)))]
    to_fovea = np.array([fovea[0] - start[0], fovea[1] - start[1]], np.float32)
    length = float(np.hypot(*to_fovea))
    reach = max(length - float(random.uniform(450, 1100)), STEP_UM * 2)
    t = np.arange(0, reach, STEP_UM).astype(np.float32)
    heading = np.arctan2(to_fovea[1], to_fovea[0]) + np.cumsum(random.normal(0, 0.03, len(t)))
    x = start[0] + np.cumsum(np.cos(heading)) * STEP_UM
    y = start[1] + np.cumsum(np.sin(heading)) * STEP_UM
    half = start[2] * float(random.uniform(0.35, 0.7)) * (1 - 0.6 * t / reach)
    return np.stack([x, y, np.maximum(half, 9)], 1).astype(np.float32)


def crossings(vessels: list[Vessel], y: float) -> list[tuple[float, float, float]]:
    """Where a B-scan at `y` meets vessels: the place along it, the half width there and the half height, in micrometres."""
    found = []
    for vessel in vessels:
        near = np.flatnonzero(np.abs(vessel[:, 1] - y) < vessel[:, 2])
        for run in np.split(near, np.flatnonzero(np.diff(near) > 1) + 1):
            if len(run):
                part = vessel[run]
                half = float(part[:, 2].mean())
                along = float(part[:, 0].mean())
                found.append((along, half + float(np.ptp(part[:, 0])) / 2, half))
    return [crossing for crossing in found if crossing[0] > 0]


def draw_enface(
    vessels: list[Vessel],
    fovea: tuple[float, float],
    side: float,
    lesion: tuple[float, float, float, float] | None,
    random: np.random.Generator,
) -> Bytes:
    """The retina from the front as a scanning laser shows it, uint8 (`SIDE`, `SIDE`)."""
    border = (SIDE * ENFACE_UM - SPAN_UM) / 2
    across = (np.arange(SIDE, dtype=np.float32) + 0.5) * np.float32(ENFACE_UM) - np.float32(border)
    x, y = across[None], across[:, None]
    light = 120 + 10 * texture((SIDE, SIDE), random, 180, 180) + 6 * texture((SIDE, SIDE), random, 8, 8)
    light *= 1 - 0.25 * (((x - SPAN_UM / 2) / 5000) ** 2 + ((y - SPAN_UM / 2) / 5000) ** 2)
    light *= 1 - 0.25 * np.exp(-(((x - fovea[0]) ** 2 + (y - fovea[1]) ** 2) / 600.0**2))
    disc = (x - fovea[0] - side * DISC_UM) ** 2 + (y - fovea[1] + 250) ** 2
    light += 55 * np.clip((DISC_RADIUS_UM - np.sqrt(disc)) / 120 + 0.5, 0, 1)
    if lesion is not None:
        at_x, at_y, reach, change = lesion
        where = np.exp(-((((x - at_x) / reach) ** 2 + ((y - at_y) / reach) ** 2) * 1.5))
        light *= 1 + change * where * (1 + 0.4 * texture((SIDE, SIDE), random, 20, 20))
    dark = np.zeros((SIDE, SIDE), np.float32)
    for vessel in vessels:
        points = ((vessel[:, :2] + border) / ENFACE_UM).astype(np.int32)
        for one, other, half in zip(points[:-1], points[1:], vessel[:, 2], strict=False):
            width = max(round(2 * float(half) / ENFACE_UM), 1)
            depth = VESSEL_DEPTH * min(float(half) / 60 + 0.25, 1)
            cv2.line(dark, one.tolist(), other.tolist(), depth, width, cv2.LINE_AA)
    light *= 1 - np.asarray(cv2.GaussianBlur(dark, (0, 0), 0.8), np.float32)
    light *= random.gamma(40, 1 / 40, light.shape).astype(np.float32)
    return np.asarray(np.clip(light, 0, 255), np.uint8)
