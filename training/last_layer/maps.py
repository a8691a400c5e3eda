"""The feature maps that a last layer learns from, and where a region lies in them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from tqdm import tqdm

from handlers.card import InputSpec
from handlers.preprocessing import normalise
from training.batches import ordered_batches
from training.data.manifest import DataError, Scan
from training.explanation.regions import Region
from training.hardware import Hardware
from training.last_layer.fitting import Examples
from training.prediction import BATCH_SIZE


@torch.no_grad()
def read_examples(
    network: nn.Module,
    spec: InputSpec,
    labels: Sequence[str],
    scans: Sequence[Scan],
    region: Region | None,
    cache: Path,
) -> Examples:
    """Run the network on the scans, on a GPU if there is one; what it returns is on the CPU.

    Raises DataError with the name of a scan that can't be read, and for a network without a feature map.
    """
    device = Hardware.detect().device
    network = network.to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    batches = ordered_batches(scans, labels, spec.size, BATCH_SIZE, cache, spec.resize)
    maps, targets, shares = [], [], []
    for pixels, of_batch in tqdm(batches, "features", unit="batch", leave=False, disable=None):
        images = normalise(pixels.to(device), spec).contiguous(memory_format=torch.channels_last)
        features = network.forward_features(images).float().cpu().contiguous()  # type: ignore[operator]
        if features.ndim != 4 or features.shape[1] != network.num_features:
            raise DataError(f"{type(network).__name__} has no feature map, from which a layer could learn")
        maps.append(features)
        targets.append(of_batch)
        if region is not None:
            shares.append(_shares(pixels.numpy(), region, (features.shape[3], features.shape[2])))
    return Examples(torch.cat(maps), torch.cat(targets), torch.cat(shares) if shares else None)


def _shares(pixels: npt.NDArray[np.uint8], region: Region, cells: tuple[int, int]) -> torch.Tensor:
    """The share of each cell of a map that lies in the region (batch, rows, columns); `cells` counts columns and rows."""
    masks = [region(np.ascontiguousarray(picture[0])).astype(np.float32) for picture in pixels]
    return torch.from_numpy(
        np.stack([cv2.resize(mask, cells, interpolation=cv2.INTER_AREA) for mask in masks])
    )
