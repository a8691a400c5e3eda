"""Metrics of a model on a set of scans, as JSON values: accuracy, F1, areas under curves, calibration."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    cohen_kappa_score,
    confusion_matrix,
    log_loss,
    precision_recall_fscore_support,
    roc_auc_score,
    roc_curve,
)

from training.evaluation.calibration import calibration_error, reliability
from training.prediction import Outputs

DIGITS = 4
"""How many decimals metrics have."""
SPECIFICITIES = (0.90, 0.95)
"""At which the sensitivity for urgent labels is measured."""


def compute_metrics(outputs: Outputs, labels: Sequence[str], temperature: float) -> dict[str, Any]:
    """The metrics as JSON values, with probabilities at the given temperature.

    `labels` are in the order of the logits; the confusion matrix has a row for each true label. Metrics of a label that
    no scan has are None, and left out of the means.
    """
    probabilities = (outputs.logits / temperature).softmax(1)
    targets, predicted = outputs.targets.numpy(), outputs.logits.argmax(1).numpy()
    numbers = list(range(len(labels)))
    present = sorted(set(targets.tolist()))
    precision, recall, f1, support = precision_recall_fscore_support(
        targets, predicted, labels=numbers, zero_division=0.0
    )
    areas = [_areas(probabilities.numpy(), targets, number) for number in numbers]
    by_label = {
        label: {
            "precision": _rounded(precision[number]) if number in present else None,
            "recall": _rounded(recall[number]) if number in present else None,
            "f1": _rounded(f1[number]) if number in present else None,
            "roc_auc": areas[number][0],
            "pr_auc": areas[number][1],
            "scans": int(support[number]),
        }
        for number, label in enumerate(labels)
    }
    with warnings.catch_warnings():
        # scikit-learn warns of predicted labels that no scan has; the confusion matrix shows them anyway.
        warnings.simplefilter("ignore", UserWarning)
        balanced = balanced_accuracy_score(targets, predicted)
    one_hot = np.eye(len(labels))[targets]
    return {
        "scans": len(targets),
        "accuracy": _rounded(accuracy_score(targets, predicted)),
        "balanced_accuracy": _rounded(balanced),
        "macro_precision": _mean(by_label, "precision"),
        "macro_recall": _mean(by_label, "recall"),
        "macro_f1": _mean(by_label, "f1"),
        "weighted_f1": _rounded(np.average(f1, weights=support)),
        "macro_roc_auc": _mean(by_label, "roc_auc"),
        "macro_pr_auc": _mean(by_label, "pr_auc"),
        "kappa": _rounded(cohen_kappa_score(targets, predicted, labels=numbers))
        if len(present) > 1
        else None,
        "negative_log_likelihood": _rounded(log_loss(targets, probabilities.numpy(), labels=numbers)),
        "brier": _rounded(
            np.mean([brier_score_loss(one_hot[:, number], probabilities[:, number]) for number in numbers])
        ),
        "calibration_error": _rounded(calibration_error(probabilities, outputs.targets)),
        "reliability": reliability(probabilities, outputs.targets),
        "labels": by_label,
        "confusion_matrix": confusion_matrix(targets, predicted, labels=numbers).tolist(),
    }


def sensitivities(
    outputs: Outputs, labels: Sequence[str], temperature: float, urgent: Sequence[str]
) -> dict[str, dict[str, float | None]]:
    """For each urgent label, the largest sensitivity (0 to 1) with a specificity of at least each of `SPECIFICITIES`.

    None where all scans or no scan have the label.
    """
    probabilities = (outputs.logits / temperature).softmax(1).numpy()
    by_label: dict[str, dict[str, float | None]] = {}
    for label in urgent:
        number = list(labels).index(label)
        own = outputs.targets.numpy() == number
        if not own.any() or own.all():
            by_label[label] = {f"{specificity:.2f}": None for specificity in SPECIFICITIES}
            continue
        false_positive, true_positive, _ = roc_curve(own, probabilities[:, number])
        by_label[label] = {
            f"{specificity:.2f}": _rounded(true_positive[false_positive <= 1 - specificity + 1e-9].max())
            for specificity in SPECIFICITIES
        }
    return by_label


def by_source(
    outputs: Outputs, labels: Sequence[str], temperature: float, sources: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Accuracy, macro F1 and calibration error of each source's scans.

    `source_alone` is the accuracy of always answering the source's most frequent label, which a model reaches by
    recognising the device alone.
    """
    metrics = {}
    for source in sorted(set(sources)):
        chosen = torch.tensor([own == source for own in sources])
        part = Outputs(outputs.logits[chosen], outputs.targets[chosen])
        own = compute_metrics(part, labels, temperature)
        most = Counter(part.targets.tolist()).most_common(1)[0][1]
        metrics[source or "unnamed"] = {
            **{key: own[key] for key in ("scans", "accuracy", "macro_f1", "calibration_error")},
            "source_alone": _rounded(most / len(part.targets)),
            "labels": {label: row["f1"] for label, row in own["labels"].items() if row["scans"]},
        }
    return metrics


def merged(outputs: Outputs, labels: Sequence[str], group: Sequence[str]) -> dict[str, Any]:
    """Accuracy and macro F1 with the labels of a group as one, for data sets that divide these labels differently."""
    first = list(labels).index(group[0])
    same = torch.tensor([first if label in group else number for number, label in enumerate(labels)])
    targets, predicted = same[outputs.targets].numpy(), same[outputs.logits.argmax(1)].numpy()
    _, _, f1, _ = precision_recall_fscore_support(
        targets, predicted, labels=sorted(set(targets.tolist())), zero_division=0.0
    )
    return {
        "labels": list(group),
        "accuracy": _rounded(accuracy_score(targets, predicted)),
        "macro_f1": _rounded(f1.mean()),
    }


def without_none(values: dict[str, Any]) -> dict[str, Any]:
    """The values without entries that are None, at any depth: TorchServe drops them when it describes a model."""
    return {
        key: without_none(value) if isinstance(value, dict) else value
        for key, value in values.items()
        if value is not None
    }


def _areas(
    probabilities: npt.NDArray[np.float32], targets: npt.NDArray[np.int64], number: int
) -> tuple[float | None, float | None]:
    """Areas under a label's one-vs-rest ROC and precision-recall curves; None when all scans or no scan have it."""
    own = targets == number
    if not own.any() or own.all():
        return None, None
    scores = probabilities[:, number]
    return _rounded(roc_auc_score(own, scores)), _rounded(average_precision_score(own, scores))


def _mean(by_label: dict[str, dict[str, Any]], key: str) -> float | None:
    values = [row[key] for row in by_label.values() if row[key] is not None]
    return _rounded(np.mean(values)) if values else None


def _rounded(value: Any) -> float:
    return round(float(value), DIGITS)
