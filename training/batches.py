"""Batches of tensors from labelled B-scans: augmented and balanced for training, plain for validation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

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
from training.data.manifest import DataError, Scan
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
    """Squares of B-scans, uint8 (3, side, side), under an augmentation."""

    def __init__(
        self,
        square: Callable[[int], torch.Tensor],
        targets: Sequence[int],
        augment: Callable[[torch.Tensor], torch.Tensor],
    ) -> None:
        self._square, self._targets, self._augment = square, targets, augment

    def __len__(self) -> int:
        return len(self._targets)

    def __getitem__(self, index: int) -> Example:
        return self._augment(self._square(index)), self._targets[index]


def augmentation(size: int, spec: InputSpec, recipe: Recipe) -> v2.Compose:
    """The recipe's training transforms: uint8 (3, side, side) to normalised float (3, size, size)."""
    return v2.Compose(
        [
            v2.RandomResizedCrop(size, scale=(recipe.crop_scale, 1.0), antialias=True),
            v2.RandomHorizontalFlip(recipe.flip),
            v2.RandomRotation(recipe.rotation_degrees, interpolation=v2.InterpolationMode.BILINEAR),
            v2.ColorJitter(recipe.jitter, recipe.jitter, recipe.jitter),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(list(spec.mean), list(spec.std)),
        ]
    )


class TrainingBatches:
    """Augmented batches in which every label is drawn equally often; the scans are decoded once if they fit."""

    def __init__(self, scans: Sequence[Scan], labels: Sequence[str], spec: InputSpec, recipe: Recipe) -> None:
        self._scans, self._spec, self._recipe = scans, spec, recipe
        self._targets = [labels.index(scan.label) for scan in scans]
        self._side = round(spec.size * CROP_MARGIN)
        self._generator = torch.Generator().manual_seed(recipe.seed)
        self._cache: list[torch.Tensor] = []
        if len(scans) * self._side**2 * 3 <= MOST_CACHED_BYTES:
            numbers = tqdm(range(len(scans)), "reading scans", leave=False, disable=None)
            self._cache = [self._read_square(number) for number in numbers]

    def __call__(self, size: int) -> DataLoader[Example]:
        """Batches of float images (batch, 3, size, size) and targets (batch,), as many as cover the scans once."""
        counts = Counter(self._targets)
        sampler = WeightedRandomSampler(
            [1 / counts[target] for target in self._targets],
            num_samples=len(self._targets),
            generator=self._generator,
        )
        return DataLoader(
            TrainingScans(self._square, self._targets, augmentation(size, self._spec, self._recipe)),
            batch_size=self._recipe.batch_size,
            sampler=sampler,
            num_workers=self._recipe.workers,
            persistent_workers=self._recipe.workers > 0,
            pin_memory=torch.cuda.is_available(),
            generator=self._generator,
        )

    def _square(self, index: int) -> torch.Tensor:
        return self._cache[index] if self._cache else self._read_square(index)

    def _read_square(self, index: int) -> torch.Tensor:
        pixels = read_pixels(self._scans[index])
        square = cv2.resize(pixels, (self._side, self._side), interpolation=cv2.INTER_AREA)
        return torch.from_numpy(square).permute(2, 0, 1).contiguous()


def validation_batches(
    scans: Sequence[Scan], labels: Sequence[str], spec: InputSpec, recipe: Recipe
) -> DataLoader[Example]:
    """The scans in order, once."""
    return DataLoader(
        ValidationScans(scans, labels, spec), batch_size=recipe.batch_size, num_workers=recipe.workers
    )
