"""How many labels it takes to learn from: macro F1 by the order in which readers are given scans, beside a random order.

Labels are those of a labelled data set, which the simulated readers all name rightly. What learns is a linear head on
the frozen features of a model that is there; whole networks would take days for the same curve.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import bundled

SHARES = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
"""Of the pool, at which macro F1 is compared."""
FIRST = 32
"""Labels that both orders begin with, drawn at random."""
STEP = 0.025
"""Share of the pool that is labelled between two fits of the head."""
TEST_SHARE = 0.3
COMPONENTS = 64
"""Principal components of the features that the head sees, fitted on the pool without its labels."""
PENALTY = 0.1
"""Inverse strength of the head's L2 penalty on components of variance 1, as set before anything was measured."""
SET_MASS = 0.9
"""A set holds the most probable labels until they have this probability together."""
RESAMPLES = 1000
GAP = 0.01
"""How far macro F1 may lie below that of the whole pool."""
ORDER, RANDOM = "most useful next", "random"
Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]
Choice = Callable[["Round"], Numbers]


@dataclass(frozen=True)
class Data:
    """Scans of known labels: features (scans, channels), labels and patients as numbers."""

    features: Floats
    labels: Numbers
    patients: Numbers
    names: tuple[str, ...]


@dataclass(frozen=True)
class Round:
    """What a choice may know: what the head says of the scans that are left, their features, and those labelled before."""

    probabilities: Floats
    left: Floats
    labelled: Floats
    patients: Numbers
    wanted: int
    random: np.random.Generator


@dataclass(frozen=True)
class Curve:
    """One run of one order: for each share the confusion matrices of the test patients, (patients, labels, labels)."""

    confusions: Mapping[float, Floats]
    full: Floats


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `bench learning`."""
    parser.add_argument(
        "--data",
        type=Path,
        nargs="+",
        required=True,
        metavar="PATH",
        help="labelled scans with patients, such as runs/oct",
    )
    parser.add_argument(
        "--model",
        type=Path,
        default=bundled.MODEL,
        metavar="DIR",
        help="whose features (default: %(default)s)",
    )
    parser.add_argument(
        "--labels",
        nargs="+",
        default=[],
        metavar="LABEL",
        help="labels to learn (default: those that the model knows)",
    )
    parser.add_argument(
        "--seeds", type=int, default=5, help="divisions into pool and test (default: %(default)s)"
    )
    parser.add_argument(
        "--also", nargs="*", default=[], choices=sorted(OTHERS), help="further orders, for comparison"
    )
    parser.add_argument("--cache", type=Path, metavar="DIR", help="folder for reduced scans")


def run(arguments: argparse.Namespace) -> int:
    """Measure, print, and write learning.json, learning.png and the features. Raises BenchmarkError for too little data."""
    from benchmarks.errors import BenchmarkError
    from benchmarks.plots import lines
    from benchmarks.report import Report

    if arguments.seeds < 1:
        raise BenchmarkError("--seeds: at least 1 is needed.")
    arguments.out.mkdir(parents=True, exist_ok=True)
    data = _read(arguments)
    if len(data.names) < 2 or len(np.unique(data.patients)) < 20:
        raise BenchmarkError("--data: at least two labels and 20 patients are needed.")
    choices: dict[str, Choice] = {ORDER: useful, RANDOM: at_random} | {
        name: OTHERS[name] for name in arguments.also
    }
    curves = {
        name: [_learn(data, choice, seed) for seed in range(arguments.seeds)]
        for name, choice in choices.items()
    }
    report = Report("Labels that it takes to learn")
    summarise(report, curves, f"{len(data.labels)} scans, {arguments.seeds} seeds")
    print(report.text())
    report.save(arguments.out / "learning.json")
    shown = {
        name: ([100 * share for share in SHARES], [_mean_f1(runs, share) for share in SHARES])
        for name, runs in curves.items()
    }
    lines(
        arguments.out / "learning.png",
        shown,
        axes_titles=("labels, % of the pool", "macro F1"),
        title="Macro F1 by the order in which scans are labelled",
    )
    return 0


def _read(arguments: argparse.Namespace) -> Data:
    """The scans' features, from the file of an earlier run with the same weights and scans if there is one."""
    from handlers.network import load_network
    from training.data.reading import read_all
    from training.statistics.features import embed

    card, network = load_network(arguments.model)
    scans = [
        scan
        for scan in read_all(arguments.data, arguments.labels)
        if scan.label in (arguments.labels or card.labels)
    ]
    kept = arguments.out / f"learning-features-{card.weights_sha256[:12]}-{len(scans)}.npy"
    if kept.is_file():
        features = np.load(kept)
    else:
        features = embed(network, card.input, scans, arguments.cache).features
        np.save(kept, features)
    names = tuple(sorted({scan.label for scan in scans}))
    patients = {
        name: number for number, name in enumerate(sorted({scan.patient or str(scan.path) for scan in scans}))
    }
    return Data(
        features=np.asarray(features, np.float64),
        labels=np.array([names.index(scan.label) for scan in scans]),
        patients=np.array([patients[scan.patient or str(scan.path)] for scan in scans]),
        names=names,
    )


