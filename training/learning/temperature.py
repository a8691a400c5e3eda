"""The temperature of a fine-tuned version, fitted on few validation scans without running away."""

from __future__ import annotations

import math

import torch
from torch.nn import functional

from training.prediction import Outputs

SPREAD = 0.25
"""Standard deviation of the prior on the temperature's logarithm: a handful of scans hardly moves it."""
RANGE = (math.log(0.05), math.log(20))
STEPS = 2000


def fit_temperature_near(outputs: Outputs, around: float) -> float:
    """The most probable temperature (0.05 to 20) under a normal prior on its logarithm, centred on that before.

    The likelihood is that of the true labels (Guo et al. 2017). Without scans it is `around`.
    """
    logarithms = torch.linspace(*RANGE, STEPS, dtype=torch.float64)
    prior = (logarithms - math.log(around)) ** 2 / (2 * SPREAD**2)
    if not len(outputs.targets):
        return around
    logits = outputs.logits.double()
    losses = [
        functional.cross_entropy(logits / math.exp(value), outputs.targets, reduction="sum").item()
        for value in logarithms.tolist()
    ]
    best = int((torch.tensor(losses, dtype=torch.float64) + prior).argmin())
    return round(math.exp(float(logarithms[best])), 4)
