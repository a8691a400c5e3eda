"""The whole comparison of a candidate with a champion: test sets, checks, machine, and what is written down of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from training.data.manifest import DataError
from training.gate.comparing import SetComparison, compare_on
from training.gate.guideline import urgent_thresholds
from training.gate.machine import memory_bytes, milliseconds
from training.gate.margins import OWN, SIMULATED, Margins, read_margins
from training.gate.plan import plan
from training.gate.seen import check_unseen
from training.gate.sizes import check_sizes
from training.gate.subject import Subject
from training.gate.test_sets import TestSet, given_set, own_set, simulated_set
from training.gate.verdict import Check, not_judged
from training.origin import code

MACRO_F1 = "macro_f1"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Order:
    """What is to be compared: folders of two versions, test data, and this installation's data sets.

    The champion may be loaded already. `guideline` names a file of recommendations in place of the web app's; `cache` the
    folder for reduced scans.
    """

    candidate: Path
    champion: Path | Subject
    data: Sequence[Path] = ()
    learning: Path | None = None
    guideline: Path | None = None
    cache: Path | None = None
    margins: Margins | None = None


def compare(order: Order, say: Say = print) -> dict[str, Any]:
    """Compare; returns the content of gate.json but for what stored scans say and its hash.

    Raises DataError when the two can't be compared, CardError or NetworkError when one can't be loaded.
    """
    margins = order.margins or read_margins()
    candidate = Subject.load(order.candidate)
    champion = order.champion if isinstance(order.champion, Subject) else Subject.load(order.champion)
    refuse_incomparable(candidate, champion)
    labels = champion.card.labels
    thresholds = urgent_thresholds(champion.card.name, margins.urgent.tiers, order.guideline)
    sets, absent = _test_sets(order, champion, margins, say)
    comparisons = []
    for tested in sets:
        say(f"comparing on {tested.name}: {len(tested.scans)} scans")
        comparisons.append(compare_on(tested, candidate, champion, margins, thresholds, order.cache))
    checks = [_label_order(candidate, champion), check_sizes(candidate, margins.sizes.pictures)]
    checks += check_unseen(candidate.card, order.learning, sets)
    for one in comparisons:
        checks += one.checks(margins, [other for other in comparisons if other is not one])
    checks += _labels_without_scans(labels, sets)
    checks += absent
    say("comparing time and memory")
    checks += _machine(candidate, champion, margins)
    return {
        "passed": all(check.passed is not False for check in checks),
        "better": _is_better(comparisons, margins),
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "candidate": candidate.facts,
        "champion": champion.facts,
        "plan": plan(candidate.card, champion.card),
        "test_sets": [tested.facts() for tested in sets],
        "checks": [check.to_dict() for check in checks],
        "replay": None,
        "margins": _reasons(margins),
        "margins_sha256": margins.sha256,
        "code": code(),
    }


def refuse_incomparable(candidate: Subject, champion: Subject) -> None:
    """Raise DataError for models of other scans or other labels: one can't answer in place of the other."""
    ours, theirs = candidate.card, champion.card
    if ours.name != theirs.name:
        raise DataError(
            f"{ours.name} {ours.version} is another model than {theirs.name} {theirs.version}: it reads other scans, so "
            "that neither can answer in place of the other"
        )
    if set(ours.labels) != set(theirs.labels):
        new = [label for label in ours.labels if label not in theirs.labels]
        gone = [label for label in theirs.labels if label not in ours.labels]
        differ = "; ".join(
            [
                *([f"{', '.join(new)} is new"] if new else []),
                *([f"{', '.join(gone)} is missing"] if gone else []),
            ]
        )
        raise DataError(
            f"{ours.name} {ours.version} has other labels than {theirs.version}: {differ}. Other labels are another "
            f"model: train it with --name, as {ours.name}-2, write recommendations for it, and promote it under that name"
        )


