"""Draws what an OCT B-scan looks like, well enough to test with: layers on a dark ground, with speckle."""

from __future__ import annotations

import base64
import io
from functools import cache, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Grey = npt.NDArray[np.uint8]


def bscan(width: int = 512, height: int = 384, seed: int = 0) -> Grey:
    """A grey B-scan, uint8 (height, width): vitreous, bent retinal layers with a foveal pit, fading choroid."""
    noise = np.random.default_rng(seed)
    x = np.linspace(-1, 1, width)
    y = np.arange(height)[:, None] / height
    surface = 0.36 + 0.05 * x**2 + noise.uniform(0.06, 0.12) * np.exp(-((x / 0.18) ** 2))
    floor = 0.60 + 0.04 * x**2
    depth = (y - surface) / (floor - surface)
    layers = 0.55 + 0.25 * np.cos(depth * 6 * np.pi)
    bright = 1.0 * (np.abs(y - floor) < 0.015)
    choroid = 0.45 * np.exp(-np.clip(y - floor, 0, None) / 0.1)
    light = np.where(depth < 0, 0.06, np.where(depth < 1, layers, choroid)) + bright
    speckle = noise.gamma(6, 1 / 6, (height, width))
    return np.clip(light * speckle * 160, 0, 255).astype(np.uint8)


@cache
def answered_png() -> bytes:
    """A simulated B-scan that the bundled model answers with one label, CSR, and far from its thresholds."""
    from training.simulator import simulate  # which few tests need

    return encoded(simulate("CSR", 1, 3).images[0])


def encoded(pixels: npt.NDArray[Any] | Image.Image, file_format: str = "PNG", **options: Any) -> bytes:
    """An image file's bytes; `pixels` is a Pillow image or an array that Pillow knows, `options` are Pillow's."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    if file_format == "PNG":
        options.setdefault("compress_level", 1)  # speckle hardly gets smaller, and takes five times as long
    out = io.BytesIO()
    image.save(out, file_format, **options)
    return out.getvalue()


@lru_cache(maxsize=64)
def png_bytes(width: int = 512, height: int = 384, seed: int = 0) -> bytes:
    """A B-scan as a grey 8-bit PNG file."""
    return encoded(bscan(width, height, seed))


def turned(pixels: npt.NDArray[Any], file_format: str) -> bytes:
    """An image file that lies on its side, as its EXIF data say."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(pixels, file_format, exif=exif)


def from_base64(text: str) -> Image.Image:
    """A picture as it stands in an answer of the model server."""
    return Image.open(io.BytesIO(base64.b64decode(text)))
