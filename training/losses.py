"""The loss of a training: what labels and outliers teach."""

from __future__ import annotations

import torch
from torch.nn import functional

from training.batches import OUTLIER


def label_loss(logits: torch.Tensor, targets: torch.Tensor, smoothing: float) -> torch.Tensor:
    """The mean cross-entropy of logits (batch, labels) with targets (batch,).

    An outlier's target is the same share for every label:
    D. Hendrycks, M. Mazeika, T. Dietterich, "Deep Anomaly Detection with Outlier Exposure", ICLR 2019
    (arXiv:1812.04606).
    """
    labelled = functional.cross_entropy(
        logits, targets, label_smoothing=smoothing, ignore_index=OUTLIER, reduction="none"
    )
    undecided = -logits.log_softmax(1).mean(1)
    return torch.where(targets == OUTLIER, undecided, labelled).mean()
