"""Compares two models on one test set: every check of margins.toml, each as a pair of statistics on the same scans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from training.gate import statistics
from training.gate.heat import Heat, choose_scans, compare_heat
from training.gate.margins import SIMULATED, Margins
from training.gate.resampling import Paired, Resamples, Statistic, resamples_of
from training.gate.statistics import Constant
from training.gate.subject import Look, Subject
from training.gate.test_sets import TestSet
from training.gate.verdict import Check, judged, least, not_judged

Bits = npt.NDArray[np.bool_]
Pair = tuple[Statistic, Statistic]


@dataclass(frozen=True)
class Job:
    """One comparison: a check of margins.toml, under a name, on some of a set's scans."""

    check: str
    name: str
    pair: Pair
    patients: int
    may_be_elsewhere: bool = False
    """Whether another set with enough patients can judge the same in its place."""


@dataclass
class SetComparison:
    """Two models on a test set: what is to be judged, and, once resampled, what came out."""

    tested: TestSet
    jobs: list[Job] = field(default_factory=list)
    missing: list[Check] = field(default_factory=list)
    found: dict[str, Paired] = field(default_factory=dict)

    def has_enough(self, job: Job, margins: Margins) -> bool:
        """Whether this set can judge the same as the job of another set."""
        needed = margins.checks[job.check].patients.of(self.tested.kind)
        return any(own.name == job.name and own.patients >= needed for own in self.jobs)

    def checks(self, margins: Margins, others: Sequence[SetComparison]) -> list[Check]:
        """What follows from the comparison on this set."""
        made = []
        for job in self.jobs:
            margin = margins.checks[job.check]
            judge = judged if margin.least is None else least
            elsewhere = job.may_be_elsewhere and any(one.has_enough(job, margins) for one in others)
            made.append(
                judge(
                    job.name,
                    margin,
                    self.tested.kind,
                    self.tested.name,
                    self.found[job.name],
                    job.patients,
                    elsewhere,
                )
            )
        return [*made, *self.missing]


def compare_on(
    tested: TestSet,
    candidate: Subject,
    champion: Subject,
    margins: Margins,
    thresholds: Mapping[str, float] | None,
    cache: Path | None = None,
) -> SetComparison:
    """Run both models on a set, and resample what came out. Raises DataError for a scan that can't be read."""
    labels = champion.card.labels
    looks = tuple(one.look(tested.scans, labels, cache) for one in (candidate, champion))
    comparison = SetComparison(tested)
    _add_numbers(comparison, looks[0])
    _add_answers(comparison, margins, looks, thresholds)
    _add_confidence(comparison, margins, looks)
    resamples = _resamples([scan.patient for scan in tested.scans], margins)
    _resample(comparison, comparison.jobs, resamples, margins)
    _compare_heat(comparison, candidate, champion, margins)
    _compare_strangers(comparison, candidate, champion, margins, cache)
    return comparison


def _add_numbers(comparison: SetComparison, look: Look) -> None:
    wrong = int((~look.finite).sum())
    name = comparison.tested.name
    reason = f"It gives no numbers for {wrong} of its scans." if wrong else "It gives numbers for all scans."
    comparison.missing.append(Check("Answers in numbers", "model", name, not wrong, reason))


def _add_answers(
    comparison: SetComparison, margins: Margins, looks: Sequence[Look], thresholds: Mapping[str, float] | None
) -> None:
    first = looks[0]
    everybody = _count(comparison.tested, np.ones(len(first.truth), bool))

    def pair(make: Callable[[Look], Statistic]) -> Pair:
        return make(looks[0]), make(looks[1])

    count = len(first.labels)
    macro = pair(lambda look: statistics.macro_f1(look.targets, look.predicted, count))
    comparison.jobs.append(Job("macro_f1", margins.checks["macro_f1"].title, macro, everybody))
    sources = np.array([scan.source for scan in comparison.tested.scans])
    for source in sorted(set(sources.tolist())) if len(set(sources.tolist())) > 1 else []:
        inside = sources == source
        if len(set(first.targets[inside].tolist())) > 1:
            within = pair(
                lambda look, inside=inside: statistics.macro_f1(look.targets, look.predicted, count, inside)
            )
            comparison.jobs.append(
                Job(
                    "source_f1",
                    f"Macro F1 within {source or 'scans without a source'}",
                    within,
                    _count(comparison.tested, inside),
                    may_be_elsewhere=True,
                )
            )
    for number, label in enumerate(first.labels):
        own = first.targets == number
        if own.any():
            recall = pair(lambda look, own=own: statistics.of_scans(look.right, own))
            comparison.jobs.append(
                Job("recall", f"Recall of {label}", recall, _count(comparison.tested, own), True)
            )
    _add_urgent(comparison, margins, looks, thresholds)


