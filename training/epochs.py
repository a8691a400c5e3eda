"""What the epochs of a training give: a record of each, and of the training at its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from training.prediction import Outputs


@dataclass(frozen=True)
class Epoch:
    """The metrics of one epoch.

    Accuracies and F1 are from 0 to 1; those of the training split are measured on augmented scans. `learning_rate` is
    the rate at the end of the epoch.
    """

    number: int
    training_loss: float
    training_accuracy: float
    validation_loss: float
    validation_accuracy: float
    validation_macro_f1: float
    learning_rate: float
    seconds: float
    scans_per_second: float


@dataclass(frozen=True)
class Fit:
    """A finished training: all epochs, the best one, and its outputs on the validation split."""

    epochs: list[Epoch]
    best: Epoch
    validation: Outputs


Report = Callable[[Sequence[Epoch], Outputs], None]
"""Called after each epoch with all epochs so far, and the validation outputs of the last one."""
