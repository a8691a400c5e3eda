"""Bootstrap intervals of metrics: how much they would vary with other patients.

Whole patients are drawn with replacement, because the scans of one eye are not independent. The intervals are
percentile intervals: B. Efron, R. Tibshirani, "An Introduction to the Bootstrap", 1993.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from sklearn.metrics import accuracy_score, precision_recall_fscore_support, roc_auc_score
from tqdm import tqdm

from training.evaluation.calibration import calibration_error
from training.prediction import Outputs

SHARE = 95
"""Per cent of the resamples inside an interval."""
LEAST_PATIENTS = 2


def intervals(
    outputs: Outputs,
    labels: Sequence[str],
    temperature: float,
    patients: Sequence[str],
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """95 % intervals [low, high] of accuracy, macro F1, calibration error, and of each label's F1, recall and ROC-AUC.

    `patients` names the patient of each scan; a scan without a patient counts as a patient of its own. A label that is
    missing in a resample is left out of it. An interval is None where nothing could be drawn.
    """
    scans_of: dict[str, list[int]] = defaultdict(list)
    for number, patient in enumerate(patients):
        scans_of[patient or f"scan {number}"].append(number)
    groups = [np.array(group) for group in scans_of.values()]
    probabilities = (outputs.logits / temperature).softmax(1)
    predicted, targets = outputs.logits.argmax(1).numpy(), outputs.targets.numpy()
    drawn: dict[tuple[str, str], list[float]] = defaultdict(list)
    rng = np.random.default_rng(seed)
    rounds = range(resamples if len(groups) >= LEAST_PATIENTS else 0)
    for _ in tqdm(rounds, "bootstrap", unit="resample", leave=False, disable=None):
        chosen = np.concatenate([groups[number] for number in rng.integers(len(groups), size=len(groups))])
        truth, answers = targets[chosen], predicted[chosen]
        present = np.unique(truth)
        _, recall, f1, _ = precision_recall_fscore_support(truth, answers, labels=present, zero_division=0.0)
        drawn["", "accuracy"].append(accuracy_score(truth, answers))
        drawn["", "macro_f1"].append(f1.mean())
        drawn["", "calibration_error"].append(
            calibration_error(probabilities[chosen], outputs.targets[torch.from_numpy(chosen)])
        )
        for place, number in enumerate(present):
            label = labels[number]
            drawn[label, "f1"].append(f1[place])
            drawn[label, "recall"].append(recall[place])
            if len(present) > 1:
                drawn[label, "roc_auc"].append(roc_auc_score(truth == number, probabilities[chosen, number]))
    return {
        "patients": len(groups),
        "resamples": len(rounds),
        **{name: _interval(drawn["", name]) for name in ("accuracy", "macro_f1", "calibration_error")},
        "labels": {
            label: {name: _interval(drawn[label, name]) for name in ("f1", "recall", "roc_auc")}
            for label in labels
        },
    }


def _interval(values: Sequence[float]) -> list[float] | None:
    if not values:
        return None
    outside = (100 - SHARE) / 2
    low, high = np.percentile(values, [outside, 100 - outside])
    return [round(float(low), 4), round(float(high), 4)]
