"""Scans that were never drawn: their features and logits are given."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from training.data.manifest import Scan
from training.statistics.features import Embedded, Features

LABELS = ("CNV", "DME", "NORMAL")


def embedded(
    labels: Sequence[str],
    features: Features | None = None,
    probabilities: Sequence[float] | None = None,
    source: str = "octdl",
    split: str = "val",
) -> Embedded:
    """Scans of these labels; `probabilities` are those of the true label, the others share the rest."""
    count = len(labels)
    scans = [
        Scan(Path(f"{source}-{split}-{number}.png"), label, f"{source}:{number}", source, split)
        for number, label in enumerate(labels)
    ]
    rows = np.full((count, len(LABELS)), 1 / len(LABELS))
    for number, own in enumerate(probabilities or ()):
        rows[number] = (1 - own) / (len(LABELS) - 1)
        rows[number, LABELS.index(labels[number])] = own
    if features is None:
        features = np.zeros((count, 4), np.float32)
    return Embedded(scans, features, torch.from_numpy(np.log(rows)).float())


def joined(*parts: Embedded) -> Embedded:
    """All their scans."""
    return Embedded(
        [scan for part in parts for scan in part.scans],
        np.concatenate([part.features for part in parts]),
        torch.cat([part.logits for part in parts]),
    )
