"""Figures of a model on a split: accuracy, precision, recall and F1 per label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sklearn.metrics import classification_report, confusion_matrix

from training.evaluation.calibration import calibration_error
from training.prediction import Outputs


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
