"""Single lesions on a real scan: detachments, cysts, bright spots, swellings. Each is drawn on the canvas in place."""

from __future__ import annotations

import cv2
import numpy as np

from training.simulator.canvas import Canvas
from training.simulator.findings import Finding


def serous_detachment(canvas: Canvas) -> None:
    """Draw a small dome of fluid below the epithelium."""
    rng, h, w = canvas.rng, canvas.height, canvas.width
    half, high = w * rng.uniform(0.02, 0.07), h * rng.uniform(0.01, 0.04)
    rise = high * canvas.bump(w * rng.uniform(0.2, 0.8), half, 0.8)
    base = canvas.outer + h * 0.03
    y = canvas.rows
    dy = np.where((y <= base[None] - rise[None]) & (y > base[None] - rise[None] - 0.07 * h), rise[None], 0)
    canvas.remap(np.zeros_like(dy), dy * np.clip((y - (base - rise - 0.07 * h)[None]) / (0.03 * h), 0, 1))
    cover = np.clip(y - (base - rise)[None], 0, 1) * np.clip(base[None] - y, 0, 1) * (rise > 0.6)
    canvas.paint(cover, canvas.fluid(), Finding.EPITHELIUM)


def thicker_choroid(canvas: Canvas) -> None:
    """Stretch what lies below the epithelium."""
    start = canvas.outer + 0.05 * canvas.height
    factor = canvas.rng.uniform(1.1, 1.6)
    below = np.clip(canvas.rows - start[None], 0, None)
    canvas.remap(np.zeros_like(below), below / factor - below)


def cyst(canvas: Canvas, cx: float, cy: float, rx: float, ry: float) -> None:
    """Draw a dark cavity within the retina; centre and radii in pixels."""
    rng = canvas.rng
    cover = canvas.ellipse(cx, cy, max(rx, 1.2), max(ry, 1.2), rng.normal(0, 0.25), rng.uniform(0, 0.25))
    inside = (canvas.rows > canvas.inner[None] + 2) & (canvas.rows < canvas.outer[None] - 1)
    canvas.paint(cover * inside * rng.uniform(0.75, 1), canvas.fluid(), Finding.FLUID_WITHIN)


def spot(canvas: Canvas, cx: float, depth: float, big: float = 1.0) -> None:
    """Draw a bright point or clump, and its shadow, at a depth of the retina (0 is its inner, 1 its outer boundary).

    `cx` is a column, `big` multiplies the size that is drawn at random.
    """
    rng, h, w = canvas.rng, canvas.height, canvas.width
    column = int(np.clip(cx, 0, w - 1))
    row = canvas.inner[column] + depth * (canvas.outer[column] - canvas.inner[column])
    size = h * np.exp(rng.uniform(np.log(0.004), np.log(0.014))) * big
    cover = canvas.ellipse(
        cx, row, size * rng.uniform(0.8, 2.0), size, rng.normal(0, 0.3), rng.uniform(0.1, 0.5)
    )
    canvas.paint(
        cover * rng.uniform(0.6, 1),
        min(255, canvas.bright * rng.uniform(0.9, 1.35)) * canvas.texture(),
        Finding.FOCI,
    )
    if size > 0.006 * h:
        canvas.shadow(cx, row + size, size * rng.uniform(0.8, 1.6), rng.uniform(0.1, 0.6))


def thicken(canvas: Canvas, most: float) -> None:
    """Swell the retina over a part of the width, by up to `most` of the picture's height."""
    rng, h, w = canvas.rng, canvas.height, canvas.width
    rise = np.zeros(w, np.float32)
    for _ in range(int(rng.integers(1, 4))):
        rise += (
            h
            * rng.uniform(0.1, 1)
            * most
            * canvas.bump(w * rng.uniform(0, 1), w * rng.uniform(0.15, 0.6), rng.uniform(1, 2))
        )
    rise = np.minimum(rise, 0.7 * canvas.inner)
    y, outer, inner = canvas.rows, canvas.outer[None], (canvas.inner - rise)[None]
    within = np.clip((outer - y) / np.maximum(outer - inner, 1), 0, 1)
    above = np.clip(y / np.maximum(inner, 1), 0, 1)
    dy = np.where(y >= inner, rise[None] * within, rise[None] * above)
    canvas.remap(np.zeros_like(dy), dy)
    canvas.inner = canvas.inner - rise


def disorganise(canvas: Canvas) -> None:
    """Distort and blur the inner layers over a part of the width."""
    rng, h, w = canvas.rng, canvas.height, canvas.width
    field = cv2.GaussianBlur(
        rng.standard_normal(canvas.image.shape).astype(np.float32), (0, 0), w * rng.uniform(0.015, 0.03)
    )
    field *= h * rng.uniform(0.004, 0.016) / max(field.std(), 1e-6)
    where = canvas.bump(w * rng.uniform(0.1, 0.9), w * rng.uniform(0.15, 0.5), 0.7)[None]
    depth = np.clip(
        (canvas.rows - canvas.inner[None]) / np.maximum(canvas.outer - canvas.inner, 1)[None], 0, 1
    )
    where = where * ((depth > 0) & (depth < 0.85))
    canvas.remap(np.zeros_like(field), field * where)
    smeared = cv2.GaussianBlur(canvas.image, (0, 0), w * 0.012, sigmaY=h * 0.01) * canvas.texture()
    share = rng.uniform(0.1, 0.6)
    canvas.image = canvas.image * (1 - share * where) + smeared * share * where
