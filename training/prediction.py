"""What a network says of a set of scans."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from training.batches import Example
from training.hardware import Hardware


@dataclass(frozen=True)
class Outputs:
    """What a network said of a split: logits (scans, labels) and targets (scans,), in the scans' order."""

    logits: torch.Tensor
    targets: torch.Tensor


@torch.no_grad()
def predict(network: nn.Module, batches: DataLoader[Example], hardware: Hardware) -> Outputs:
    """The network's outputs on every batch, on the CPU."""
    network.eval()
    logits, targets = [], []
    for images, batch_targets in tqdm(batches, "validating", leave=False, disable=None):
        logits.append(hardware.forward(network, images).cpu())
        targets.append(batch_targets)
    return Outputs(torch.cat(logits), torch.cat(targets))