def _test_sets(
    order: Order, champion: Subject, margins: Margins, say: Say
) -> tuple[list[TestSet], list[Check]]:
    """The test sets, and checks that say which are missing. Raises DataError when there is none."""
    labels, name = champion.card.labels, champion.card.name
    sets, absent = [], []
    own = own_set(order.learning, name, labels) if order.learning else None
    if own:
        sets.append(own)
    else:
        reason = "There is none yet: ./retinote learn export makes it from verified scans."
        absent.append(not_judged("This installation's test set", "data", OWN, reason))
    sets += [given_set(path, labels) for path in order.data]
    say("drawing the simulated set, or finding it as it was drawn")
    simulated = simulated_set(margins.simulated, champion.card, order.cache)
    if simulated:
        sets.append(simulated)
    else:
        reason = "The simulator draws no scans for this model, or of one of its labels only."
        absent.append(not_judged("The simulated set", "data", SIMULATED, reason))
    if not sets:
        raise DataError(
            f"there is nothing to compare {name} on: no test set of this installation, and the simulator doesn't draw its "
            "labels; name labelled scans with --data"
        )
    names = [tested.name for tested in sets]
    if len(set(names)) < len(names):
        raise DataError(f"two test sets have the name {max(names, key=names.count)!r}; name each folder once")
    return sets, absent


def _label_order(candidate: Subject, champion: Subject) -> Check:
    same = candidate.card.labels == champion.card.labels
    reason = (
        "The labels have the champion's order."
        if same
        else f"Its labels have another order ({', '.join(candidate.card.labels)}): who reads probabilities by their place "
        "would read wrong ones."
    )
    return Check("Labels in the same order", "model", "", same, reason)


def _labels_without_scans(labels: Sequence[str], sets: Sequence[TestSet]) -> list[Check]:
    tested = {scan.label for one in sets for scan in one.scans}
    return [
        Check(
            f"Recall of {label}",
            "answers",
            "",
            False,
            f"No test set has a scan of {label}; name one with --data.",
        )
        for label in labels
        if label not in tested
    ]


def _machine(candidate: Subject, champion: Subject, margins: Margins) -> list[Check]:
    ours, theirs, ratio = milliseconds(candidate, champion, margins.machine.rounds)
    allowed = margins.machine.latency_ratio
    words = f"{ours:.1f} ms of one processor for a scan, the champion {theirs:.1f}: {ratio:.2f} times as much"
    made = [
        Check(
            "Time of a scan",
            "machine",
            "",
            ratio <= allowed,
            f"It takes {words}; {allowed:g} times are allowed.",
            candidate=ours,
            champion=theirs,
            difference=ours - theirs,
            margin=(allowed - 1) * theirs,
        )
    ]
    needs = [memory_bytes(one.network, one.card.input.size) / 1e6 for one in (candidate, champion)]
    allowed = margins.machine.memory_ratio
    times = needs[0] / needs[1]
    made.append(
        Check(
            "Memory of a scan",
            "machine",
            "",
            times <= allowed,
            f"Weights and a forward pass hold {needs[0]:.1f} MB, the champion's {needs[1]:.1f}: {times:.2f} times as much; "
            f"{allowed:g} times are allowed.",
            candidate=needs[0],
            champion=needs[1],
            difference=needs[0] - needs[1],
            margin=(allowed - 1) * needs[1],
        )
    )
    return made


def _is_better(comparisons: Sequence[SetComparison], margins: Margins) -> bool:
    """Whether macro F1 is surely higher on a set of real scans; on the simulated one where there are no others."""
    real = [one for one in comparisons if one.tested.kind != SIMULATED] or list(comparisons)
    title = margins.checks[MACRO_F1].title
    needed = margins.checks[MACRO_F1].patients
    return any(
        one.found[title].superior > 0
        and len({scan.patient for scan in one.tested.scans}) >= needed.of(one.tested.kind)
        for one in real
    )


def _reasons(margins: Margins) -> list[dict[str, Any]]:
    """The margins with their reasons and sources, as people read them."""
    return [
        {
            "check": margin.title,
            "margin": {kind: margin.margin.of(kind) for kind in ("own", "given", "simulated")},
            "least": margin.least,
            "reason": " ".join(margin.reason.split()),
            "source": margin.source,
        }
        for margin in margins.checks.values()
    ]


def as_text(content: dict[str, Any]) -> str:
    """The content of gate.json as it is written."""
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