def _learn(data: Data, choose: Choice, seed: int) -> Curve:
    """Label the pool step by step in the order of `choose`, and measure the head on the test patients after each."""
    random = np.random.default_rng(seed)
    drawn = random.permutation(np.unique(data.patients))
    in_test = np.isin(data.patients, drawn[: int(TEST_SHARE * len(drawn))])
    test, pool = np.flatnonzero(in_test), np.flatnonzero(~in_test)
    features = _components(data.features, pool)
    labelled = list(random.permutation(pool)[:FIRST])
    left = np.setdiff1d(pool, labelled)
    wanted = max(1, round(STEP * len(pool)))
    due = list(SHARES)
    confusions = {}
    while due:
        head = _fit(features[labelled], data.labels[labelled], len(data.names))
        while due and len(labelled) >= round(due[0] * len(pool)):
            confusions[due.pop(0)] = _confusions(data, head(features[test]), test)
        if not due:
            break
        most = min(wanted, round(due[0] * len(pool)) - len(labelled))
        chosen = choose(
            Round(head(features[left]), features[left], features[labelled], data.patients[left], most, random)
        )
        labelled += list(left[chosen])
        left = np.delete(left, chosen)
    whole = _fit(features[pool], data.labels[pool], len(data.names))
    return Curve(confusions, _confusions(data, whole(features[test]), test))


def _components(features: Floats, pool: Numbers) -> Floats:
    """The first principal components of the pool, of variance 1 there."""
    centred = features - features[pool].mean(axis=0)
    _, spread, directions = np.linalg.svd(centred[pool], full_matrices=False)
    count = min(COMPONENTS, len(spread))
    return np.asarray(centred @ directions[:count].T / (spread[:count] / np.sqrt(len(pool))))


def _fit(features: Floats, labels: Numbers, count: int) -> Callable[[Floats], Floats]:
    """A linear head fitted to the features; it gives the probabilities (scans, labels), 0 for labels that it never saw."""
    from sklearn.linear_model import LogisticRegression

    known = np.unique(labels)
    if len(known) == 1:
        return lambda given: np.asarray(np.eye(count)[np.full(len(given), known[0])])
    fitted = LogisticRegression(C=PENALTY, max_iter=200, tol=1e-3).fit(features, labels)

    def predict(given: Floats) -> Floats:
        found = np.zeros((len(given), count))
        found[:, fitted.classes_] = fitted.predict_proba(given)
        return found

    return predict


def useful(now: Round) -> Numbers:
    """The web app's order (webapp/learning/usefulness.py)."""
    from webapp.learning.usefulness import Answers, in_order

    sorted_down = np.sort(now.probabilities, axis=1)[:, ::-1]
    before = np.cumsum(sorted_down, axis=1) - sorted_down
    answers = Answers(
        probabilities=now.probabilities,
        set_sizes=(before < SET_MASS).sum(axis=1),
        familiarity=_familiarity(now),
        disagreement=np.zeros(len(now.patients)),
        patients=now.patients,
    )
    return in_order(answers, most=now.wanted)


def _familiarity(now: Round) -> Floats:
    """How near the closest labelled scan is, as a share of the scans that are left, 0 to 1."""
    own, known = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (now.left, now.labelled))
    near = (own @ known.T).max(axis=1)
    ranks = np.argsort(np.argsort(near))
    return np.asarray(ranks / max(len(ranks) - 1, 1))


def at_random(now: Round) -> Numbers:
    """Any scans."""
    return now.random.permutation(len(now.patients))[: now.wanted]


def _by_entropy(now: Round) -> Numbers:
    safe = np.clip(now.probabilities, 1e-12, 1)
    return np.argsort((safe * np.log(safe)).sum(axis=1), kind="stable")[: now.wanted]


def _by_margin(now: Round) -> Numbers:
    highest = np.sort(now.probabilities, axis=1)
    return np.argsort(highest[:, -1] - highest[:, -2], kind="stable")[: now.wanted]


OTHERS: dict[str, Choice] = {"entropy": _by_entropy, "margin": _by_margin}
"""Orders that are widely used, to compare with."""


def _confusions(data: Data, probabilities: Floats, test: Numbers) -> Floats:
    patients, numbers = np.unique(data.patients[test], return_inverse=True)
    found = np.zeros((len(patients), len(data.names), len(data.names)))
    np.add.at(found, (numbers, data.labels[test], probabilities.argmax(axis=1)), 1)
    return found


def macro_f1(confusion: Floats) -> Floats:
    """Macro F1 of confusion matrices (…, true, said), over the labels that occur."""
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    true, said = confusion.sum(axis=-1), confusion.sum(axis=-2)
    f1 = np.divide(2 * right, true + said, out=np.zeros_like(right), where=true + said > 0)
    return np.asarray((f1 * (true > 0)).sum(axis=-1) / np.maximum((true > 0).sum(axis=-1), 1))


