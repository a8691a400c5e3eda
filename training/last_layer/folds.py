"""How good a last layer is, measured on all patients in turn: for data that are too few to be judged by one split.

The patients are dealt into folds. For each fold a layer is fitted without it, and its temperature by yet another fold, so
that every scan is answered by a layer that has seen neither it nor its patient. What is measured is how layers are made
from so much data, and not one layer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from sklearn.model_selection import StratifiedGroupKFold
from tqdm import tqdm

from training.data.manifest import DataError, Scan
from training.data.split import patient_groups
from training.evaluation.calibration import calibration_error_by_chance, fit_temperature
from training.evaluation.metrics import compute_metrics, without_none
from training.last_layer.fitting import Examples, Layer, Pool
from training.prediction import Outputs

LEAST = 3
"""Folds: one to answer, one for the temperature, one to learn from."""
Fit = Callable[[Examples], Layer]
KEPT = ("scans", "accuracy", "macro_f1", "macro_roc_auc", "calibration_error")


def measure(
    examples: Examples,
    pool: Pool,
    fit: Fit,
    scans: Sequence[Scan],
    labels: Sequence[str],
    folds: int,
    seed: int,
) -> dict[str, Any]:
    """The metrics of all scans and of each source's (`sources`), as JSON values; `scans` are those of the examples.

    `by_chance` is the calibration error that a perfectly calibrated model would have on so many scans.
    Raises DataError where a label has too few patients for so many folds.
    """
    outputs = answers(examples, pool, fit, patient_groups(scans), folds, seed)
    sources = [scan.source or "unnamed" for scan in scans]
    chosen = {source: torch.tensor([own == source for own in sources]) for source in sorted(set(sources))}
    return {
        "folds": folds,
        **_figures(outputs, labels),
        "sources": {
            source: _figures(Outputs(outputs.logits[rows], outputs.targets[rows]), labels)
            for source, rows in chosen.items()
        },
    }


def answers(
    examples: Examples, pool: Pool, fit: Fit, groups: Sequence[int], folds: int, seed: int
) -> Outputs:
    """The logits of each example, divided by a temperature, of a layer that has learnt from other groups."""
    numbers = _dealt(examples.targets, groups, folds, seed)
    with torch.no_grad():
        inputs = pool(examples.maps)
    logits: dict[int, torch.Tensor] = {}
    for number in tqdm(range(folds), "folds", unit="fold", leave=False, disable=None):
        out, held = numbers == number, numbers == (number + 1) % folds
        layer = fit(_part(examples, ~(out | held)))
        own = inputs @ layer.weight.T + layer.bias
        temperature = fit_temperature(Outputs(own[held], examples.targets[held]))
        for place in torch.nonzero(out).flatten().tolist():
            logits[place] = own[place] / temperature
    return Outputs(torch.stack([logits[place] for place in range(len(inputs))]), examples.targets)


def table(figures: dict[str, Any]) -> str:
    """The figures for people, a row for each source."""
    rows = {"all": figures, **figures["sources"]}
    lines = [f"{'source':<24}{'scans':>7}{'accuracy':>10}{'ROC-AUC':>9}{'ECE':>8}{'by chance':>11}"]
    for name, row in rows.items():
        area = f"{row['macro_roc_auc']:.3f}" if "macro_roc_auc" in row else "-"
        lines.append(
            f"{name[:23]:<24}{row['scans']:>7}{row['accuracy']:>10.3f}{area:>9}{row['calibration_error']:>8.4f}"
            f"{row['by_chance']:>11.4f}"
        )
    return "\n".join(lines)


def _dealt(targets: torch.Tensor, groups: Sequence[int], folds: int, seed: int) -> torch.Tensor:
    """The number of the fold of each example: each fold has about as many of each label, and groups stay together."""
    for label in sorted(set(targets.tolist())):
        own = {groups[place] for place in torch.nonzero(targets == label).flatten().tolist()}
        if len(own) < folds:
            raise DataError(f"--folds {folds} takes as many patients of each label, and one has {len(own)}")
    dealing = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    numbers = torch.zeros(len(targets), dtype=torch.long)
    for number, (_, out) in enumerate(dealing.split(np.zeros(len(targets)), targets.numpy(), groups)):
        numbers[torch.from_numpy(out)] = number
    return numbers


def _part(examples: Examples, rows: torch.Tensor) -> Examples:
    shares = None if examples.shares is None else examples.shares[rows]
    return Examples(examples.maps[rows], examples.targets[rows], shares)


def _figures(outputs: Outputs, labels: Sequence[str]) -> dict[str, Any]:
    metrics = without_none(compute_metrics(outputs, labels, 1.0))
    confidence = outputs.logits.softmax(1).max(1).values
    return {
        **{name: metrics[name] for name in KEPT if name in metrics},
        "by_chance": round(calibration_error_by_chance(confidence), 4),
    }
