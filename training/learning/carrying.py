"""Carries a version's statistics over to one that was fine-tuned from it without the scans that it was trained with.

The distilled network places scans nearly where the one before did. So what was known stays where it was, and the
verified scans are added: a centre for each of their labels, and their strangeness among that of the home scans.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load, save

from handlers.card import CARD_NAME, ModelCard
from handlers.card_statistics import (
    MAHALANOBIS,
    STATISTICS_NAME,
    CalibrationScans,
    SetFacts,
    StatisticsFacts,
)
from handlers.statistics import mahalanobis, outlying, rank, unit
from training.data.sources import is_simulated
from training.export import replace_file
from training.statistics.features import Embedded, Features
from training.statistics.fitting import Tensors
from training.statistics.sets import fit_sets, least_scans


def can_be_carried(card: ModelCard) -> bool:
    """Whether the version's statistics can be carried over: neighbours can't be added to without being stored."""
    return card.statistics is not None and card.statistics.method == MAHALANOBIS


def carry_over(
    base: Path, before: ModelCard, folder: Path, card: ModelCard, train: Embedded, validation: Embedded
) -> ModelCard:
    """Write the statistics of the version in `base` into `folder`, with the new scans added, then the card.

    `train` and `validation` are the new network's features and logits; of the train scans the real ones are added.
    """
    facts = before.statistics
    assert facts is not None
    tensors = load((base / STATISTICS_NAME).read_bytes())
    added = add_scans(facts, tensors, _real(train), _real(validation))
    least, used = _sets(facts, validation, card)
    content = save(added)
    card = replace(
        card,
        groups=before.groups,
        rules=before.rules,
        statistics=replace(
            facts,
            sha256=hashlib.sha256(content).hexdigest(),
            sets=least,
            calibrated_on=used,
            figures={**facts.figures, "carried_over_from": before.version},
        ),
    )
    replace_file(folder / STATISTICS_NAME, content)
    card.save(folder / CARD_NAME)
    return card


def add_scans(facts: StatisticsFacts, tensors: Tensors, train: Embedded, home: Embedded) -> Tensors:
    """The tensors with a centre for each label of the train scans, and with the strangeness of the home scans."""
    mean, projection, centres = (
        tensors[name].astype(np.float32) for name in ("mean", "projection", "centres")
    )
    labels = sorted(set(train.labels.tolist()))
    vectors = unit(train.features)
    own = np.stack([vectors[train.labels == label].mean(axis=0) for label in labels])
    centres = np.concatenate([centres, (own - mean) @ projection]).astype(np.float32)
    added: Tensors = {**tensors, "centres": centres}
    strange = mahalanobis(home.features, mean, projection, centres)
    if not facts.outliers:
        return {**added, "home": _merged(tensors["home"], strange)}
    along = outlying(home.features, tensors["outlier_direction"].astype(np.float32))
    by_method = _merged(tensors["method_home"], strange)
    by_direction = _merged(tensors["outlier_home"], along)
    ranks = np.maximum(rank(strange, by_method), rank(along, by_direction))
    return {
        **added,
        "method_home": by_method,
        "outlier_home": by_direction,
        "home": _merged(tensors["home"], ranks),
    }


def _merged(before: npt.NDArray[np.floating], values: npt.NDArray[np.floating]) -> Features:
    return np.sort(np.concatenate([before.astype(np.float32), values.astype(np.float32)]))


def _real(scans: Embedded) -> Embedded:
    return scans.where(lambda scan: not is_simulated(scan))


def _sets(
    facts: StatisticsFacts, validation: Embedded, card: ModelCard
) -> tuple[SetFacts, dict[str, CalibrationScans]]:
    """The least probabilities: the lower of that before and that of the validation scans, where these are enough.

    So a label is kept by as many scans of the clinics before as of this one.
    """
    coverage = facts.sets.coverage
    fitted, used = fit_sets(validation, card.labels, card.temperature, coverage)
    enough = {label: used[label].scans >= least_scans(coverage) for label in card.labels}
    return (
        SetFacts(
            coverage,
            {
                label: min(fitted.least[label], facts.sets.least[label])
                if enough[label]
                else facts.sets.least[label]
                for label in card.labels
            },
        ),
        {
            label: used[label] if enough[label] else facts.calibrated_on[label]
            for label in card.labels
            if enough[label] or label in facts.calibrated_on
        },
    )