def _mean_f1(runs: Sequence[Curve], share: float) -> float:
    return float(np.mean([macro_f1(run.confusions[share].sum(axis=0)) for run in runs]))


def _reaches(runs: Sequence[Curve]) -> float | None:
    """The share from which on macro F1, on average, stays within GAP of the whole pool's; None without one."""
    whole = float(np.mean([macro_f1(run.full.sum(axis=0)) for run in runs]))
    found = None
    for share in reversed(SHARES):
        if _mean_f1(runs, share) < whole - GAP:
            break
        found = share
    return found


def _differences(first: Sequence[Floats], second: Sequence[Floats]) -> tuple[float, float, float]:
    """Mean difference of macro F1 over the runs, with its 95 % interval from resampled test patients, the same in both."""
    random = np.random.default_rng(0)
    drawn = []
    for one, other in zip(first, second, strict=True):
        weights = random.multinomial(len(one), np.full(len(one), 1 / len(one)), size=RESAMPLES).astype(
            np.float64
        )
        drawn.append(
            macro_f1(np.tensordot(weights, one, axes=1)) - macro_f1(np.tensordot(weights, other, axes=1))
        )
    shift = np.mean(drawn, axis=0)
    mean = float(
        np.mean(
            [
                macro_f1(one.sum(axis=0)) - macro_f1(other.sum(axis=0))
                for one, other in zip(first, second, strict=True)
            ]
        )
    )
    low, high = np.quantile(shift, [0.025, 0.975])
    return mean, float(low), float(high)


def summarise(report: Any, curves: Mapping[str, Sequence[Curve]], condition: str) -> None:
    """Add the rows and goals: macro F1 by share, the way to the whole pool's, and the difference to a random order."""
    from benchmarks.report import Goal

    for name, runs in curves.items():
        for share in SHARES:
            report.add(name, condition, f"macro F1 with {100 * share:g} % of the labels", "", [
                float(macro_f1(run.confusions[share].sum(axis=0))) for run in runs
            ])  # fmt: skip
        below = _differences([run.confusions[SHARES[-1]] for run in runs], [run.full for run in runs])
        report.notes.append(
            f"{name}: macro F1 with {100 * SHARES[-1]:g} % of the labels less that of the whole pool: "
            f"{below[0]:+.4f} ({below[1]:+.4f} to {below[2]:+.4f})."
        )
        reached = _reaches(runs)
        report.notes.append(
            f"{name}: within {GAP:g} of the whole pool's macro F1 "
            + (
                f"from {100 * reached:g} % of the labels on."
                if reached
                else "at none of these shares for good."
            )
        )
        if name == ORDER:
            report.goals.append(
                Goal(
                    f"macro F1 below the whole pool's with {100 * SHARES[-1]:g} % of the labels",
                    -below[0],
                    GAP,
                )
            )
    whole = [float(macro_f1(run.full.sum(axis=0))) for run in next(iter(curves.values()))]
    report.add("whole pool", condition, "macro F1", "", whole)
    for name, runs in curves.items():
        if name == RANDOM:
            continue
        for share in SHARES:
            mean, low, high = _differences(
                [run.confusions[share] for run in runs], [run.confusions[share] for run in curves[RANDOM]]
            )
            report.notes.append(
                f"{name} less random, {100 * share:g} % of the labels: {mean:+.4f} ({low:+.4f} to {high:+.4f})."
            )
        joined = [[_stacked(run) for run in of] for of in (runs, curves[RANDOM])]
        mean, low, high = _areas(*joined)
        report.notes.append(
            f"{name} less random, mean over all shares: {mean:+.4f} ({low:+.4f} to {high:+.4f})."
        )
        if name == ORDER:
            report.goals.append(
                Goal("lower end of the mean difference to a random order", low, 0.0, at_least=True)
            )


def _stacked(run: Curve) -> Floats:
    return np.stack([run.confusions[share] for share in SHARES])


def _areas(first: Sequence[Floats], second: Sequence[Floats]) -> tuple[float, float, float]:
    """The difference of the mean over all shares, and its interval as in `_differences`: (shares, patients, …) each."""
    random = np.random.default_rng(1)
    drawn, means = [], []
    for one, other in zip(first, second, strict=True):
        patients = one.shape[1]
        weights = random.multinomial(patients, np.full(patients, 1 / patients), size=RESAMPLES).astype(
            np.float64
        )
        drawn.append(np.mean([
            macro_f1(np.tensordot(weights, mine, axes=1)) - macro_f1(np.tensordot(weights, theirs, axes=1))
            for mine, theirs in zip(one, other, strict=True)
        ], axis=0))  # fmt: skip
        means.append(float(np.mean(macro_f1(one.sum(axis=1)) - macro_f1(other.sum(axis=1)))))
    low, high = np.quantile(np.mean(drawn, axis=0), [0.025, 0.975])
    return float(np.mean(means)), float(low), float(high)
