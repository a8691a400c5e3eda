"""`bench drift`: how soon drift is noticed, and how often it is where there is none.

Patients are drawn, each with one of their scans, from the val split, on which the test's numbers were chosen, or from the
test split. The answers are the model's; what compares them is the web app's own code.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from benchmarks.drift_answers import Answered

ROOT = Path(__file__).resolve().parent.parent
OCTDL, KERMANY = "octdl", "kermany"
WITHIN = 200
"""Scans after the change within which it should be noticed."""
MOST = 1000
"""Scans after the change after which a run ends: the change was missed."""
PERMUTATIONS = 1999
AT_LEVEL = 0.001
"""At which ways of comparing are compared, in single blocks."""


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--data",
        type=Path,
        default=ROOT / "runs" / "oct",
        metavar="DIR",
        help="scans of OCTDL and Kermany with splits (default: %(default)s)",
    )
    parser.add_argument(
        "--model",
        type=Path,
        default=ROOT / "model_store" / "retina-oct" / "2.1.0",
        metavar="DIR",
        help="(default: %(default)s)",
    )
    parser.add_argument(
        "--split", choices=("val", "test"), default="test", help="whose patients (default: %(default)s)"
    )
    parser.add_argument("--runs", type=int, default=100, help="changes of each kind (default: %(default)s)")
    parser.add_argument(
        "--stable-runs", type=int, default=20, help="times the stable days (default: %(default)s)"
    )
    parser.add_argument("--days", type=int, default=100, help="stable days (default: %(default)s)")
    parser.add_argument("--per-day", type=int, default=50, help="scans a day (default: %(default)s)")
    parser.add_argument(
        "--ways", action="store_true", help="also compare ways of comparing, in single blocks"
    )


@dataclass(frozen=True)
class Pool:
    """Scans to draw from, by patient. `weights` are the chances of patients, all the same if it is None."""

    patients: Sequence[Sequence[Answered]]
    weights: Sequence[float] | None = None

    def draw(self, count: int, noise: np.random.Generator) -> list[Answered]:
        """So many patients, each as often as chance has it, with one scan of each."""
        found = noise.choice(len(self.patients), size=count, p=self.weights)
        return [self.patients[number][noise.integers(len(self.patients[number]))] for number in found]


def run(arguments: argparse.Namespace) -> int:
    """Measure, print, and write drift.json; returns 0. Raises BenchmarkError."""
    import numpy as np

    from benchmarks.drift_answers import BLURRED, DARKER, answers
    from handlers.card import CARD_NAME, ModelCard
    from operations.table import print_table

    arguments.out.mkdir(parents=True, exist_ok=True)

    def of(altered: str = "as it is") -> list[Answered]:
        found = answers(arguments.data, arguments.model, arguments.out, altered)
        return [one for one in found if one.split == arguments.split]

    every = of()
    octdl, kermany = (_pool(every, source) for source in (OCTDL, KERMANY))
    both = _pool(every)
    changes: dict[str, Callable[[int, Any], list[Answered]]] = {
        "to Kermany": kermany.draw,
        "to Kermany, labels as before": _as_before(octdl, kermany).draw,
        "every fifth from Kermany": _every_fifth(octdl, kermany),
        "blurred": _pool(of(BLURRED), OCTDL).draw,
        "darker": _pool(of(DARKER), OCTDL).draw,
        "more CNV: half of the scans": _more(octdl, "CNV").draw,
    }
    card = ModelCard.load(arguments.model / CARD_NAME)
    patients = {name: len(pool.patients) for name, pool in ((OCTDL, octdl), (KERMANY, kermany))}
    print(f"{arguments.split}: patients {patients}; {card.name} {card.version}")
    noise = np.random.default_rng(11)
    stable = {
        name: [_false_alarms(pool, card, arguments, noise) for _ in range(arguments.stable_runs)]
        for name, pool in ((OCTDL, octdl), (KERMANY, kermany), ("both", both))
    }
    print_table(
        [("stable", f"false alarms in {arguments.days} days, each run", "mean", "at most 1")]
        + [
            (
                name,
                " ".join(map(str, found)),
                f"{np.mean(found):.2f}",
                f"{sum(n <= 1 for n in found)} of {len(found)}",
            )
            for name, found in stable.items()
        ]
    )
    noticed = {
        name: [_noticed_after(octdl, after, card, noise) for _ in range(arguments.runs)]
        for name, after in changes.items()
    }
    print_table(
        [("OCTDL, then", f"noticed within {WITHIN} scans", "median of scans", "95 %")]
        + [
            (name, f"{sum(n <= WITHIN for n in found)} of {len(found)}", *_scans(found))
            for name, found in noticed.items()
        ]
    )
    ways = (
        _compare_ways(octdl, {"stable": octdl.draw, **changes}, every, arguments.runs, noise)
        if arguments.ways
        else {}
    )
    if ways:
        print(f"single blocks of 50 against 200, found at a level of {AT_LEVEL:g}, of {arguments.runs}:")
        names = list(next(iter(ways.values())))
        print_table(
            [("OCTDL, then", *names)]
            + [(name, *(str(row[way]) for way in names)) for name, row in ways.items()]
        )
    written = arguments.out / "drift.json"
    facts = {
        "split": arguments.split,
        "patients": patients,
        "days": arguments.days,
        "per_day": arguments.per_day,
    }
    written.write_text(
        json.dumps({**facts, "stable": stable, "noticed": noticed, "ways": ways}, indent=1) + "\n"
    )
    print(f"wrote {written}")
    return 0


def _scans(found: Sequence[int]) -> tuple[str, str]:
    import numpy as np

    def shown(value: float) -> str:
        return f"{value:.0f}" if value <= MOST else f"over {MOST}"

    return shown(float(np.median(found))), shown(float(np.quantile(found, 0.95, method="higher")))


def _pool(scans: Sequence[Answered], source: str = "") -> Pool:
    by_patient: dict[str, list[Answered]] = {}
    for scan in scans:
        if source in ("", scan.source):
            by_patient.setdefault(scan.patient, []).append(scan)
    return Pool(list(by_patient.values()))


def _as_before(before: Pool, after: Pool) -> Pool:
    """The patients of `after` with labels that both have, as often as in `before`."""
    labels = [Counter(patient[0].label for patient in pool.patients) for pool in (before, after)]
    kept = [patient for patient in after.patients if labels[0][patient[0].label]]
    weights = [labels[0][patient[0].label] / labels[1][patient[0].label] for patient in kept]
    return Pool(kept, [weight / sum(weights) for weight in weights])


def _more(pool: Pool, label: str) -> Pool:
    """The same patients, half of the drawn ones with the label."""
    has = [patient[0].label == label for patient in pool.patients]
    return Pool(pool.patients, [0.5 / sum(has) if one else 0.5 / (len(has) - sum(has)) for one in has])


def _every_fifth(before: Pool, after: Pool) -> Callable[[int, Any], list[Answered]]:
    def draw(count: int, noise: np.random.Generator) -> list[Answered]:
        return [(after if number % 5 == 0 else before).draw(1, noise)[0] for number in range(count)]

    return draw


def _sample(scans: Sequence[Answered]) -> Any:
    from webapp.drift.samples import sample_of

    return sample_of(scan.values for scan in scans)


def _home(card: Any) -> Any:
    from webapp.drift.reference import home_of

    return home_of(card, card.weights_sha256, "")


def _false_alarms(pool: Pool, card: Any, arguments: argparse.Namespace, noise: np.random.Generator) -> int:
    """The alarms in all stable days of a clinic with one device, whose earlier scans are newly drawn."""
    from webapp.drift.comparing import compare, level
    from webapp.drift.watching import BLOCK, EARLIER

    before, home = _sample(pool.draw(EARLIER, noise)), _home(card)
    alarms, today, day = 0, 0, 0
    for end in range(BLOCK, arguments.days * arguments.per_day + 1, BLOCK):
        now = (end - 1) // arguments.per_day
        today, day = (today if now == day else 0), now
        found = compare(_sample(pool.draw(BLOCK, noise)), before, home, level(today, 1))
        today += 1
        alarms += any(one.significant for one in found)
    return alarms


def _noticed_after(
    pool: Pool, after: Callable[[int, Any], list[Answered]], card: Any, noise: np.random.Generator
) -> int:
    """The scans after a change at any point of a block until it is noticed; more than MOST if it isn't."""
    from webapp.drift.comparing import compare, level
    from webapp.drift.watching import BLOCK, EARLIER

    before, home = _sample(pool.draw(EARLIER, noise)), _home(card)
    still = int(noise.integers(BLOCK))
    seen = 0
    # A busy day: every test is a later one of the same day, with less to spend.
    for today in range(MOST):
        block = [*pool.draw(still, noise), *after(BLOCK - still, noise)]
        seen, still = seen + BLOCK - still, 0
        if any(one.significant for one in compare(_sample(block), before, home, level(today, 1))):
            return seen
        if seen > MOST:
            break
    return MOST + 1


