"""Lesions drawn into real healthy scans, so that the simulator's texture gives no label away."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from training.simulator.canvas import Canvas
from training.simulator.findings import Finding, Marks
from training.simulator.graft_lesions import (
    cyst,
    disorganise,
    serous_detachment,
    spot,
    thicken,
    thicker_choroid,
)
from training.simulator.layers import Layers, find_layers
from training.simulator.section import Floats

LABELS = ("CSR", "DME", "DR", "MH", "NORMAL")
"""The labels whose signs can be drawn into a healthy scan."""


def draw_csr(canvas: Canvas) -> None:
    """A smooth dome of dark fluid below the neurosensory retina, sometimes with a small one below the epithelium."""
    rng, h, w = canvas.rng, canvas.height, canvas.width
    for number in range(1 + (rng.random() < 0.15)):
        half = w * rng.uniform(0.1, 0.38) * (1 if number == 0 else 0.4)
        centre = w * (rng.uniform(0.3, 0.7) if number == 0 else rng.uniform(0.1, 0.9))
        high = h * np.exp(rng.uniform(np.log(0.025), np.log(0.17))) * min(1, half / (0.16 * w)) ** 0.5
        high = min(high, 0.8 * float(canvas.inner.min()))
        rise = high * canvas.bump(centre, half, rng.uniform(0.7, 1.5))
        # The photoreceptors come off with the retina; the epithelium stays.
        base = canvas.outer + h * rng.uniform(0.006, 0.02)
        shaggy = cv2.GaussianBlur(rng.standard_normal((1, w)).astype(np.float32), (0, 0), rng.uniform(1, 4))[
            0
        ]
        shaggy *= rng.uniform(0, 0.012) * h / max(shaggy.std(), 1e-3) * (rise > 0.03 * h)
        canvas.lift(rise, base)
        ceiling = base - rise + np.maximum(shaggy, -0.5 * rise)
        cover = (
            np.clip(canvas.rows - ceiling[None], 0, 1) * np.clip(base[None] - canvas.rows, 0, 1) * (rise > 1)
        )
        canvas.paint(
            cv2.GaussianBlur(cover.astype(np.float32), (0, 0), 0.6), canvas.fluid(), Finding.FLUID_BELOW
        )
        if rng.random() < 0.4:  # more light reaches what lies below
            gain = 1 + rng.uniform(0.05, 0.3) * (rise / high)[None] * (canvas.rows > base[None])
            canvas.image *= gain
    if rng.random() < 0.25:
        serous_detachment(canvas)
    for _ in range(int(rng.integers(0, 4)) if rng.random() < 0.4 else 0):
        spot(canvas, rng.uniform(0.3, 0.7) * w, rng.uniform(0.75, 1.0))
    if rng.random() < 0.5:
        thicker_choroid(canvas)


def draw_hole(canvas: Canvas) -> None:
    """A gap through the whole retina with raised, rounded, cystic edges; sometimes through a part of its depth only."""
    rng, h, w = canvas.rng, canvas.height, canvas.width
    centre = w * rng.uniform(0.36, 0.64)
    half = w * np.exp(rng.uniform(np.log(0.018), np.log(0.12)))
    reach = half * rng.uniform(2.0, 3.5) + 0.06 * w
    raised = h * rng.uniform(0.01, 0.09)
    d = np.abs(canvas.x - centre)
    raised = min(raised, 0.6 * float(canvas.inner.min()))
    cuff = raised * np.exp(-((np.clip(d - half, 0, None) / (reach * rng.uniform(0.35, 0.8))) ** 2))
    canvas.lift(cuff.astype(np.float32), canvas.outer - 0.01 * h)
    floor = canvas.outer - h * rng.uniform(0.0, 0.012)
    gap = canvas.outer - canvas.inner
    # Stretch the raised edges down to the floor: lift left a gap of `cuff` rows above it.
    y = canvas.rows
    span = np.maximum(floor - canvas.inner, 4)
    t = np.clip((y - canvas.inner[None]) / span[None], 0, 1)
    dy = np.where(
        (y > canvas.inner[None]) & (y < floor[None]), -t * (cuff * (span - 1) / np.maximum(span, 1))[None], 0
    )
    canvas.remap(np.zeros_like(dy), dy)
    waist, flare, roll = rng.uniform(0.3, 0.6), rng.uniform(0.2, 0.9), rng.uniform(0.1, 0.6)
    opened = half * (1 + flare * ((t - waist) / 0.5) ** 2) * (1 + roll * np.clip(1 - 4 * t, 0, 1) ** 2)
    lean = rng.normal(0, 0.15) * half * (t - 0.5) * 2
    signed = canvas.x[None] - centre - lean
    distance = np.abs(signed)
    pushed = np.where(distance < reach, (distance - opened) * reach / np.maximum(reach - opened, 1), distance)
    dx = np.where(
        (y > canvas.inner[None] - 0.03 * h) & (y < floor[None]),
        np.sign(signed) * np.clip(pushed, 0, None) - signed,
        0,
    )
    canvas.remap(dx, np.zeros_like(dx))
    partial = rng.random() < 0.12
    top = canvas.inner[None] - 0.05 * h
    bottom = (canvas.inner + rng.uniform(0.45, 0.7) * gap)[None] if partial else floor[None]
    cover = np.clip(opened - distance + 0.5, 0, 1) * np.clip(y - top, 0, 1) * np.clip(bottom - y, 0, 1)
    canvas.paint(cv2.GaussianBlur(cover.astype(np.float32), (0, 0), 0.7), canvas.fluid(), Finding.HOLE)
    _add_edge_cysts(canvas, centre, half, floor)
    if rng.random() < 0.5 and not partial:
        _brighten_below(canvas, centre, half, floor)
    if rng.random() < 0.35:
        _add_operculum(canvas, centre, half)


def _add_edge_cysts(canvas: Canvas, centre: float, half: float, floor: Floats) -> None:
    """Up to five cysts in each edge of a hole; `floor` (width) is its lowest row."""
    rng, h, w = canvas.rng, canvas.height, canvas.width
    for side in (-1, 1):
        for _ in range(int(rng.integers(0, 6))):
            away = half * rng.uniform(1.25, 1.4) + rng.uniform(0.01, 0.09) * w
            depth = rng.uniform(0.25, 0.8)
            column = int(np.clip(centre + side * away, 0, w - 1))
            row = canvas.inner[column] + depth * (floor[column] - canvas.inner[column])
            cyst(canvas, column, row, w * rng.uniform(0.006, 0.025), h * rng.uniform(0.008, 0.04))


def _brighten_below(canvas: Canvas, centre: float, half: float, floor: Floats) -> None:
    """Brighten what lies below a hole, where no retina absorbs light."""
    rng, y = canvas.rng, canvas.rows
    across = 1 / (1 + np.exp((np.abs(canvas.x - centre) - half) / max(0.25 * half, 1.5)))
    deep = np.exp(-np.clip(y - floor[None], 0, None) / (canvas.height * rng.uniform(0.08, 0.3)))
    canvas.image = canvas.image * (1 + rng.uniform(0.1, 0.6) * across[None] * deep * (y >= floor[None]))


def _add_operculum(canvas: Canvas, centre: float, half: float) -> None:
    """Draw the piece of retina that was torn out and hovers above the hole, where there is room for it."""
    rng, h = canvas.rng, canvas.height
    hover = float(canvas.inner[int(centre)]) - h * rng.uniform(0.02, 0.12)
    if hover > 4:
        cap = canvas.ellipse(
            centre + rng.normal(0, half),
            hover,
            half * rng.uniform(0.3, 0.9),
            h * rng.uniform(0.006, 0.02),
            rough=0.2,
        )
        canvas.paint(cap, canvas.middle * rng.uniform(0.8, 1.3) * canvas.texture(), Finding.NONE)


def draw_dr(canvas: Canvas) -> None:
    """Draw foci and exudates with shadows, disorganised inner layers, swellings, and small cysts off the centre."""
    rng, h, w = canvas.rng, canvas.height, canvas.width
    if rng.random() < 0.5:
        thicken(canvas, rng.uniform(0.01, 0.09))
    if rng.random() < 0.6:
        disorganise(canvas)
    for _ in range(int(rng.integers(0, 6)) if rng.random() < 0.45 else 0):
        column = w * (rng.uniform(0.02, 0.4) if rng.random() < 0.5 else rng.uniform(0.6, 0.98))
        at = int(column)
        row = canvas.inner[at] + rng.uniform(0.3, 0.75) * (canvas.outer[at] - canvas.inner[at])
        cyst(canvas, column, row, w * rng.uniform(0.006, 0.03), h * rng.uniform(0.006, 0.025))
    clusters = [
        (w * rng.uniform(0.05, 0.95), w * rng.uniform(0.02, 0.2)) for _ in range(int(rng.integers(1, 4)))
    ]
    for _ in range(int(np.exp(rng.uniform(np.log(3), np.log(45))))):
        centre, spread = clusters[int(rng.integers(len(clusters)))]
        spot(
            canvas,
            rng.normal(centre, spread),
            float(np.clip(rng.normal(0.55, 0.18), 0.12, 0.92)),
            big=rng.uniform(0.6, 1.6),
        )
    if rng.random() < 0.3:
        column = w * rng.uniform(0.1, 0.9)
        at = int(column)
        puff = canvas.ellipse(
            column,
            canvas.inner[at] + 0.02 * h,
            w * rng.uniform(0.03, 0.08),
            h * rng.uniform(0.012, 0.035),
            rough=0.15,
        )
        canvas.paint(
            puff * rng.uniform(0.5, 0.9),
            canvas.bright * rng.uniform(0.8, 1.1) * canvas.texture(),
            Finding.OTHER,
        )
        canvas.shadow(column, canvas.inner[at] + 0.05 * h, w * 0.05, rng.uniform(0.1, 0.4))
    if rng.random() < 0.25:
        wave = cv2.GaussianBlur(rng.standard_normal((1, w)).astype(np.float32), (0, 0), w * 0.03)[0]
        line = canvas.inner - h * 0.012 + wave / max(wave.std(), 1e-6) * h * 0.008
        cover = (
            np.clip(1.2 - np.abs(canvas.rows - line[None]) / max(1.0, h * 0.006), 0, 1)
            * canvas.bump(w * rng.uniform(0.2, 0.8), w * rng.uniform(0.2, 0.6), 0.3)[None]
        )
        canvas.paint(cover * rng.uniform(0.5, 1), canvas.bright * canvas.texture(), Finding.OTHER)


def draw_dme(canvas: Canvas) -> None:
    """Draw a thickened retina with large cysts near the centre and some foci."""
    rng, h, w = canvas.rng, canvas.height, canvas.width
    thicken(canvas, rng.uniform(0.05, 0.16))
    centre = w * rng.uniform(0.35, 0.65)
    for _ in range(int(rng.integers(2, 14))):
        column = float(np.clip(rng.normal(centre, 0.13 * w), 2, w - 3))
        at = int(column)
        row = canvas.inner[at] + rng.uniform(0.25, 0.8) * (canvas.outer[at] - canvas.inner[at])
        cyst(canvas, column, row, w * rng.uniform(0.01, 0.05), h * rng.uniform(0.012, 0.06))
    for _ in range(int(rng.integers(0, 10))):
        spot(canvas, w * rng.uniform(0.1, 0.9), rng.uniform(0.3, 0.9))


def draw_nothing(canvas: Canvas) -> None:
    """Warp the scan as the other labels do, without a lesion: resampling alone must not give a label away."""
    rng, h, w = canvas.rng, canvas.height, canvas.width
    field = cv2.GaussianBlur(
        rng.standard_normal((1, w)).astype(np.float32), (0, 0), w * rng.uniform(0.08, 0.2)
    )[0]
    rise = np.abs(field) / max(np.abs(field).max(), 1e-6) * h * rng.uniform(0, 0.05)
    rise = np.minimum(rise, 0.6 * canvas.inner).astype(np.float32)
    share = np.clip(canvas.rows / (canvas.outer + 0.05 * h)[None], 0, 1)
    canvas.remap(np.zeros_like(share), (rise[None] * share).astype(np.float32))


DRAWINGS = {"CSR": draw_csr, "DME": draw_dme, "DR": draw_dr, "MH": draw_hole, "NORMAL": draw_nothing}


def graft(scan: npt.NDArray[np.uint8], label: str, seed: int) -> tuple[npt.NDArray[np.uint8], Marks] | None:
    """Draw the signs of one of `LABELS` into a healthy scan, uint8 (height, width).

    Returns the picture and a `Finding` for each pixel, both of the scan's size; None when its layers can't be found.
    """
    layers = find_layers(scan)
    if not layers.trusted:
        return None
    rng = np.random.default_rng(seed)
    if rng.random() < 0.5:
        scan, layers = (
            scan[:, ::-1].copy(),
            Layers(layers.inner[::-1].copy(), layers.outer[::-1].copy(), True),
        )
    canvas = Canvas(scan, layers, rng)
    DRAWINGS[label](canvas)
    return canvas.finished()
