"""How well a model's probabilities are calibrated, and the temperature that calibrates them."""

from __future__ import annotations

from typing import TypedDict

import torch
from torch import nn

from training.prediction import Outputs

CALIBRATION_BINS = 15
"""As in Guo et al., whose error is the one that others report."""

CHANCES = 300
"""So many draws give the mean error by chance to about a hundredth of it."""


class Bin(TypedDict):
    """One bar of a reliability diagram: its scans, and their mean confidence and accuracy, 0 to 1."""

    scans: int
    confidence: float
    accuracy: float


def calibration_error(probabilities: torch.Tensor, targets: torch.Tensor) -> float:
    """Expected calibration error (0 to 1) over bins of equal width, by the probability of the most probable label.

    The sum over the bins of |accuracy - mean confidence|, each weighted by its share of the scans: Guo et al., "On
    Calibration of Modern Neural Networks", ICML 2017, equation 3.
    """
    confidence, predicted = probabilities.max(1)
    return calibration_error_of(confidence, predicted == targets)


def calibration_error_of(confidence: torch.Tensor, right: torch.Tensor) -> float:
    """Expected calibration error (0 to 1) from the confidence (0 to 1) of each answer and whether it is right."""
    gaps = right.double() - confidence.double()
    by_bin = torch.zeros(CALIBRATION_BINS, dtype=torch.float64).index_add(0, _bin_of(confidence), gaps)
    return float(by_bin.abs().sum() / len(right))


def calibration_error_by_chance(confidence: torch.Tensor, seed: int = 0) -> float:
    """The mean calibration error of a perfectly calibrated model with these confidences, which on few scans is not 0.

    Of `CHANCES` draws in which each answer is right with the probability that its confidence says.
    """
    random = torch.Generator().manual_seed(seed)
    drawn = torch.rand(CHANCES, len(confidence), generator=random) < confidence
    return sum(calibration_error_of(confidence, right) for right in drawn) / CHANCES


def reliability(probabilities: torch.Tensor, targets: torch.Tensor) -> list[Bin]:
    """The bins of the reliability diagram that hold a scan, from unsure to sure."""
    confidence, predicted = probabilities.max(1)
    number = _bin_of(confidence)
    return [
        Bin(
            scans=int(inside.sum()),
            confidence=round(confidence[inside].mean().item(), 4),
            accuracy=round((predicted[inside] == targets[inside]).float().mean().item(), 4),
        )
        for bin_number in range(CALIBRATION_BINS)
        if (inside := number == bin_number).any()
    ]


def _bin_of(confidence: torch.Tensor) -> torch.Tensor:
    return (confidence * CALIBRATION_BINS).long().clamp(max=CALIBRATION_BINS - 1)


def fit_temperature(outputs: Outputs) -> float:
    """The temperature (0.05 to 20) with the lowest negative log likelihood (temperature scaling, Guo et al. 2017)."""
    log_temperature = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.LBFGS([log_temperature], lr=0.1, max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(outputs.logits / log_temperature.exp(), outputs.targets)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.item()

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    # On a split without a single error the best temperature would be 0.
    return float(log_temperature.detach().exp().clamp(0.05, 20.0))
