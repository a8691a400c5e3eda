"""Simulated chest X-rays: a trunk with lungs, heart, ribs and collar bones, and a hazy patch where a lung is inflamed.

They are simple: made to test with, not to learn medicine from. Lengths are shares of the picture's sides.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from training.simulator.device import Bytes
from training.simulator.findings import Finding, Marks
from training.simulator.labels import CHEST_XRAY, LABELS_BY_MODALITY

Floats = npt.NDArray[np.float32]
Bits = npt.NDArray[np.bool_]

CHEST_LABELS = LABELS_BY_MODALITY[CHEST_XRAY]
SIZE = (400, 460)
"""Height and width in pixels; films are often wider than high."""
RIBS = 9
LEAST_HAZE = 0.25
"""From this share of a patch's strength on, a pixel of the lung is in the mask."""


@dataclass(frozen=True)
class Chest:
    """A drawn chest: the picture, uint8 grey, and a `Finding` and whether it is lung for each pixel."""

    image: Bytes
    findings: Marks
    lungs: Bits


def draw_chest(label: str, seed: int, number: int = 0, size: tuple[int, int] = SIZE) -> Chest:
    """The chest `number` of a seed, of `size` (height, width); the same chest under both labels.

    Raises ValueError for an unknown label.
    """
    if label not in CHEST_LABELS:
        raise ValueError(f"there is no label {label!r}; the simulator draws {', '.join(CHEST_LABELS)}")
    body = np.random.default_rng([seed, number, 0])
    y, x = _positions(size)
    lungs = _lungs(body, x, y)
    air = np.clip(cv2.GaussianBlur(lungs.sum(0), (0, 0), 0.006 * size[0]), 0, 1)
    trunk = _soft(
        1 - ((x - 0.5) / 0.47) ** 6 - np.clip((0.12 - y) / 0.3, 0, 1) ** 0.5 * ((x - 0.5) / 0.3) ** 2
    )
    light = 0.05 + 0.57 * trunk - 0.40 * air * trunk
    light += _bones(body, x, y) * trunk * 0.12
    light += 0.14 * np.exp(-(((x - 0.5) / 0.05) ** 2)) * trunk + _heart(body, x, y)
    haze = np.zeros(size, np.float32)
    if label == "PNEUMONIA":
        signs = np.random.default_rng([seed, number, 1, zlib.crc32(label.encode())])
        haze = _haze(signs, x, y, lungs)
        light += 0.34 * haze
    noise = np.random.default_rng([seed, number, 2])
    grain = noise.normal(0, noise.uniform(0.01, 0.025), size).astype(np.float32)
    shown = np.clip(light + grain, 0, 1) ** noise.uniform(0.8, 1.15) * noise.uniform(0.85, 1.05)
    return Chest(
        image=np.clip(shown * 255, 0, 255).astype(np.uint8),
        findings=np.where(haze > LEAST_HAZE, Finding.OTHER, Finding.NONE).astype(np.uint8),
        lungs=lungs.max(0) > 0.5,
    )


def simulate_chest(label: str, seed: int, number: int, size: tuple[int, int]) -> tuple[Bytes, Marks]:
    """The picture and findings of `draw_chest`, in the form that sets are written from."""
    chest = draw_chest(label, seed, number, size)
    return chest.image, chest.findings


def _positions(size: tuple[int, int]) -> tuple[Floats, Floats]:
    height, width = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return (y + 0.5) / height, (x + 0.5) / width


def _soft(value: Floats, edge: float = 0.06) -> Floats:
    """1 where the value is above 0, 0 below, with a soft edge."""
    return np.asarray(1 / (1 + np.exp(-np.clip(value / edge, -30, 30))), np.float32)


def _lungs(rng: np.random.Generator, x: Floats, y: Floats) -> Floats:
    """How far each pixel is lung (2, height, width): the lung on the left of the picture first."""
    top, floor, apart = rng.uniform(0.10, 0.16), rng.uniform(0.74, 0.84), rng.uniform(0.20, 0.23)
    wide = rng.uniform(0.13, 0.16)
    sides = []
    for side in (-1, 1):
        middle = 0.5 + side * apart + side * 0.05 * (y - 0.4)
        taper = np.clip((y - top) / 0.35, 0.02, 1) ** 0.5
        dome = floor + 0.5 * (x - middle) ** 2 / wide - 0.05 * (side < 0) - 0.03
        inside = np.minimum(1 - ((x - middle) / (wide * taper)) ** 2, (dome - y) * 8)
        sides.append(_soft(np.minimum(inside, (y - top) * 8)))
    return np.stack(sides)


def _bones(rng: np.random.Generator, x: Floats, y: Floats) -> Floats:
    """Ribs, which fall outwards, and collar bones, which rise outwards."""
    first, step, fall = rng.uniform(0.10, 0.15), rng.uniform(0.072, 0.085), rng.uniform(0.9, 1.4)
    out = np.abs(x - 0.5)
    bones = np.zeros_like(x)
    for rib in range(RIBS):
        row = first + rib * step + fall * (out - 0.12) ** 2 + 0.1 * out
        bones = np.maximum(bones, np.exp(-(((y - row) / 0.011) ** 2)))
    collar = 0.20 - 0.28 * (out - 0.05)
    collars = 1.3 * np.exp(-(((y - collar) / 0.014) ** 2)) * (out > 0.05)
    return np.asarray(np.maximum(bones, collars), np.float32)


def _heart(rng: np.random.Generator, x: Floats, y: Floats) -> Floats:
    """The heart, which lies more to the right of the picture, and the vessels above it."""
    across, down = rng.uniform(0.54, 0.57), rng.uniform(0.62, 0.68)
    heart = _soft(1 - ((x - across) / rng.uniform(0.12, 0.15)) ** 2 - ((y - down) / 0.15) ** 2, 0.12)
    vessels = _soft(1 - ((x - 0.5) / 0.065) ** 2 - ((y - 0.35) / 0.25) ** 2, 0.15)
    return np.asarray(0.26 * np.maximum(heart, 0.8 * vessels), np.float32)


def _haze(rng: np.random.Generator, x: Floats, y: Floats, lungs: Floats) -> Floats:
    """One or two soft, uneven patches within the lungs, 0 to 1."""
    haze = np.zeros_like(x)
    for side in rng.permutation(2)[: rng.integers(1, 3)]:
        places = np.argwhere((lungs[side] > 0.9) & (y > 0.3))
        row, column = places[rng.integers(len(places))]
        wide, tall = rng.uniform(0.07, 0.12), rng.uniform(0.09, 0.16)
        spot = np.exp(-(((x - x[row, column]) / wide) ** 2) - ((y - y[row, column]) / tall) ** 2)
        uneven = cv2.GaussianBlur(rng.normal(0, 1, x.shape).astype(np.float32), (0, 0), 0.02 * x.shape[0])
        haze = np.maximum(haze, spot * (1 + 0.2 * uneven / uneven.std()) * lungs[side])
    return np.asarray(np.clip(haze, 0, 1), np.float32)
