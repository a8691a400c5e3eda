"""Simulated B-scans with masks: a device, a healthy eye, the signs of a label, and the picture of it all."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import cv2
import numpy as np

from training.simulator.anatomy import healthy
from training.simulator.device import Bits, Bytes, Device, draw_device, frame, show
from training.simulator.extras import add_vessels, add_vitreous
from training.simulator.findings import Covers, Finding, Marks
from training.simulator.labels import LABELS
from training.simulator.optics import add_choroid_vessels, add_texture, detected, paint, reflectivity
from training.simulator.section import Floats, Layer, Section, texture
from training.simulator.signs import SIGNS

MASKED_LAYERS = {
    Layer.SUBRETINAL_FLUID: Finding.FLUID_BELOW,
    Layer.SUBRETINAL_MATERIAL: Finding.MATERIAL,
    Layer.BELOW_EPITHELIUM: Finding.EPITHELIUM,
}
"""Lesions that are layers, by the finding that the mask shows."""
THINNEST_IN_MASK_UM = 8.0
"""Thinner parts of these layers are not in the mask."""
LESION_TEXTURE_DB = 1.3
LEAST_MASK = 1e-4
"""Share of the picture that a lesion must cover; otherwise the signs are drawn again, `ATTEMPTS` times at most."""
ATTEMPTS = 8


@dataclass(frozen=True)
class SimulatedScans:
    """`images` uint8 (count, height, width), grey; `findings` uint8 of the same shape, a `Finding` for each pixel."""

    images: Bytes
    findings: Marks

    @property
    def masks(self) -> Bits:
        """Where the lesions are, of whatever kind: bool (count, height, width)."""
        return self.findings > 0


def simulate(label: str, count: int, seed: int, height: int = 496, width: int = 512) -> SimulatedScans:
    """Draw `count` scans of a label; the same seed gives the same scans.

    Raises ValueError for an unknown label.
    """
    if label not in SIGNS:
        raise ValueError(f"there is no label {label!r}; the simulator draws {', '.join(LABELS)}")
    images = np.empty((count, height, width), np.uint8)
    findings = np.empty((count, height, width), np.uint8)
    for number in range(count):
        images[number], findings[number] = simulate_one(label, seed, number, (height, width))
    return SimulatedScans(images, findings)


def simulate_one(label: str, seed: int, number: int, size: tuple[int, int]) -> tuple[Bytes, Marks]:
    """The scan `number` of a seed: picture uint8 and a `Finding` for each pixel, both of `size` (height, width)."""
    for attempt in range(ATTEMPTS):
        image, findings = _attempt(label, seed, number, size, attempt)
        if label == "NORMAL" or (findings > 0).sum() >= max(LEAST_MASK * findings.size, 2):
            break
    return image, findings


def _attempt(label: str, seed: int, number: int, size: tuple[int, int], attempt: int) -> tuple[Bytes, Marks]:
    device, section = draw_healthy(seed, number)
    signs = np.random.default_rng([seed, number, 2, zlib.crc32(label.encode()), attempt])
    SIGNS[label](section, signs)
    # Noise is most of the work, and this is the fastest generator.
    noise = np.random.Generator(np.random.SFC64([seed, number, 3]))
    field, choroid = reflectivity(section)
    add_texture(section, field, choroid, noise)
    add_choroid_vessels(section, field, choroid, noise)
    covers = layers_in_mask(section, label)
    mask = covers.any()
    add_vitreous(section, field, noise, device.haze_db)
    if mask.any():
        grain = texture(mask.shape, noise, 28 / section.grid.tall_um, 60 / section.grid.wide_um)
        field += mask * grain * np.float32(LESION_TEXTURE_DB)
    paint(section, field, covers)
    add_vessels(section, field, noise)
    intensity = detected(section, field, choroid, device.optics, noise)
    return frame(show(intensity, device), covers, device, size)


def draw_healthy(seed: int, number: int) -> tuple[Device, Section]:
    """The device and the healthy eye of the scan `number` of a seed, the same under every label."""
    device = draw_device(np.random.default_rng([seed, number, 0]))
    return device, healthy(device.grid, np.random.default_rng([seed, number, 1]))


def layers_in_mask(section: Section, label: str) -> Covers:
    """Covers (height, width) of the lesions that are not painted as spots."""
    grid = section.grid
    covers = Covers((grid.height, grid.width))
    if label == "NORMAL":
        return covers
    down = (np.arange(grid.height, dtype=np.float32)[:, None] + 0.5) * np.float32(grid.tall_um)

    def add(finding: Finding, top: Floats, bottom: Floats, where: Bits) -> None:
        columns = np.flatnonzero(where)
        if len(columns):
            first, last = columns[0], columns[-1] + 1
            inside = (down >= top[first:last]) & (down < bottom[first:last]) & where[first:last]
            covers.add(finding, 0, int(first), inside.astype(np.float32))

    for layer, finding in MASKED_LAYERS.items():
        thick = section.thickness[layer]
        top = section.top(layer)
        add(finding, top, top + thick, thick > THINNEST_IN_MASK_UM)
    if "atrophy" in section.traits:
        bruch = section.bruch
        add(Finding.OTHER, bruch - 70, bruch + 60, section.traits["atrophy"] > 0.5)
    if "cotton wool" in section.traits:
        top = section.top(Layer.NERVE_FIBRES)
        add(
            Finding.OTHER,
            top,
            top + section.thickness[Layer.NERVE_FIBRES],
            section.traits["cotton wool"] > 0.2,
        )
    for mark in section.marks:
        covers.add(mark.finding, mark.row, mark.column, mark.cover)
    return covers


# Sets are drawn by as many processes as there are cores.
cv2.setNumThreads(1)
