"""A real scan on which lesions are drawn: it is warped and painted in its own grey values, with its own grain."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from training.simulator.findings import Covers, Finding, Marks
from training.simulator.layers import Layers, corners
from training.simulator.section import Floats


def as_floats(values: npt.NDArray[Any]) -> Floats:
    """The values in single precision, which OpenCV wants."""
    return np.asarray(values, np.float32)


COVERED = 0.5
"""A pixel belongs to a lesion that covers more than this share of it."""


class Canvas:
    """A scan that is being changed, with the retina's boundaries and the covers of what was drawn.

    `image` is float32 (height, width); `inner` and `outer` (width) are rows; `dark` holds grey values of the vitreous,
    `middle` and `bright` are grey values of the retina.
    """

    def __init__(self, scan: npt.NDArray[np.uint8], layers: Layers, rng: np.random.Generator) -> None:
        self.rng = rng
        self.height, self.width = scan.shape
        self.original = scan.astype(np.float32)
        self.outside = corners(scan)
        self.image = self.original.copy()
        self.inner, self.outer = layers.inner.copy(), layers.outer.copy()
        self.covers = Covers(scan.shape)
        self.x = np.arange(self.width, dtype=np.float32)
        self.rows = np.arange(self.height, dtype=np.float32)[:, None]
        inside = (self.rows < layers.inner[None] - 0.03 * self.height) & ~self.outside
        values = self.image[inside]
        self.dark = values if len(values) > 400 else self.image[self.image <= np.percentile(self.image, 12)]
        tissue = self.image[
            (self.rows > layers.inner[None]) & (self.rows < layers.outer[None]) & ~self.outside
        ]
        self.bright = float(np.percentile(tissue, 97)) if len(tissue) else 200.0
        self.middle = float(np.median(tissue)) if len(tissue) else 100.0
        self.grain = float(np.clip(self.dark.std(), 1.0, 30.0))
        # Filled, so that a warp does not draw white corners into the scan.
        self.image[self.outside] = rng.choice(self.dark, size=int(self.outside.sum()))

    def fluid(self) -> Floats:
        """A texture (height, width) with the grey values and the grain of the scan's own vitreous."""
        drawn = self.rng.choice(self.dark, size=self.image.shape).astype(np.float32)
        soft = cv2.GaussianBlur(drawn, (0, 0), 0.8)
        mean = float(np.median(self.dark))
        spread = (soft - soft.mean()) * (drawn.std() / max(float(soft.std()), 1e-3)) * 0.9
        return as_floats(np.clip(mean + spread + self.rng.uniform(0, 0.06) * self.middle, 0, 255))

    def texture(self) -> Floats:
        """Multiplicative noise (height, width) around 1, as coarse as the scan's speckle."""
        noise = cv2.GaussianBlur(self.rng.standard_normal(self.image.shape).astype(np.float32), (0, 0), 0.9)
        coarse = float(np.clip(self.grain / max(self.middle, 20), 0.04, 0.25))
        return as_floats(1 + noise / max(float(noise.std()), 1e-3) * coarse)

    def remap(self, dx: Floats, dy: Floats) -> None:
        """Move pixels: each takes the value `dx` to the right of it and `dy` below it, both (height, width).

        Cubic interpolation smooths the speckle a little.
        """
        across, down = as_floats(self.x[None] + dx), as_floats(self.rows + dy)
        self.image = as_floats(
            cv2.remap(self.image, across, down, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        )
        for finding, cover in self.covers.by_finding.items():
            self.covers.by_finding[finding] = as_floats(cv2.remap(cover, across, down, cv2.INTER_LINEAR))

    def lift(self, rise: Floats, base: Floats) -> None:
        """Raise everything above `base` by `rise` rows, both (width), and compress the vitreous.

        The gap below the raised tissue is left for the caller to fill.
        """
        y = self.rows
        top = np.maximum(self.inner[None] - rise[None], 1)
        share = np.clip(y / top, 0, 1)
        dy = np.where(y <= base[None] - rise[None], rise[None] * share, 0)
        self.remap(np.zeros_like(dy), dy)
        self.inner = self.inner - rise

    def paint(self, cover: Floats, colour: Floats, finding: Finding) -> None:
        """Blend a colour in where `cover` (0..1) says, both (height, width); NONE marks no lesion."""
        cover = np.clip(cover, 0, 1)
        self.image = self.image * (1 - cover) + colour * cover
        if finding != Finding.NONE:
            self.covers.add(finding, 0, 0, as_floats(cover))

    def ellipse(
        self, cx: float, cy: float, rx: float, ry: float, tilt: float = 0.0, rough: float = 0.0
    ) -> Floats:
        """The soft-edged cover (height, width) of an ellipse, whose rim is uneven by the share `rough`.

        Centre and radii are in pixels, `tilt` in radians.
        """
        dx, dy = self.x[None] - cx, self.rows - cy
        u, v = dx * np.cos(tilt) + dy * np.sin(tilt), dy * np.cos(tilt) - dx * np.sin(tilt)
        angle = np.arctan2(v, u)
        phase = self.rng.uniform(0, 6.28, 3)
        rim = (
            1
            + rough
            * (np.sin(2 * angle + phase[0]) + np.sin(3 * angle + phase[1]) + np.sin(5 * angle + phase[2]))
            / 2
        )
        inside = 1 - np.sqrt((u / rx) ** 2 + (v / ry) ** 2) / rim
        return as_floats(np.clip(inside * min(rx, ry) / 1.2 + 0.5, 0, 1))

    def bump(self, centre: float, half: float, power: float) -> Floats:
        """A smooth dome (width), 1 at its top and 0 from `half` columns beside it on; a higher `power` is steeper."""
        return as_floats(np.clip(1 - ((self.x - centre) / half) ** 2, 0, 1) ** power)

    def shadow(self, cx: float, cy: float, half: float, depth: float) -> None:
        """Darken what lies below row `cy`, by up to the share `depth` at column `cx`."""
        across = np.exp(-(((self.x - cx) / max(half, 0.8)) ** 2))
        self.image *= 1 - depth * across[None] * (self.rows > cy)

    def finished(self) -> tuple[npt.NDArray[np.uint8], Marks]:
        """The picture, and a `Finding` for each pixel; white corners stay as they were."""
        image = np.where(self.outside, self.original, self.image)
        marks = np.where(self.outside, 0, self.covers.marks(COVERED)).astype(np.uint8)
        return np.clip(np.rint(image), 0, 255).astype(np.uint8), marks
