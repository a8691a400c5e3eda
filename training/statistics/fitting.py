"""The tensors by which a model's familiarity with a scan is judged, from the scans that it was trained on.

What the tensors mean stands in `handlers.statistics`. docs/training.md has the figures behind the choices made here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from handlers.card_statistics import BOTH, MAHALANOBIS, NEIGHBOURS
from handlers.statistics import TENSORS, home_of, mahalanobis, neighbours, outlying, rank, unit
from training.data.manifest import Scan, of_split
from training.data.sources import is_simulated
from training.export import FEW_PATIENTS
from training.statistics.features import Embedded, Features

SHRINKAGE = 0.3
"""Share of a round covariance that is mixed into the one that was measured: few scans have no true picture of it."""
SMALLEST_VARIANCE = 1e-12
"""Of a channel, where all scans are the same: no scan may be infinitely far."""
LEAST_OUTLIERS = 30
"""Of the train split: fewer don't show where other diseases lie."""
OUTLIER_PENALTY = 10.0
"""Of long directions, the inverse of the regression's C. From a third to thirty the results hardly differ."""
MOST_REFERENCES = 2000
"""Of neighbours: with more, looking them up takes longer than 0.3 ms."""

Tensors = dict[str, npt.NDArray[np.floating]]


def reference_scans(scans: Sequence[Scan]) -> list[Scan]:
    """The scans of the train split that stand for what a model knows.

    They are the real ones, and simulated ones of labels with few real patients: those of the other labels would make
    more strangers look known than home scans.
    """
    trained = of_split(scans, "train")
    real = [scan for scan in trained if not is_simulated(scan)]
    patients: dict[str, set[str]] = {}
    for number, scan in enumerate(real):
        patients.setdefault(scan.label, set()).add(scan.patient or f"scan {number}")
    return [
        scan for scan in trained if not is_simulated(scan) or len(patients.get(scan.label, ())) < FEW_PATIENTS
    ]


def outlier_scans(scans: Sequence[Scan], labels: Sequence[str]) -> list[Scan]:
    """The real scans of the train split whose label the model doesn't know; none where they are too few."""
    found = [scan for scan in of_split(scans, "train") if scan.label not in labels and not is_simulated(scan)]
    return found if len(found) >= LEAST_OUTLIERS else []


def home_scans(scans: Sequence[Scan]) -> list[Scan]:
    """The scans of the val split that stand for home: the real ones, all where none is real."""
    held_out = of_split(scans, "val")
    return [scan for scan in held_out if not is_simulated(scan)] or held_out


def fit_tensors(
    method: str, reference: Embedded, home: Features, outliers: Embedded | None = None
) -> Tensors:
    """The tensors of a method, all but `nearest`, with the strangeness of home scans that were not trained on."""
    tensors: Tensors = {}
    strangeness: dict[str, Features] = {}
    if method in (MAHALANOBIS, BOTH):
        tensors |= fit_gaussians(reference)
        strangeness[MAHALANOBIS] = mahalanobis(home, *(tensors[name] for name in TENSORS[MAHALANOBIS]))
    if method in (NEIGHBOURS, BOTH):
        tensors["references"] = fit_references(reference)
        strangeness[NEIGHBOURS] = neighbours(home, tensors["references"].astype(np.float32))
    if method == BOTH:
        for each, values in strangeness.items():
            tensors[home_of(each)] = np.sort(values)
        ranks = [rank(values, tensors[home_of(each)]) for each, values in strangeness.items()]
        strangeness[BOTH] = np.mean(ranks, axis=0, dtype=np.float32)
    by_method = np.sort(strangeness[method])
    if outliers is None:
        return {**tensors, "home": by_method}
    direction = fit_outlier_direction(reference, outliers)
    along = outlying(home, direction)
    placed = rank(strangeness[method], by_method), rank(along, np.sort(along))
    return {
        **tensors,
        "outlier_direction": direction,
        "outlier_home": np.sort(along),
        "method_home": by_method,
        "home": np.sort(np.maximum(*placed)),
    }


def fit_outlier_direction(reference: Embedded, outliers: Embedded) -> Features:
    """The direction (channels,) that tells outliers from the scans of the training: a logistic regression's weights.

    Both count equally, however many there are of each, and so does each channel, however much it varies.
    """
    vectors = np.concatenate([unit(reference.features), unit(outliers.features)])
    strange = np.r_[np.zeros(len(reference)), np.ones(len(outliers))]
    scale = np.maximum(vectors.std(axis=0), SMALLEST_VARIANCE)
    fitted = LogisticRegression(C=1 / OUTLIER_PENALTY, class_weight="balanced", max_iter=3000).fit(
        (vectors - vectors.mean(axis=0)) / scale, strange
    )
    direction: Features = (fitted.coef_[0] / scale).astype(np.float32)
    return direction


def fit_gaussians(reference: Embedded) -> Tensors:
    """`mean`, `projection` and `centres`: a Gaussian for each label of each source, all of one shape.

    The projection makes that shape round, so that the distance to a centre is Mahalanobis'. A source has Gaussians of
    its own because one for both, which also holds what lies between them, lets more strangers pass.
    """
    vectors = unit(reference.features)
    names, kind = np.unique([f"{scan.label}\n{scan.source}" for scan in reference.scans], return_inverse=True)
    centres = np.stack([vectors[kind == number].mean(axis=0) for number in range(len(names))])
    spread = (vectors - centres[kind]).astype(np.float64)
    covariance = spread.T @ spread / len(spread)
    channels = len(covariance)
    roundness = max(float(np.trace(covariance)) / channels, SMALLEST_VARIANCE)
    values, directions = np.linalg.eigh(
        (1 - SHRINKAGE) * covariance + SHRINKAGE * roundness * np.eye(channels)
    )
    projection = (directions / np.sqrt(values)).astype(np.float32)
    mean = vectors.mean(axis=0)
    return {
        "mean": mean,
        "projection": projection,
        "centres": ((centres - mean) @ projection).astype(np.float32),
    }


def fit_references(reference: Embedded) -> npt.NDArray[np.float16]:
    """The scans among which nearest ones are looked for: all, or as many as `MOST_REFERENCES`, drawn once and for all."""
    vectors = unit(reference.features)
    if len(vectors) > MOST_REFERENCES:
        chosen = np.random.default_rng(0).choice(len(vectors), MOST_REFERENCES, replace=False)
        vectors = vectors[np.sort(chosen)]
    return vectors.astype(np.float16)
