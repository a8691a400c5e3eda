"""What a network says of a set of scans."""

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
    """What a network said of a split: logits (scans, labels) and targets (scans,), in the scans' order."""

    logits: torch.Tensor
    targets: torch.Tensor


def predict(
    network: nn.Module,
    spec: InputSpec,
    labels: Sequence[str],
    scans: Sequence[Scan],
) -> Outputs:
    """The network's logits for every scan, on the best hardware there is; outputs are on the CPU.

    The inputs are bit by bit what the model server feeds the network. Raises DataError naming a scan that can't be read.
    """
    return predict_batches(network, spec, ordered_batches(scans, labels, spec.size, BATCH_SIZE, user_cache()))


@torch.no_grad()
def predict_batches(network: nn.Module, spec: InputSpec, batches: DataLoader[Example]) -> Outputs:
    """The same for batches that `ordered_batches` made."""
    hardware = Hardware.detect()
    network = network.to(hardware.device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    logits, targets = [], []
    for squares, batch_targets in tqdm(batches, "predicting", unit="batch", leave=False, disable=None):
        inputs = normalise(squares.to(hardware.device), spec)
        logits.append(hardware.forward(network, inputs).cpu())
        targets.append(batch_targets)
    return Outputs(torch.cat(logits), torch.cat(targets))