def _add_urgent(
    comparison: SetComparison, margins: Margins, looks: Sequence[Look], thresholds: Mapping[str, float] | None
) -> None:
    margin, name = margins.checks["urgent"], comparison.tested.name
    if thresholds is None:
        sentence = "There are no recommendations for this model, so that no label is known to be urgent."
        comparison.missing.append(not_judged(margin.title, margin.group, name, sentence))
        return
    numbers = [number for number, label in enumerate(looks[0].labels) if label in thresholds]
    groups = {margin.title: np.isin(looks[0].targets, numbers)} | {
        f"Sensitivity for {looks[0].labels[number]}": looks[0].targets == number for number in numbers
    }
    for title, own in groups.items():
        if own.any():
            candidate, champion = (statistics.of_scans(look.seen(thresholds), own) for look in looks)
            comparison.jobs.append(
                Job("urgent", title, (candidate, champion), _count(comparison.tested, own), True)
            )


def _add_confidence(comparison: SetComparison, margins: Margins, looks: Sequence[Look]) -> None:
    candidate, champion = looks
    everybody = _count(comparison.tested, np.ones(len(candidate.truth), bool))

    def add(check: str, make: Callable[[Look], Statistic]) -> None:
        pair = make(candidate), make(champion)
        comparison.jobs.append(Job(check, margins.checks[check].title, pair, everybody))

    add("calibration", lambda look: statistics.calibration_error(look.confidence, look.right))
    risk = margins.checks["coverage_at_risk"].risk or 0.0
    add("coverage_at_risk", lambda look: statistics.coverage_at_risk(look.confidence, look.right, risk))
    of_sets = ("set_coverage", "set_size", "unfamiliar")
    if candidate.has_sets and champion.has_sets:
        rows = np.arange(len(candidate.truth))
        add("set_coverage", lambda look: statistics.mean(look.in_set[rows, look.targets]))
        add("set_size", lambda look: statistics.mean(look.in_set.sum(1).astype(float)))
        add("unfamiliar", lambda look: statistics.mean(look.unfamiliar))
        return
    for check in of_sets:
        margin, name = margins.checks[check], comparison.tested.name
        if champion.has_sets:
            reason = (
                "It has no statistics, and the champion has: it could rule nothing out, and know no stranger."
            )
            comparison.missing.append(Check(margin.title, margin.group, name, False, reason))
        else:
            reason = "The champion has no statistics to compare with."
            comparison.missing.append(not_judged(margin.title, margin.group, name, reason))


def _compare_heat(comparison: SetComparison, candidate: Subject, champion: Subject, margins: Margins) -> None:
    tested = comparison.tested
    per_label = (margins.simulated if tested.kind == SIMULATED else margins.given).masked_per_label
    scans = choose_scans(tested.scans, champion.card.labels, per_label)
    names = ("pointing", "overlap", "agreement")
    if not scans:
        for check in names:
            margin = margins.checks[check]
            comparison.missing.append(
                not_judged(margin.title, margin.group, tested.name, "No scan to make maps of.")
            )
        return
    heat = compare_heat(candidate, champion, scans)
    drawn = ~np.isnan(heat.pointing[0])
    jobs = []
    if drawn.any():
        patients = _count_of(scans, drawn)
        for check, values in (("pointing", heat.pointing), ("overlap", heat.iou)):
            pair = statistics.mean(values[0]), statistics.mean(values[1])
            jobs.append(Job(check, margins.checks[check].title, pair, patients, True))
    else:
        for check in names[:2]:
            margin = margins.checks[check]
            reason = "No region is drawn on any of its scans."
            comparison.missing.append(not_judged(margin.title, margin.group, tested.name, reason))
    jobs.append(_agreement(heat, margins))
    comparison.jobs += jobs
    _resample(comparison, jobs, _resamples([scan.patient for scan in scans], margins), margins)


def _agreement(heat: Heat, margins: Margins) -> Job:
    pair = statistics.mean(heat.agreement), Constant(1.0)
    everybody = _count_of(heat.scans, np.ones(len(heat.scans), bool))
    return Job("agreement", margins.checks["agreement"].title, pair, everybody, True)


def _compare_strangers(
    comparison: SetComparison, candidate: Subject, champion: Subject, margins: Margins, cache: Path | None
) -> None:
    strangers = comparison.tested.strangers
    if not strangers:
        return
    looks = [one.look(strangers, champion.card.labels, cache) for one in (candidate, champion)]
    pair = statistics.mean(looks[0].sure), statistics.mean(looks[1].sure)
    everybody = _count_of(strangers, np.ones(len(strangers), bool))
    job = Job("strangers", margins.checks["strangers"].title, pair, everybody, True)
    comparison.jobs.append(job)
    _resample(comparison, [job], _resamples([scan.patient for scan in strangers], margins), margins)


def _resamples(patients: Sequence[str], margins: Margins) -> Resamples:
    return resamples_of(patients, margins.resampling.resamples, margins.resampling.seed)


def _resample(comparison: SetComparison, jobs: Sequence[Job], resamples: Resamples, margins: Margins) -> None:
    levels = margins.resampling.level, margins.resampling.superior_level
    comparison.found |= resamples.paired({job.name: job.pair for job in jobs}, *levels)


def _count(tested: TestSet, chosen: Bits) -> int:
    return _count_of(tested.scans, chosen)


def _count_of(scans: Sequence[object], chosen: Bits) -> int:
    """The patients of the chosen scans; a scan without a patient counts as one."""
    names = [getattr(scan, "patient", "") or f"scan {number}" for number, scan in enumerate(scans)]
    return len(Counter(name for name, own in zip(names, chosen, strict=True) if own))
