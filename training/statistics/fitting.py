"""Fits the tensors by which familiarity is judged, on the scans that a model was trained on.

`handlers.statistics` explains the tensors, docs/training.md has the measurements behind the choices made here.
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
"""Share of a round covariance that is mixed into the measured one, which few scans estimate badly."""
SMALLEST_VARIANCE = 1e-12
"""Least variance of a channel, so that no distance is infinite where all scans are equal."""
LEAST_OUTLIERS = 30
"""Outliers of the train split that are needed: fewer don't show where other diseases lie."""
OUTLIER_PENALTY = 10.0
"""Inverse of the regression's C. From 0.3 to 30 the results hardly differ."""
MOST_REFERENCES = 2000
"""Scans among which nearest neighbours are searched: with more, a search takes longer than 0.3 ms."""

Tensors = dict[str, npt.NDArray[np.floating]]


def reference_scans(scans: Sequence[Scan]) -> list[Scan]:
    """The scans of the train split that represent what a model knows.

    These are the real ones, and simulated ones of labels with few real patients. Simulated scans of other labels would
    make more strangers known than home scans.
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
    """The real scans of the train split whose label the model doesn't know; none if they are too few."""
    outliers = [
        scan for scan in of_split(scans, "train") if scan.label not in labels and not is_simulated(scan)
    ]
    return outliers if len(outliers) >= LEAST_OUTLIERS else []


def home_scans(scans: Sequence[Scan]) -> list[Scan]:
    """The home scans: the real scans of the val split, or all of that split if none is real."""
    held_out = of_split(scans, "val")
    return [scan for scan in held_out if not is_simulated(scan)] or held_out


def fit_tensors(
    method: str, reference: Embedded, home: Features, outliers: Embedded | None = None
) -> Tensors:
    """The tensors of a method, except `nearest`; they include the strangeness of the home scans, sorted."""
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
    ranks_at_home = rank(strangeness[method], by_method), rank(along, np.sort(along))
    return {
        **tensors,
        "outlier_direction": direction,
        "outlier_home": np.sort(along),
        "method_home": by_method,
        "home": np.sort(np.maximum(*ranks_at_home)),
    }


def fit_outlier_direction(reference: Embedded, outliers: Embedded) -> Features:
    """The direction (channels,) from the scans of the training to outliers: the weights of a logistic regression.

    Both sides weigh the same, whatever their counts, and so do all channels, whatever their variance.
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
    """`mean`, `projection` and `centres`: a Gaussian for each label of each source, all with one covariance.

    After the projection that covariance is round, so that the distance to a centre is Mahalanobis'. A Gaussian for the
    scans of two sources would also cover what lies between them, and let more strangers pass.
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
    """The vectors (references, channels) among which nearest neighbours are searched, `MOST_REFERENCES` at most."""
    vectors = unit(reference.features)
    if len(vectors) > MOST_REFERENCES:
        chosen = np.random.default_rng(0).choice(len(vectors), MOST_REFERENCES, replace=False)
        vectors = vectors[np.sort(chosen)]
    return vectors.astype(np.float16)
