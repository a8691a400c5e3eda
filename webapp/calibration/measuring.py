"""Measures answers on verified scans, as they are, and by cross-validation as they would be after a calibration."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from handlers.answering import ANSWERED, STATES, Situation, decide, judge
from webapp.calibration.fitting import fit
from webapp.calibration.sample import SMALLEST, Numbers, Sample, Terms

FOLDS = 5
BINS = 10
"""Bins of equal width, in which confidence is compared with accuracy."""
DIGITS = 4


@dataclass(frozen=True)
class LabelMetrics:
    """Metrics of a label's scans: count, share (0 to 1) whose set holds the label, mean number of labels in a set."""

    scans: int
    coverage: float | None
    set_size: float | None


@dataclass(frozen=True)
class Metrics:
    """Metrics of answers on `scans` verified scans; shares are 0 to 1, None where there is nothing to count.

    `calibration_error` is the expected one (ECE) of the most probable label's probability, `log_loss` in nats.
    `states` are shares; `right_of_answered` is the share of the answered scans whose label is the verified one.
    """

    scans: int
    accuracy: float
    confidence: float
    calibration_error: float
    log_loss: float
    coverage: float | None
    set_size: float | None
    states: dict[str, float]
    right_of_answered: float | None
    labels: dict[str, LabelMetrics]

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class _Answers:
    """The answers, a row for each scan; `sets` is empty where the model has no statistics."""

    right: np.ndarray[Any, np.dtype[np.bool_]]
    confidence: np.ndarray[Any, np.dtype[np.float64]]
    of_truth: np.ndarray[Any, np.dtype[np.float64]]
    truth: Numbers
    sets: list[list[str]]
    states: list[str]


def measure(sample: Sample, card: Terms, terms: Terms) -> Metrics:
    """The metrics of these scans, answered by `terms`; `card` are the terms that their probabilities were made with."""
    return _metrics(sample.labels, _answers(sample, card, terms))


def cross_validate(sample: Sample, card: Terms) -> Metrics:
    """The metrics after a calibration on the other scans: each patient is left out of one of FOLDS calibrations."""
    folds = folds_of(sample)
    parts = []
    for fold in range(FOLDS):
        left_out = folds == fold
        if not left_out.any() or left_out.all():
            continue
        fitted = fit(sample.of(~left_out), card)
        terms = card.with_profile(fitted.temperature, fitted.known_from, fitted.least)
        parts.append(_answers(sample.of(left_out), card, terms))
    return _metrics(sample.labels, _joined(parts))


def folds_of(sample: Sample) -> Numbers:
    """The fold of each scan: all of a patient's are in one, and patients with the same label are dealt out in turn."""
    patients, first = np.unique(sample.patients, return_index=True)
    order = np.lexsort((patients, sample.truth[first]))
    fold_of = np.empty(len(patients), dtype=np.int64)
    fold_of[order] = np.arange(len(patients)) % FOLDS
    return np.asarray(fold_of[np.searchsorted(patients, sample.patients)])


def _answers(sample: Sample, card: Terms, terms: Terms) -> _Answers:
    probabilities = sample.at(terms.temperature / card.temperature)
    rows = np.arange(len(sample))
    first = probabilities.argmax(axis=1)
    sets, states = [], []
    for row in rows:
        by_label = dict(zip(sample.labels, map(float, probabilities[row]), strict=True))
        label = sample.labels[first[row]]
        contradicted = terms.contradicted(label, sample.found[row])
        acceptable = sample.acceptable[row]
        if terms.least is None or terms.known_from is None:
            # Without statistics a model answers everything that no finding contradicts.
            situation = Situation(
                [label], label, by_label[label], None, acceptable, terms.groups, contradicted
            )
            states.append(decide(situation, terms.rules).state if contradicted else ANSWERED)
            continue
        familiarity = sample.familiarity[row]
        labels, decision = judge(
            by_label,
            label,
            least=terms.least,
            known=None if np.isnan(familiarity) else bool(familiarity >= terms.known_from),
            acceptable=acceptable,
            groups=terms.groups,
            rules=terms.rules,
            contradicted=contradicted,
        )
        sets.append(labels)
        states.append(decision.state)
    return _Answers(
        right=first == sample.truth,
        confidence=probabilities.max(axis=1),
        of_truth=probabilities[rows, sample.truth],
        truth=sample.truth,
        sets=sets,
        states=states,
    )


def _joined(parts: list[_Answers]) -> _Answers:
    return _Answers(
        right=np.concatenate([part.right for part in parts]),
        confidence=np.concatenate([part.confidence for part in parts]),
        of_truth=np.concatenate([part.of_truth for part in parts]),
        truth=np.concatenate([part.truth for part in parts]),
        sets=[labels for part in parts for labels in part.sets],
        states=[state for part in parts for state in part.states],
    )


def _metrics(labels: tuple[str, ...], answers: _Answers) -> Metrics:
    states = np.asarray(answers.states)
    counts = Counter(answers.states)
    covered, sizes = _sets(labels, answers)

    def of_label(column: int) -> LabelMetrics:
        own = answers.truth == column
        return LabelMetrics(
            scans=int(own.sum()),
            coverage=_mean(covered[own]) if len(covered) else None,
            set_size=_mean(sizes[own]) if len(sizes) else None,
        )

    return Metrics(
        scans=len(answers.truth),
        accuracy=round(float(answers.right.mean()), DIGITS),
        confidence=round(float(answers.confidence.mean()), DIGITS),
        calibration_error=_calibration_error(answers.confidence, answers.right),
        log_loss=round(float(-np.log(np.maximum(answers.of_truth, SMALLEST)).mean()), DIGITS),
        coverage=_mean(covered),
        set_size=_mean(sizes),
        states={state: round(counts[state] / len(states), DIGITS) for state in STATES},
        right_of_answered=_mean(answers.right[states == ANSWERED]),
        labels={
            label: of_label(column) for column, label in enumerate(labels) if (answers.truth == column).any()
        },
    )


def _sets(labels: tuple[str, ...], answers: _Answers) -> tuple[Any, Any]:
    """For each scan whether its set holds its label, and the set's size; empty without sets."""
    truth = [labels[column] for column in answers.truth] if answers.sets else []
    covered = [label in found for label, found in zip(truth, answers.sets, strict=True)]
    return np.asarray(covered, dtype=bool), np.asarray([len(found) for found in answers.sets])


def _calibration_error(confidence: Any, right: Any) -> float:
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = [abs(confidence[bins == each].sum() - right[bins == each].sum()) for each in np.unique(bins)]
    return round(float(sum(gaps) / len(right)), DIGITS)


def _mean(values: Any) -> float | None:
    return round(float(np.mean(values)), DIGITS) if len(values) else None
