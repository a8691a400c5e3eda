"""Simulated B-scans with masks: an eye, its signs, a device."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import cv2
import numpy as np

from training.simulator.anatomy import healthy
from training.simulator.device import Bits, Bytes, Device, draw_device, frame, show
from training.simulator.extras import add_vessels, add_vitreous
from training.simulator.labels import LABELS
from training.simulator.optics import add_choroid_vessels, add_texture, detected, paint, reflectivity
from training.simulator.section import Floats, Layer, Section, texture
from training.simulator.signs import SIGNS

MASKED_LAYERS = (Layer.SUBRETINAL_FLUID, Layer.SUBRETINAL_MATERIAL, Layer.BELOW_EPITHELIUM)
THINNEST_IN_MASK_UM = 8.0
LESION_TEXTURE_DB = 1.3
LEAST_MASK = 1e-4
"""Share of the picture: with less of the lesion in view, the signs are drawn anew."""
ATTEMPTS = 8


@dataclass(frozen=True)
class SimulatedScans:
    """`images` uint8 (count, height, width), grey; `masks` bool (count, height, width), the lesions."""

    images: Bytes
    masks: Bits


def simulate(label: str, count: int, seed: int, height: int = 496, width: int = 512) -> SimulatedScans:
    """Draw `count` scans of a label; the same seed gives the same scans.

    Raises ValueError for an unknown label.
    """
    if label not in SIGNS:
        raise ValueError(f"there is no label {label!r}; the simulator draws {', '.join(LABELS)}")
    images = np.empty((count, height, width), np.uint8)
    masks = np.empty((count, height, width), np.bool_)
    for number in range(count):
        images[number], masks[number] = simulate_one(label, seed, number, (height, width))
    return SimulatedScans(images, masks)


def simulate_one(label: str, seed: int, number: int, size: tuple[int, int]) -> tuple[Bytes, Bits]:
    """The scan `number` of a seed: picture uint8 and mask bool, both of `size` (height, width)."""
    for attempt in range(ATTEMPTS):
        image, mask = _attempt(label, seed, number, size, attempt)
        if label == "NORMAL" or mask.sum() >= max(LEAST_MASK * mask.size, 2):
            break
    return image, mask


def _attempt(label: str, seed: int, number: int, size: tuple[int, int], attempt: int) -> tuple[Bytes, Bits]:
    device, section = draw_healthy(seed, number)
    signs = np.random.default_rng([seed, number, 2, zlib.crc32(label.encode()), attempt])
    SIGNS[label](section, signs)
    noise = np.random.Generator(np.random.SFC64([seed, number, 3]))  # the fastest: noise is most of the work
    field, choroid = reflectivity(section)
    add_texture(section, field, choroid, noise)
    add_choroid_vessels(section, field, choroid, noise)
    mask = layers_in_mask(section, label)
    add_vitreous(section, field, noise, device.haze_db)
    if mask.any():
        grain = texture(mask.shape, noise, 28 / section.grid.tall_um, 60 / section.grid.wide_um)
        field += mask * grain * np.float32(LESION_TEXTURE_DB)
    paint(section, field, mask)
    add_vessels(section, field, noise)
    intensity = detected(section, field, choroid, device.optics, noise)
    return frame(show(intensity, device), mask, device, size)


def draw_healthy(seed: int, number: int) -> tuple[Device, Section]:
    """The device and the healthy eye of a scan: the same whatever its label becomes."""
    device = draw_device(np.random.default_rng([seed, number, 0]))
    return device, healthy(device.grid, np.random.default_rng([seed, number, 1]))


def layers_in_mask(section: Section, label: str) -> Floats:
    """Cover (height, width) 0..1 of the lesions that are layers and not spots."""
    grid = section.grid
    mask = np.zeros((grid.height, grid.width), np.float32)
    if label == "NORMAL":
        return mask
    down = (np.arange(grid.height, dtype=np.float32)[:, None] + 0.5) * np.float32(grid.tall_um)

    def add(top: Floats, bottom: Floats, where: Bits) -> None:
        columns = np.flatnonzero(where)
        if len(columns):
            first, last = columns[0], columns[-1] + 1
            inside = (down >= top[first:last]) & (down < bottom[first:last]) & where[first:last]
            np.maximum(mask[:, first:last], inside, out=mask[:, first:last])

    for layer in MASKED_LAYERS:
        thick = section.thickness[layer]
        top = section.top(layer)
        add(top, top + thick, thick > THINNEST_IN_MASK_UM)
    if "atrophy" in section.traits:
        bruch = section.bruch
        add(bruch - 70, bruch + 60, section.traits["atrophy"] > 0.5)
    if "cotton wool" in section.traits:
        top = section.top(Layer.NERVE_FIBRES)
        add(top, top + section.thickness[Layer.NERVE_FIBRES], section.traits["cotton wool"] > 0.2)
    for mark in section.marks:
        rows = slice(mark.row, mark.row + mark.cover.shape[0])
        columns = slice(mark.column, mark.column + mark.cover.shape[1])
        np.maximum(mask[rows, columns], mark.cover, out=mask[rows, columns])
    return mask


cv2.setNumThreads(1)
