"""Whether a model's probabilities are as good as they say, and the temperature that makes them so."""

from __future__ import annotations

import torch
from torch import nn

from training.prediction import Outputs

CALIBRATION_BINS = 15


def calibration_error(probabilities: torch.Tensor, targets: torch.Tensor) -> float:
    """Expected calibration error, 0 to 1, over equal-width bins of the first label's probability.

    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
    """
    confidence, predicted = probabilities.max(1)
    bins = (confidence * CALIBRATION_BINS).long().clamp(max=CALIBRATION_BINS - 1)
    error = 0.0
    for number in range(CALIBRATION_BINS):
        inside = bins == number
        if not inside.any():
            continue
        gap = (predicted[inside] == targets[inside]).float().mean() - confidence[inside].mean()
        error += inside.float().mean().item() * abs(gap.item())
    return error


def fit_temperature(outputs: Outputs) -> float:
    """The temperature that makes the split's probabilities most likely (temperature scaling, Guo et al. 2017)."""
    log_temperature = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.LBFGS([log_temperature], lr=0.1, max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(outputs.logits / log_temperature.exp(), outputs.targets)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.item()

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    # A split told apart without a single error would drive the temperature to 0.
    return float(log_temperature.detach().exp().clamp(0.05, 20.0))
