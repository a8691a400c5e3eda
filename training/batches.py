"""Batches of tensors from labelled B-scans: augmented and balanced for training, plain for validation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Dataset, WeightedRandomSampler
from torchvision.transforms import v2
from tqdm import tqdm

from handlers.card import InputSpec
from handlers.decoding import decode
from handlers.errors import ImageError
from handlers.preprocessing import to_tensor
from training.datasets import DataError, Scan
from training.recipe import Recipe

Pixels = npt.NDArray[np.uint8]
Example = tuple[torch.Tensor, int]

# Training crops are taken from a square somewhat larger than the input, as in ImageNet training (256 for 224).
CROP_MARGIN = 256 / 224
# Decoding the same file every epoch costs more than the memory up to this size.
MOST_CACHED_BYTES = 4 * 1024**3


def read_pixels(scan: Scan) -> Pixels:
    """The scan as uint8 RGB (height, width, 3); raises DataError naming the file when it can't be read."""
    try:
        return decode(scan.path.read_bytes()).pixels
    except ImageError as error:
        raise DataError(f"{scan.path}: {error.message}") from error


class ValidationScans(Dataset[Example]):
    """B-scans exactly as the model server will see them."""

    def __init__(self, scans: Sequence[Scan], labels: Sequence[str], spec: InputSpec) -> None:
        self._scans, self._labels, self._spec = scans, list(labels), spec

    def __len__(self) -> int:
        return len(self._scans)

    def __getitem__(self, index: int) -> Example:
        scan = self._scans[index]
        return to_tensor(read_pixels(scan), self._spec), self._labels.index(scan.label)


class TrainingScans(Dataset[Example]):
    """B-scans under the recipe's augmentation, decoded once when they fit into memory."""

    def __init__(self, scans: Sequence[Scan], labels: Sequence[str], spec: InputSpec, recipe: Recipe) -> None:
        self._scans, self._labels = scans, list(labels)
        self._side = round(spec.size * CROP_MARGIN)
        self._augment = augmentation(spec, recipe)
        self._cache: list[torch.Tensor] = []
        if len(scans) * self._side**2 * 3 <= MOST_CACHED_BYTES:
            self._cache = [self._square(scan) for scan in tqdm(scans, "reading scans", leave=False, disable=None)]

    def __len__(self) -> int:
        return len(self._scans)

    def __getitem__(self, index: int) -> Example:
        scan = self._scans[index]
        square = self._cache[index] if self._cache else self._square(scan)
        return self._augment(square), self._labels.index(scan.label)

    def _square(self, scan: Scan) -> torch.Tensor:
        pixels = cv2.resize(read_pixels(scan), (self._side, self._side), interpolation=cv2.INTER_AREA)
        return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()


def augmentation(spec: InputSpec, recipe: Recipe) -> v2.Compose:
    """The recipe's training transforms: uint8 (3, side, side) to normalised float (3, size, size)."""
    return v2.Compose(
        [
            v2.RandomResizedCrop(spec.size, scale=(recipe.crop_scale, 1.0), antialias=True),
            v2.RandomHorizontalFlip(recipe.flip),
            v2.RandomRotation(recipe.rotation_degrees, interpolation=v2.InterpolationMode.BILINEAR),
            v2.ColorJitter(recipe.jitter, recipe.jitter, recipe.jitter),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(list(spec.mean), list(spec.std)),
        ]
    )


def training_batches(
    scans: Sequence[Scan], labels: Sequence[str], spec: InputSpec, recipe: Recipe
) -> DataLoader[Example]:
    """Augmented batches in which every label is drawn equally often, as many as cover the scans once."""
    counts = Counter(scan.label for scan in scans)
    generator = torch.Generator().manual_seed(recipe.seed)
    sampler = WeightedRandomSampler(
        [1 / counts[scan.label] for scan in scans], num_samples=len(scans), generator=generator
    )
    return DataLoader(
        TrainingScans(scans, labels, spec, recipe),
        batch_size=recipe.batch_size,
        sampler=sampler,
        num_workers=recipe.workers,
        persistent_workers=recipe.workers > 0,
        pin_memory=torch.cuda.is_available(),
        generator=generator,
    )


def validation_batches(
    scans: Sequence[Scan], labels: Sequence[str], spec: InputSpec, recipe: Recipe
) -> DataLoader[Example]:
    """The scans in order, once."""
    return DataLoader(
        ValidationScans(scans, labels, spec), batch_size=recipe.batch_size, num_workers=recipe.workers
    )
