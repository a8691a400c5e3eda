"""Figures of a model on a split: accuracy, precision, recall and F1 per label, and calibration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from sklearn.metrics import classification_report, confusion_matrix
from torch import nn

from training.loop import Outputs

CALIBRATION_BINS = 15


def figures(outputs: Outputs, labels: Sequence[str], temperature: float) -> dict[str, Any]:
    """The split's figures as plain data, probabilities taken at the given temperature.

    `labels` are in the order of the logits. The confusion matrix has a row per true label.
    """
    predicted = outputs.logits.argmax(1)
    numbers = list(range(len(labels)))
    report = classification_report(
        outputs.targets, predicted, labels=numbers, target_names=labels, output_dict=True, zero_division=0.0
    )
    probabilities = (outputs.logits / temperature).softmax(1)
    return {
        "scans": len(outputs.targets),
        "accuracy": round(float((predicted == outputs.targets).float().mean()), 4),
        "macro_f1": round(report["macro avg"]["f1-score"], 4),
        "calibration_error": round(calibration_error(probabilities, outputs.targets), 4),
        "labels": {
            label: {
                "precision": round(report[label]["precision"], 4),
                "recall": round(report[label]["recall"], 4),
                "f1": round(report[label]["f1-score"], 4),
                "scans": int(report[label]["support"]),
            }
            for label in labels
        },
        "confusion_matrix": confusion_matrix(outputs.targets, predicted, labels=numbers).tolist(),
    }


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
