"""Batches for the decoder: scans with masks by kind, and real scans of which only the label is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from training.augmentation import Augmentation
from training.batches import CROP_MARGIN
from training.cache import cached_pixels
from training.data.manifest import DataError, Scan
from training.findings.kinds import KINDS, LabelFindings
from training.simulator.findings import Finding, Marks, from_mask

CHANNELS = len(KINDS) + 1
"""Channels of the decoder: none, and the kinds."""
STRIDE = 4
"""Pixels of the input, along each side, for one position of the decoder's map."""


@dataclass(frozen=True)
class Batch:
    """Images, float32 (batch, 3, size, size) from 0 to 1: first those with a mask, then those with a label alone.

    `shares` (masked, CHANNELS, rows, columns) says how much of a position each kind covers. Where they don't add up to
    1, the rest shows lesions of no kind, which teach nothing. `label_findings` belong to the images without a mask.
    """

    images: torch.Tensor
    shares: torch.Tensor
    label_findings: list[LabelFindings]


class MaskedScans:
    """Scans with masks, somewhat larger than the input, and the probability of drawing each."""

    def __init__(self, scans: Sequence[Scan], side: int, cache: Path) -> None:
        self.pixels = cached_pixels(scans, side, cache)[:, :1]
        self.marks = np.stack([read_marks(scan, side) for scan in scans])
        # Rare kinds are drawn more often, so that each kind is drawn about as often as another.
        shown = np.stack([(self.marks == channel).any((1, 2)) for channel in range(1, CHANNELS)], 1)
        often = shown.mean(0).clip(min=1e-6)
        weights = (shown / often).max(1) + 1.0
        self.weights: npt.NDArray[np.float64] = np.minimum(weights, 20) / np.minimum(weights, 20).sum()


def read_marks(scan: Scan, side: int) -> Marks:
    """A scan's mask by kind, uint8 (side, side). Raises DataError when it can't be read."""
    assert scan.mask is not None
    mask = cv2.imread(str(scan.mask), cv2.IMREAD_GRAYSCALE)
    if mask is None:
        raise DataError(f"{scan.mask}: the mask can't be read")
    marks = cv2.resize(from_mask(mask.astype(np.uint8)), (side, side), interpolation=cv2.INTER_NEAREST)
    return np.asarray(marks, np.uint8)


class FindingsBatches:
    """Draws a batch for each step; the same seed draws the same batches."""

    def __init__(
        self,
        masked: Sequence[Scan],
        labelled: Sequence[Scan],
        label_findings: dict[str, LabelFindings],
        augment: Augmentation,
        size: int,
        seed: int,
        cache: Path,
    ) -> None:
        side = round(size * CROP_MARGIN)
        self._masked = MaskedScans(masked, side, cache)
        self._labelled = (
            cached_pixels(labelled, side, cache)[:, :1] if labelled else np.zeros((0, 1, side, side))
        )
        self._label_findings = [label_findings[scan.label] for scan in labelled]
        self._by_label = [
            [number for number, scan in enumerate(labelled) if scan.label == label]
            for label in sorted({scan.label for scan in labelled})
        ]
        self._augment, self._random = augment, np.random.default_rng(seed)
        self._generator = torch.Generator().manual_seed(seed)

    def draw(self, masked: int, labelled: int) -> Batch:
        """A batch of so many augmented scans with a mask, and so many with a label alone."""
        drawn = np.sort(self._random.choice(len(self._masked.marks), masked, p=self._masked.weights))
        pixels = torch.from_numpy(np.ascontiguousarray(self._masked.pixels[drawn]))
        kinds = functional.one_hot(torch.from_numpy(self._masked.marks[drawn]).long(), Finding.OTHER + 1)
        images, marks = self._augment.with_marks(
            pixels, kinds.permute(0, 3, 1, 2).to(torch.uint8) * 255, self._generator
        )
        shares = functional.avg_pool2d(marks, STRIDE).clamp(0, 1)
        # Outside the scan there is no finding.
        shares[:, 0] += (1 - shares.sum(1)).clamp(min=0)
        label_findings: list[LabelFindings] = []
        if self._by_label and labelled:
            numbers = sorted(
                int(self._random.choice(self._by_label[label]))
                for label in self._random.integers(len(self._by_label), size=labelled)
            )
            label_findings = [self._label_findings[number] for number in numbers]
            others = torch.from_numpy(np.ascontiguousarray(self._labelled[numbers]))
            images = torch.cat([images, self._augment(others, self._generator)])
        return Batch(images.expand(-1, 3, -1, -1), shares[:, :CHANNELS], label_findings)
