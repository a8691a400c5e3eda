"""Measures methods for heat maps on a model, and on scans with masks of their lesions."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from handlers.card import ModelCard
from handlers.preprocessing import seen, to_square, to_tensor
from imaging.decoding import decode
from training.cache import read_pixels
from training.data.manifest import DataError, Scan
from training.explanation.measures import (
    Masks,
    deletion_and_insertion,
    energy,
    overlap,
    pointing_game,
)
from training.explanation.methods import make_method
from training.explanation.regions import Region

BATCH = 16
RESAMPLES = 1000


@dataclass(frozen=True)
class Masked:
    """Scans with masks; `images` are normalised (count, 3, side, side), `masks` bool (count, side, side).

    `labels` are the numbers of the scans' labels, as the model counts them.
    """

    scans: Sequence[Scan]
    images: torch.Tensor
    masks: Masks
    labels: list[int]


def choose(
    scans: Sequence[Scan], labels: Sequence[str], per_label: int, seed: int, *, masked: bool = True
) -> list[Scan]:
    """At most `per_label` random scans for each of `labels`, with a mask if `masked`; raises DataError without any."""
    by_label: dict[str, list[Scan]] = defaultdict(list)
    for scan in scans:
        if (scan.mask is not None or not masked) and scan.label in labels:
            by_label[scan.label].append(scan)
    rng = np.random.default_rng(seed)
    chosen = [
        scans_of[number]
        for label in sorted(by_label)
        if (scans_of := by_label[label])
        for number in rng.permutation(len(scans_of))[:per_label]
    ]
    if not chosen:
        raise DataError(
            "no scan has a mask of its lesions; `./retinote data simulate` makes scans that have one"
            if masked
            else f"the data have no scan with one of the labels {', '.join(labels)}"
        )
    return chosen


def read_masked(card: ModelCard, scans: Sequence[Scan], region: Region | None = None) -> Masked:
    """Read scans and masks at the network's input size; scans with an empty mask (healthy ones) are left out.

    With `region` its rule makes the masks. Raises DataError when a scan can't be read, or when all masks are empty.
    """
    side = card.input.size
    kept, images, masks = [], [], []
    for scan in tqdm(scans, "reading scans", unit="scan", leave=False, disable=None):
        pixels = read_pixels(scan)
        if region is not None:
            grey = to_square(pixels, side, card.input.resize)[0].numpy()
            small = region(np.asarray(grey, np.uint8))
        else:
            assert scan.mask is not None
            mask = decode(scan.mask.read_bytes()).pixels[..., 0]
            left, top, width, height = seen(mask.shape[1], mask.shape[0], card.input.resize)
            part = mask[top : top + height, left : left + width]
            small = cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA) > 127
        if small.any():
            kept.append(scan)
            images.append(to_tensor(pixels, card.input))
            masks.append(small)
    if not kept:
        raise DataError("every mask is empty: there is no lesion to point at")
    labels = [list(card.labels).index(scan.label) for scan in kept]
    return Masked(kept, torch.stack(images), np.stack(masks), labels)


def measure(
    card: ModelCard, network: nn.Module, masked: Masked, methods: Sequence[str], curves_on: int, seed: int
) -> dict[str, Any]:
    """The metrics of each method with 95 % bootstrap intervals over scans, and its milliseconds a scan, as JSON values.

    Maps explain the true label. Deletion and insertion take many forward passes, and are measured on `curves_on` scans.
    """
    network = network.eval()
    some = np.random.default_rng(seed).permutation(len(masked.scans))[:curves_on]
    by_method: dict[str, Any] = {}
    for name in tqdm(methods, "methods", leave=False, disable=None):
        make = make_method(name, network)
        started = time.perf_counter()
        maps = np.concatenate(
            [
                make(masked.images[first : first + BATCH], masked.labels[first : first + BATCH])
                for first in range(0, len(masked.labels), BATCH)
            ]
        )
        milliseconds = 1000 * (time.perf_counter() - started) / len(masked.labels)
        hits = pointing_game(maps, masked.masks)
        measured = {
            "pointing_game": hits,
            "pointing_game_strict": pointing_game(maps, masked.masks, tolerance=0.0),
            "energy": energy(maps, masked.masks),
            "iou": overlap(maps, masked.masks),
        }
        if curves_on:
            chosen = [masked.labels[number] for number in some]
            measured["deletion"], measured["insertion"] = deletion_and_insertion(
                _probability(network, card, chosen), masked.images[some], maps[some]
            )
        by_label = {
            key: {
                label: round(float(measured[key][own].mean()), 4)
                for number, label in enumerate(card.labels)
                if (own := np.array(masked.labels) == number).any()
            }
            for key in ("pointing_game", "energy")
        }
        by_method[name] = {
            **{key: round(float(values.mean()), 4) for key, values in measured.items()},
            "intervals": {key: _interval(values, seed) for key, values in measured.items()},
            **{f"{key}_by_label": values for key, values in by_label.items()},
            "milliseconds": round(milliseconds, 2),
        }
    return {"scans": len(masked.scans), "curves_on": len(some) if curves_on else 0, "methods": by_method}


def _probability(
    network: nn.Module, card: ModelCard, labels: Sequence[int]
) -> Callable[[torch.Tensor], torch.Tensor]:
    """A function that gives each image's probability of its own label."""
    columns = torch.tensor(labels)

    @torch.inference_mode()
    def probability(images: torch.Tensor) -> torch.Tensor:
        logits = torch.cat([network(images[first : first + BATCH]) for first in range(0, len(images), BATCH)])
        return (logits / card.temperature).softmax(1)[torch.arange(len(images)), columns]

    return probability


def _interval(values: np.ndarray[Any, Any], seed: int) -> list[float]:
    rng = np.random.default_rng(seed)
    means = values[rng.integers(len(values), size=(RESAMPLES, len(values)))].mean(1)
    return [round(float(bound), 4) for bound in np.percentile(means, [2.5, 97.5])]
