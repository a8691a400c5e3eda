"""The training loop: epochs, validation, early stopping, the best epoch kept."""

from __future__ import annotations

import copy
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from training.batches import Example
from training.hardware import Hardware
from training.prediction import Outputs, predict
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
class Fit:
    """The end of a training: all epochs, the best one, and its outputs on the validation split."""

    epochs: list[Epoch]
    best: Epoch
    validation: Outputs


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def fit(
    network: nn.Module,
    recipe: Recipe,
    training: Callable[[int], DataLoader[Example]],
    validation: DataLoader[Example],
    report: Callable[[Epoch], None],
) -> Fit:
    """Train the network in place and leave it with the weights of its best epoch.

    `training` gives the batches at an input size in pixels; `report` is called after each epoch. The best epoch is
    the first with the highest validation accuracy. Early stopping and plateaus count from the first epoch at full
    size.
    """
    hardware = Hardware.detect()
    network.to(hardware.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    batches = training(recipe.first_size if recipe.first_epochs else recipe.size)
    optimization = Optimization(network, recipe, hardware, steps_per_epoch=len(batches))

    epochs: list[Epoch] = []
    best: Epoch | None = None
    best_weights: dict[str, torch.Tensor] = {}
    best_outputs: Outputs | None = None
    for number in range(1, recipe.epochs + 1):
        started = time.monotonic()
        if recipe.first_epochs and number == recipe.first_epochs + 1:
            batches = training(recipe.size)
        progress = tqdm(batches, f"epoch {number}/{recipe.epochs}", leave=False, disable=None)
        loss, accuracy = train_epoch(network, progress, optimization, hardware, recipe.label_smoothing)
        outputs = predict(network, validation, hardware)
        epoch = Epoch(
            number=number,
            training_loss=loss,
            training_accuracy=accuracy,
            validation_loss=nn.functional.cross_entropy(outputs.logits, outputs.targets).item(),
            validation_accuracy=(outputs.logits.argmax(1) == outputs.targets).float().mean().item(),
            learning_rate=optimization.learning_rate,
            seconds=time.monotonic() - started,
        )
        epochs.append(epoch)
        report(epoch)
        if number > recipe.first_epochs:
            optimization.end_epoch(epoch.validation_accuracy)
        if best is None or epoch.validation_accuracy > best.validation_accuracy:
            best, best_outputs = epoch, outputs
            best_weights = copy.deepcopy(network.state_dict())
        elif number - max(best.number, recipe.first_epochs) >= recipe.patience:
            break
    assert best is not None and best_outputs is not None  # a recipe has at least one epoch
    network.load_state_dict(best_weights)
    return Fit(epochs, best, best_outputs)


class Optimization:
    """Adam with the recipe's learning rates: warmed up by the step, lowered when validation stands still."""

    def __init__(self, network: nn.Module, recipe: Recipe, hardware: Hardware, steps_per_epoch: int) -> None:
        self._adam = torch.optim.Adam(
            network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        warmup_steps = round(recipe.warmup_epochs * steps_per_epoch)
        self._warmup = torch.optim.lr_scheduler.LinearLR(
            self._adam, start_factor=0.01 if warmup_steps else 1.0, total_iters=warmup_steps
        )
        self._plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
            self._adam, mode="max", factor=recipe.plateau_factor, patience=recipe.plateau_patience
        )
        # bf16 keeps float32's range; only fp16 needs its loss scaled.
        self._scaler = torch.amp.GradScaler(hardware.device.type, enabled=hardware.autocast is torch.float16)

    @property
    def learning_rate(self) -> float:
        """The rate of the next step."""
        rate: float = self._adam.param_groups[0]["lr"]
        return rate

    def step(self, loss: torch.Tensor) -> None:
        """Move the weights against the gradient of the loss."""
        self._adam.zero_grad(set_to_none=True)
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self._scaler.step(self._adam)
        self._scaler.update()
        self._warmup.step()

    def end_epoch(self, validation_accuracy: float) -> None:
        """Lower the rate when the accuracy has not risen for the recipe's number of epochs."""
        self._plateau.step(validation_accuracy)


def train_epoch(
    network: nn.Module,
    batches: Iterable[tuple[torch.Tensor, torch.Tensor]],
    optimization: Optimization,
    hardware: Hardware,
    label_smoothing: float,
) -> tuple[float, float]:
    """One pass over the batches; returns the mean loss and the accuracy (0 to 1) under augmentation."""
    network.train()
    loss_sum = correct = seen = 0.0
    for images, targets in batches:
        targets = targets.to(hardware.device, non_blocking=True)
        logits = hardware.forward(network, images)
        loss = nn.functional.cross_entropy(logits, targets, label_smoothing=label_smoothing)
        optimization.step(loss)
        loss_sum += loss.item() * len(targets)
        correct += (logits.argmax(1) == targets).sum().item()
        seen += len(targets)
    return loss_sum / seen, correct / seen
