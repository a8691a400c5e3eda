"""Draws pictures of a third modality: what looks like colour photographs of the back of the eye, to test with."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Rgb = npt.NDArray[np.uint8]

SIDE, FIELD = 256, 0.47
"""Pixels on a side, and the radius of the round field as a share of it."""


def fundus(label: str = "NORMAL", seed: int = 0, side: int = SIDE) -> Rgb:
    """A round orange field on black, with a bright disc, a dark macula and vessels; with DR also dark spots."""
    noise = np.random.default_rng(seed)
    y, x = (np.mgrid[:side, :side].astype(np.float32) + 0.5) / side - 0.5
    field = np.hypot(x, y) < FIELD
    disc = noise.uniform(-0.03, 0.03) + 0.2 * (1 if seed % 2 else -1)
    light = 0.75 - 0.5 * np.hypot(x, y) + 0.35 * np.exp(-((np.hypot(x - disc, y) / 0.05) ** 4))
    light -= 0.2 * np.exp(-((np.hypot(x + disc / 3, y) / 0.08) ** 2))
    vessels = np.zeros((side, side), np.float32)
    for rise in (-1, 1):
        for bend in noise.uniform(1.2, 2.6, 2):
            along = np.linspace(0, 0.6, 40)
            across = disc - np.sign(disc) * along
            points = np.stack([across, rise * 0.25 * np.sin(bend * 2 * along)], 1)
            cv2.polylines(
                vessels,
                [((points + 0.5) * side).astype(np.int32)],
                False,
                1.0,
                max(side // 80, 1),
                cv2.LINE_AA,
            )
    light -= 0.25 * vessels
    if label == "DR":
        for across, down in noise.uniform(-0.28, 0.28, (14, 2)):
            light -= 0.5 * np.exp(-((np.hypot(x - across, y - down) / 0.02) ** 2))
    light = np.clip(light + noise.normal(0, 0.02, light.shape), 0, 1) * field
    return np.stack([255 * light, 140 * light, 60 * light], axis=2).clip(0, 255).astype(np.uint8)
