"""Batches of cached scans: drawn by label for training, in order for prediction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from handlers.card import STRETCH
from training.cache import cached_pixels
from training.data.manifest import Scan
from training.data.sources import is_simulated
from training.recipe import Recipe

Example = tuple[torch.Tensor, torch.Tensor]
"""Pixels, uint8 (batch, channels, side, side), and targets (batch,): the number of the label, or OUTLIER."""

OUTLIER = -1
"""The target of a scan that has none of the labels."""

CROP_MARGIN = 256 / 224
"""Crops are taken from pixels that are somewhat larger than the input, as in ImageNet training (256 for 224)."""


class ScanDataset(Dataset[Example]):
    """Scans of `side` × `side` pixels with the number of their label; those with another label are outliers."""

    def __init__(
        self, scans: Sequence[Scan], labels: Sequence[str], side: int, cache: Path, resize: str = STRETCH
    ) -> None:
        self._pixels = cached_pixels(scans, side, cache, resize)
        numbers = {label: number for number, label in enumerate(labels)}
        self._targets = torch.tensor([numbers.get(scan.label, OUTLIER) for scan in scans])

    def __len__(self) -> int:
        return len(self._targets)

    def __getitems__(self, numbers: list[int]) -> Example:
        """The scans of these numbers, as one batch."""
        return torch.from_numpy(self._pixels[numbers]), self._targets[numbers]


class LabelSampler(Sampler[int]):
    """Draws `count` scans with replacement, each with the probability of its weight.

    What is drawn depends only on the seed and the number of the epoch: each process draws the same, and so does a
    training that goes on after a stop.
    """

    def __init__(self, weights: npt.NDArray[np.float64], count: int, seed: int) -> None:
        self._weights, self._count, self._seed, self._epoch = torch.from_numpy(weights), count, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose scans are drawn next."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self._seed * 100_003 + self._epoch)
        drawn = torch.multinomial(self._weights, self._count, replacement=True, generator=generator)
        yield from drawn.tolist()


def weights(scans: Sequence[Scan], balance: float, simulated_share: float) -> npt.NDArray[np.float64]:
    """How often each scan is drawn, relative to the others.

    The scans of a label together weigh count^(1 − balance). Of a label with both real and simulated scans, the
    simulated ones weigh `simulated_share` of that.
    """
    labels = np.array([scan.label for scan in scans])
    simulated = np.array([is_simulated(scan) for scan in scans])
    drawn = np.zeros(len(scans))
    for label in np.unique(labels):
        own = labels == label
        mass = float(own.sum()) ** (1 - balance)
        kinds = [
            (kind, share)
            for kind, share in ((own & simulated, simulated_share), (own & ~simulated, 1 - simulated_share))
            if kind.any()
        ]
        for kind, share in kinds:
            drawn[kind] = mass * (share if len(kinds) > 1 else 1) / kind.sum()
    return drawn


def with_outliers(scans: Sequence[Scan], labels: Sequence[str], recipe: Recipe) -> npt.NDArray[np.float64]:
    """How often each scan is drawn, relative to the others, with the recipe's share of outliers among them."""
    outlier = np.array([scan.label not in labels for scan in scans])
    drawn = weights(scans, recipe.balance, recipe.simulated_share)
    if outlier.any():
        for part, share in ((outlier, recipe.outlier_share), (~outlier, 1 - recipe.outlier_share)):
            drawn[part] *= share / drawn[part].sum()
    return drawn


def training_batches(
    scans: Sequence[Scan],
    labels: Sequence[str],
    recipe: Recipe,
    cache: Path,
    processes: int = 1,
    drawn: npt.NDArray[np.float64] | None = None,
) -> DataLoader[Example]:
    """Batches of pixels somewhat larger than the recipe's input; the loader's sampler has `set_epoch`.

    Scans with none of the labels are outliers. When there are fewer scans than a batch of the recipe has, batches are
    smaller. `processes` can always share a batch evenly. `drawn` says how often each scan is drawn, relative to the
    others; without it the recipe does.
    """
    sampler = LabelSampler(
        with_outliers(scans, labels, recipe) if drawn is None else drawn,
        recipe.scans_per_epoch or len(scans),
        recipe.seed,
    )
    dataset = ScanDataset(scans, labels, round(recipe.size * CROP_MARGIN), cache, recipe.resize)
    batch_size = min(recipe.batch_size, len(sampler))
    return _loader(dataset, max(1, batch_size // processes) * processes, recipe.workers, sampler)


def ordered_batches(
    scans: Sequence[Scan],
    labels: Sequence[str],
    size: int,
    batch_size: int,
    cache: Path,
    resize: str = STRETCH,
) -> DataLoader[Example]:
    """The scans once, in order, of `size` × `size` pixels: normalised, they are the inputs of the model server."""
    return _loader(ScanDataset(scans, labels, size, cache, resize), batch_size, workers=0, sampler=None)


def _loader(
    dataset: ScanDataset, batch_size: int, workers: int, sampler: LabelSampler | None
) -> DataLoader[Example]:
    return DataLoader(
        dataset,
        batch_size=batch_size,
        sampler=sampler,
        num_workers=workers,
        persistent_workers=workers > 0,
        collate_fn=_as_read,
        pin_memory=torch.cuda.is_available(),
        # A last batch of one scan can't train batch normalisation.
        drop_last=sampler is not None,
    )


def _as_read(batch: Any) -> Any:
    """Return the batch unchanged: the data set has put it together."""
    return batch
