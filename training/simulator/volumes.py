"""Simulated volumes: one eye met by parallel B-scans, lesions that reach through several of them, and its en-face image.

A lesion is drawn once, into the section that meets its middle. What it changes there (thickness and brightness of layers,
spots) is carried over to the sections beside it, less the farther they are, so that neighbours show the same lesion.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace

import cv2
import numpy as np

from training.simulator.anatomy import healthy
from training.simulator.device import Bytes, Device, brightness, draw_device, frame, show
from training.simulator.enface import ENFACE_UM, SIDE, SPAN_UM, Vessel, crossings, draw_enface, draw_vessels
from training.simulator.extras import add_vessel, add_vitreous
from training.simulator.findings import Finding, Marks
from training.simulator.labels import LABELS
from training.simulator.optics import add_choroid_vessels, add_texture, detected, paint, reflectivity
from training.simulator.scans import LESION_TEXTURE_DB, layers_in_mask
from training.simulator.section import Floats, Grid, Layer, Section, Spot, texture
from training.simulator.signs import SIGNS

DEPTH_UM = 1920.0
BEND_PER_UM = 1.2e-5
"""How an eye's back is bent across the B-scans, as a parabola."""
TREMOR_UM = 4.0
"""How far the eye moves in depth from a B-scan to the next."""
LEAST_REACH_UM, MOST_REACH_UM = 500.0, 1800.0
"""How far a lesion reaches across the B-scans, from its middle."""
LEAST_TOP_UM = 60.0
LEAST_COVER = 0.05
SPREAD, SPREAD_OF_FOCI = 0.2, 0.35
"""How far spots lie from the lesion's middle across the B-scans, as a share of its reach."""


@dataclass(frozen=True)
class SimulatedVolume:
    """B-scans uint8 (count, height, width) from above downwards, and a `Finding` for each of their pixels.

    `enface` is uint8 (side, side) with pixels of `ENFACE_UM`; `lines` (count, 4) are the B-scans' ends on it, x0, y0, x1, y1.
    Spacings are in micrometres; `eye` is OD or OS.
    """

    label: str
    eye: str
    images: Bytes
    findings: Marks
    enface: Bytes
    lines: Floats
    x_um: float
    z_um: float
    between_um: float

    @property
    def shows_lesion(self) -> list[bool]:
        """For each B-scan whether a lesion is in it."""
        return [bool(found.any()) for found in self.findings]


def simulate_volume(
    label: str, seed: int, number: int, count: int = 49, size: tuple[int, int] = (496, 512)
) -> SimulatedVolume:
    """Draw the volume `number` of a seed, B-scans of `size` (height, width); the same seed gives the same volume.

    Raises ValueError for an unknown label.
    """
    if label not in SIGNS:
        raise ValueError(f"there is no label {label!r}; the simulator draws {', '.join(LABELS)}")
    eye = _Eye(label, seed, number, count, size)
    images = np.empty((count, *size), np.uint8)
    findings = np.empty((count, *size), np.uint8)
    for index in eye.order:  # the middle one sets the window of all
        images[index], findings[index] = eye.bscan(index)
    return SimulatedVolume(
        label=label,
        eye=eye.side_name,
        images=images,
        findings=findings,
        enface=draw_enface(eye.vessels, eye.fovea, eye.side, eye.lesion_at, eye.random(7)),
        lines=eye.lines(),
        x_um=eye.grid.wide_um,
        z_um=eye.grid.tall_um,
        between_um=eye.between_um,
    )


