"""The training loop: epochs, validation, early stopping, the best epoch kept."""

from __future__ import annotations

import copy
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from training.batches import Example
from training.recipe import Recipe


@dataclass(frozen=True)
class Epoch:
    """What one epoch gave; accuracies from 0 to 1."""

    number: int
    training_loss: float
    training_accuracy: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float
    seconds: float


@dataclass(frozen=True)
class Outputs:
    """What a network said of a split: logits (scans, labels) and targets (scans,), in the scans' order."""

    logits: torch.Tensor
    targets: torch.Tensor


@dataclass(frozen=True)
class Fit:
    """The end of a training: all epochs, the best one, and its outputs on the validation split."""

    epochs: list[Epoch]
    best: Epoch
    validation: Outputs


@dataclass(frozen=True)
class Hardware:
    """Where to train and in which precision the forward pass runs."""

    device: torch.device
    autocast: torch.dtype | None

    @classmethod
    def detect(cls) -> Hardware:
        """CUDA when there is one, else the CPU; bf16 where the hardware has it."""
        if torch.cuda.is_available():
            supported = torch.cuda.is_bf16_supported()
            return cls(torch.device("cuda"), torch.bfloat16 if supported else torch.float16)
        supported = bool(torch.cpu.get_capabilities().get("avx512_bf16"))
        return cls(torch.device("cpu"), torch.bfloat16 if supported else None)

    def forward(self, network: nn.Module, images: torch.Tensor) -> torch.Tensor:
        """Logits in float32 of images (batch, 3, size, size)."""
        images = images.to(self.device, non_blocking=True, memory_format=torch.channels_last)
        with torch.autocast(self.device.type, dtype=self.autocast, enabled=self.autocast is not None):
            logits: torch.Tensor = network(images)
        return logits.float()


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def fit(
    network: nn.Module,
    recipe: Recipe,
    training: DataLoader[Example],
    validation: DataLoader[Example],
    report: Callable[[Epoch], None],
) -> Fit:
    """Train the network in place and leave it with the weights of its best epoch.

    The best epoch is the first with the highest validation accuracy. `report` is called after each epoch.
    """
    hardware = Hardware.detect()
    network.to(hardware.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    loss_function = nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)
    optimizer = torch.optim.Adam(
        network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, mode="max", factor=recipe.plateau_factor, patience=recipe.plateau_patience
    )
    # bf16 keeps float32's range; only fp16 needs its loss scaled.
    scaler = torch.amp.GradScaler(hardware.device.type, enabled=hardware.autocast is torch.float16)

    epochs: list[Epoch] = []
    best: Epoch | None = None
    best_weights: dict[str, torch.Tensor] = {}
    best_outputs: Outputs | None = None
    for number in range(1, recipe.epochs + 1):
        started = time.monotonic()
        learning_rate = optimizer.param_groups[0]["lr"]
        network.train()
        loss_sum = correct = seen = 0.0
        for images, targets in tqdm(training, f"epoch {number}/{recipe.epochs}", leave=False, disable=None):
            targets = targets.to(hardware.device, non_blocking=True)
            logits = hardware.forward(network, images)
            loss = loss_function(logits, targets)
            optimizer.zero_grad(set_to_none=True)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            loss_sum += loss.item() * len(targets)
            correct += (logits.argmax(1) == targets).sum().item()
            seen += len(targets)
        outputs = predict(network, validation, hardware)
        epoch = Epoch(
            number=number,
            training_loss=loss_sum / seen,
            training_accuracy=correct / seen,
            validation_loss=nn.functional.cross_entropy(outputs.logits, outputs.targets).item(),
            validation_accuracy=(outputs.logits.argmax(1) == outputs.targets).float().mean().item(),
            learning_rate=learning_rate,
            seconds=time.monotonic() - started,
        )
        epochs.append(epoch)
        report(epoch)
        plateau.step(epoch.validation_accuracy)
        if best is None or epoch.validation_accuracy > best.validation_accuracy:
            best, best_outputs = epoch, outputs
            best_weights = copy.deepcopy(network.state_dict())
        elif number - best.number >= recipe.patience:
            break
    assert best is not None and best_outputs is not None  # a recipe has at least one epoch
    network.load_state_dict(best_weights)
    return Fit(epochs, best, best_outputs)


@torch.inference_mode()
def predict(network: nn.Module, batches: DataLoader[Example], hardware: Hardware) -> Outputs:
    """The network's outputs on every batch, on the CPU."""
    network.eval()
    logits, targets = [], []
    for images, batch_targets in tqdm(batches, "validating", leave=False, disable=None):
        logits.append(hardware.forward(network, images).cpu())
        targets.append(batch_targets)
    return Outputs(torch.cat(logits), torch.cat(targets))
