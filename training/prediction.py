"""Runs a network on a set of scans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from handlers.card import InputSpec
from handlers.preprocessing import normalise
from handlers.user_cache import user_cache
from training.batches import Example, ordered_batches
from training.data.manifest import Scan
from training.hardware import Hardware

BATCH_SIZE = 32


@dataclass(frozen=True)
class Outputs:
    """A network's logits (scans, labels) and the scans' targets (scans,), in one order, on the CPU."""

    logits: torch.Tensor
    targets: torch.Tensor


def predict(
    network: nn.Module,
    spec: InputSpec,
    labels: Sequence[str],
    scans: Sequence[Scan],
) -> Outputs:
    """Run the network on all scans, on a GPU if there is one; `labels` are in the order of the logits.

    Its inputs are exactly those of the model server. Raises DataError with the name of a scan that can't be read.
    """
    return predict_batches(
        network, spec, ordered_batches(scans, labels, spec.size, BATCH_SIZE, user_cache(), spec.resize)
    )


@torch.no_grad()
def predict_batches(network: nn.Module, spec: InputSpec, batches: DataLoader[Example]) -> Outputs:
    """Run the network on batches of `ordered_batches`, on a GPU if there is one."""
    hardware = Hardware.detect()
    network = network.to(hardware.device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    logits, targets = [], []
    for pixels, batch_targets in tqdm(batches, "predicting", unit="batch", leave=False, disable=None):
        inputs = normalise(pixels.to(hardware.device), spec)
        logits.append(hardware.forward(network, inputs).cpu())
        targets.append(batch_targets)
    return Outputs(torch.cat(logits), torch.cat(targets))