class _Eye:
    """One eye, and what a device sees of it at each B-scan."""

    def __init__(self, label: str, seed: int, number: int, count: int, size: tuple[int, int]) -> None:
        self._seeds = [seed, number]
        self._label = label
        self.count = count
        self.size = size
        self.grid = Grid(*size, DEPTH_UM / size[0], SPAN_UM / size[1])
        self.between_um = SPAN_UM / count
        place = self.random(4)
        self.side = float(place.choice((-1.0, 1.0)))
        self._fovea_y = SPAN_UM / 2 + float(np.clip(place.normal(0, 250), -800, 800))
        self._reach = float(place.uniform(LEAST_REACH_UM, MOST_REACH_UM))
        self._lesion_y = self._fovea_y + float(np.clip(place.normal(0, 350), -900, 900))
        self._tilt = float(place.normal(0, 0.02))
        self._tremor = place.normal(0, TREMOR_UM, count)
        self._device = self._as_volume(draw_device(self.random(0)))
        self._healthy = self._healthy_at(self._lesion_y)
        self._ill = self._with_signs(self._healthy_at(self._lesion_y))
        self.fovea = (self._healthy.fovea_um, self._fovea_y)
        self.vessels: list[Vessel] = draw_vessels(self.fovea, self.side, self.random(5))
        self._bright_db: float | None = None

    @property
    def side_name(self) -> str:
        """The eye: its disc lies to the right in the right one."""
        return "OD" if self.side > 0 else "OS"

    @property
    def order(self) -> list[int]:
        """All B-scans, the middle one first."""
        middle = self.count // 2
        return [middle, *(index for index in range(self.count) if index != middle)]

    def random(self, part: int) -> np.random.Generator:
        """The same numbers for the same part of the same volume."""
        return np.random.default_rng([*self._seeds, 100 + part])

    def lines(self) -> Floats:
        """Where B-scans lie on the en-face image, in its pixels."""
        from_border = (SIDE * ENFACE_UM - SPAN_UM) / 2
        across = [(from_border + self._y(index)) / ENFACE_UM for index in range(self.count)]
        first, last = from_border / ENFACE_UM, (from_border + SPAN_UM) / ENFACE_UM
        return np.array([[first, y, last, y] for y in across], np.float32)

    @property
    def lesion_at(self) -> tuple[float, float, float, float] | None:
        """The lesion's middle (x, y), how far it reaches across, and how much lighter it is from the front; or None."""
        changed = np.abs(self._ill.thickness - self._healthy.thickness).sum(0)
        if changed.max() < 1:
            return None
        middle = float((changed * self.grid.x).sum() / changed.sum())
        return middle, self._lesion_y, self._reach, 0.25 if "atrophy" in self._ill.traits else -0.12

    def bscan(self, index: int) -> tuple[Bytes, Marks]:
        """A B-scan, and a `Finding` for each of its pixels."""
        y = self._y(index)
        section = self._section(y, index)
        # Light and noise differ in each B-scan; what the tissue is like goes on from one to the next.
        noise = np.random.Generator(np.random.SFC64([*self._seeds, 103, index]))
        tissue = self.random(6)
        field, choroid = reflectivity(section)
        add_texture(section, field, choroid, tissue)
        add_choroid_vessels(section, field, choroid, tissue)
        covers = layers_in_mask(section, self._label)
        mask = covers.any()
        add_vitreous(section, field, tissue, self._device.haze_db)
        if mask.any():
            grain = texture(mask.shape, noise, 28 / self.grid.tall_um, 60 / self.grid.wide_um)
            field += mask * grain * np.float32(LESION_TEXTURE_DB)
        paint(section, field, covers)
        section.loss = np.zeros(field.shape, np.float32)
        for crossing in crossings(self.vessels, y):
            add_vessel(section, field, section.loss, crossing, np.random.default_rng([*self._seeds, 104]))
        intensity = detected(section, field, choroid, self._device.optics, noise, self.random(9))
        if self._bright_db is None:
            self._bright_db = brightness(intensity)
        return frame(show(intensity, self._device, self._bright_db), covers, self._device, self.size)

    def _y(self, index: int) -> float:
        return (index + 0.5) * self.between_um

    def _as_volume(self, device: Device) -> Device:
        """A device that shows the volume as it is: its pixels, upright, without a border."""
        return replace(
            device,
            grid=self.grid,
            turn_degrees=0.0,
            border_px=0,
            smooth_px=0.0,
            jpeg_quality=100,
            mirror=False,
        )

    def _healthy_at(self, y: float) -> Section:
        return healthy(self.grid, self.random(1), aside_um=abs(y - self._fovea_y), side=self.side)

    def _with_signs(self, section: Section) -> Section:
        SIGNS[self._label](
            section, np.random.default_rng([*self._seeds, 102, zlib.crc32(self._label.encode())])
        )
        return section

    def _section(self, y: float, index: int) -> Section:
        """The section at a place: the healthy eye there, with as much of the lesion as reaches it."""
        section = self._healthy_at(y)
        away = y - self._lesion_y
        share = float(np.clip(1 - (away / self._reach) ** 2, 0, 1))
        weight = np.float32(share * share * (3 - 2 * share))
        section.thickness = np.maximum(
            section.thickness + weight * (self._ill.thickness - self._healthy.thickness), 0
        ).astype(np.float32)
        section.level += weight * (self._ill.level - self._healthy.level)
        section.vessel_share += float(weight) * (self._ill.vessel_share - self._healthy.vessel_share)
        section.traits = {
            name: trait * weight if name != "traction" else trait
            for name, trait in self._ill.traits.items()
            if weight > 0
        }
        bend = -np.float32(BEND_PER_UM) * np.float32(y - SPAN_UM / 2) ** 2 + self._tilt * (y - SPAN_UM / 2)
        section.bruch = (section.bruch + np.float32(bend + self._tremor[index])).astype(np.float32)
        missing = LEAST_TOP_UM - float(section.top(Layer.MEMBRANE).min())
        section.bruch += np.float32(max(missing, 0))
        chance = self.random(8)
        section.spots = self._carried(self._ill.spots, section, away, chance)
        section.marks = self._carried(self._ill.marks, section, away, chance)
        return section

    def _carried(
        self, spots: list[Spot], section: Section, away: float, chance: np.random.Generator
    ) -> list[Spot]:
        """Spots as another section meets them: each a ball about a middle of its own, moved along with the layers."""
        shift = (section.top(Layer.OUTER_NUCLEAR) - self._ill.top(Layer.OUTER_NUCLEAR)) / self.grid.tall_um
        found = []
        for spot in spots:
            half = spot.cover.shape[1] * self.grid.wide_um / 2
            spread = SPREAD_OF_FOCI if spot.finding == Finding.FOCI else SPREAD
            middle = float(chance.normal(0, spread * self._reach))
            part = 1 - ((away - middle) / max(half * chance.uniform(0.8, 2.5), 0.7 * self.between_um)) ** 2
            if part <= LEAST_COVER:
                continue
            size = [max(round(side * part**0.5), 1) for side in spot.cover.shape]
            cover = np.asarray(cv2.resize(spot.cover, size[::-1], interpolation=cv2.INTER_AREA), np.float32)
            left = spot.column + (spot.cover.shape[1] - size[1]) // 2
            column = min(max(left + size[1] // 2, 0), self.grid.width - 1)
            row = spot.row + (spot.cover.shape[0] - size[0]) // 2 + round(float(shift[column]))
            top, bottom = max(row, 0), min(row + size[0], self.grid.height)
            if bottom > top:
                found.append(replace(spot, row=top, column=left, cover=cover[top - row : bottom - row]))
        return found