def _compare_ways(
    pool: Pool,
    changes: dict[str, Callable[[int, Any], list[Answered]]],
    every: Sequence[Answered],
    runs: int,
    noise: np.random.Generator,
) -> dict[str, dict[str, int]]:
    """How many single blocks each way of comparing finds."""
    import numpy as np

    from benchmarks.drift_answers import PROJECTIONS
    from webapp.drift.comparing import compare
    from webapp.drift.samples import PICTURE
    from webapp.drift.watching import BLOCK, EARLIER

    features = np.stack([one.features for one in every])
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    axes = np.linalg.svd(features - features.mean(0), full_matrices=False)[2][:PROJECTIONS].T

    def vectors(scans: Sequence[Answered]) -> npt.NDArray[np.float64]:
        return np.array([list(scan.values.values()) for scan in scans], dtype=np.float64)

    def projected(scans: Sequence[Answered]) -> dict[str, list[float | str]]:
        found = np.stack([one.features / np.linalg.norm(one.features) for one in scans]) @ axes
        return {f"projection {number}": found[:, number].tolist() for number in range(PROJECTIONS)}

    def count(now: Sequence[Answered], before: Sequence[Answered]) -> dict[str, bool]:
        both = _sample(now), _sample(before)
        parts = {
            "all": both,
            "answers alone": tuple({k: v for k, v in one.items() if k not in PICTURE} for one in both),
            "pictures alone": tuple({k: v for k, v in one.items() if k in PICTURE} for one in both),
            "all and projections": ({**both[0], **projected(now)}, {**both[1], **projected(before)}),
        }
        found = {
            name: any(one.significant for one in compare(values[0], values[1], None, AT_LEVEL))
            for name, values in parts.items()
        }
        return found | {"MMD": _mmd(vectors(now), vectors(before), noise) <= AT_LEVEL}

    counts: dict[str, dict[str, int]] = {}
    for name, after in changes.items():
        row: Counter[str] = Counter()
        for _ in range(runs):
            row.update(count(after(BLOCK, noise), pool.draw(EARLIER, noise)))
        counts[name] = dict(row)
    return counts


def _mmd(now: npt.NDArray[np.float64], before: npt.NDArray[np.float64], noise: np.random.Generator) -> float:
    """The p-value of the maximum mean discrepancy (A. Gretton et al., JMLR 13 (2012)), by permutation.

    The kernel is Gaussian, as wide as the median distance of the scans, each value scaled to a variance of 1.
    """
    import numpy as np

    both = np.concatenate([now, before])
    both = (both - both.mean(0)) / np.maximum(both.std(0), 1e-9)
    squared = ((both[:, None] - both[None]) ** 2).sum(2)
    kernel = np.exp(-squared / np.median(squared[np.triu_indices(len(both), 1)]))
    first = np.r_[np.full(len(now), 1 / len(now)), np.full(len(before), -1 / len(before))]
    shuffled = np.stack([first, *(noise.permutation(first) for _ in range(PERMUTATIONS))])
    found = ((shuffled @ kernel) * shuffled).sum(1)
    return float((found >= found[0] - 1e-12).mean())
