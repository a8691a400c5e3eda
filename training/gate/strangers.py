"""Draws pictures that are none of a model's scans, always the same ones: it must not answer them surely."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from imaging.png import encode_png
from training.data.manifest import Scan
from training.simulator.enface import SIDE, draw_vessels
from training.simulator.scans import simulate_one

Bytes = npt.NDArray[np.uint8]
SOURCE = "strangers"
"""The source of these pictures; the kind is their label."""
FRONT_DARKNESS = 110
"""How much darker vessels are on a picture from the front."""


def write_strangers(folder: Path, per_kind: int, seed: int, size: tuple[int, int]) -> list[Scan]:
    """Write `per_kind` pictures of each kind, of `size` (height, width), into the folder; returns them."""
    written = []
    for kind, draw in KINDS.items():
        for number in range(per_kind):
            path = folder / f"{kind.replace(' ', '-')}-{number:03d}.png"
            path.write_bytes(encode_png(draw(np.random.default_rng([seed, number]), seed, number, size)))
            written.append(Scan(path, label=kind, patient=f"{SOURCE}:{kind}-{number}", source=SOURCE))
    return written


def read_strangers(folder: Path) -> list[Scan]:
    """The pictures in a folder that `write_strangers` wrote, in one order."""
    kinds = {kind.replace(" ", "-"): kind for kind in KINDS}
    return [
        Scan(path, label=kinds[kind], patient=f"{SOURCE}:{kinds[kind]}-{int(number)}", source=SOURCE)
        for path in sorted(folder.glob("*.png"))
        for kind, _, number in [path.stem.rpartition("-")]
    ]


def _noise(rng: np.random.Generator, seed: int, number: int, size: tuple[int, int]) -> Bytes:
    return rng.integers(0, 256, size, np.uint8)


def _stripes(rng: np.random.Generator, seed: int, number: int, size: tuple[int, int]) -> Bytes:
    rows, columns = np.indices(size)
    turn = rng.uniform(0, np.pi)
    waves = np.sin((rows * np.cos(turn) + columns * np.sin(turn)) / rng.uniform(4, 40))
    return np.asarray(127 + 120 * waves, np.uint8)


def _upside_down(rng: np.random.Generator, seed: int, number: int, size: tuple[int, int]) -> Bytes:
    return np.ascontiguousarray(simulate_one("NORMAL", seed, number, size)[0][::-1])


def _inverted(rng: np.random.Generator, seed: int, number: int, size: tuple[int, int]) -> Bytes:
    return np.asarray(255 - simulate_one("NORMAL", seed, number, size)[0], np.uint8)


def _from_the_front(rng: np.random.Generator, seed: int, number: int, size: tuple[int, int]) -> Bytes:
    field = np.full((SIDE, SIDE), 150.0, np.float32) + rng.normal(0, 12, (SIDE, SIDE)).astype(np.float32)
    vessels = np.zeros((SIDE, SIDE), np.uint8)
    # From micrometres around the fovea to pixels of the picture.
    for vessel in draw_vessels((0.0, 0.0), 1.0 if number % 2 else -1.0, rng):
        points = (vessel[:, :2] / 11.5 + SIDE / 2).round().astype(np.int32)
        cv2.polylines(vessels, [points.reshape(-1, 1, 2)], False, 255, max(1, round(float(vessel[0, 2]) / 8)))
    field -= FRONT_DARKNESS * cv2.GaussianBlur(vessels, (0, 0), 1.5).astype(np.float32) / 255
    height, width = size
    return np.asarray(cv2.resize(field.clip(0, 255), (width, height), interpolation=cv2.INTER_AREA), np.uint8)


KINDS: dict[str, Callable[[np.random.Generator, int, int, tuple[int, int]], Bytes]] = {
    "noise": _noise,
    "stripes": _stripes,
    "upside down": _upside_down,
    "inverted": _inverted,
    "from the front": _from_the_front,
}
"""How each kind of picture is drawn."""
