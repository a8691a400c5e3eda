"""`bench drift`: how soon drift is noticed, and how often it is where there is none.

Patients are drawn, each with one of their scans, from the val split, on which the test's numbers were chosen, or from the
test split. The answers are the model's; what compares them is the web app's own code.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import bundled

if TYPE_CHECKING:
    import numpy as np

    from benchmarks.drift_pools import Draw, Pool

ROOT = Path(__file__).resolve().parent.parent
OCTDL, KERMANY = "octdl", "kermany"
WITHIN = 200
"""Scans after the change within which it should be noticed."""
MOST = 400
"""Scans after the change after which a run ends: the change was missed."""


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
        default=bundled.MODEL,
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


def run(arguments: argparse.Namespace) -> int:
    """Measure, print, and write drift.json; returns 0. Raises BenchmarkError."""
    import numpy as np

    from benchmarks.drift_answers import AS_IT_IS, BLURRED, DARKER, answers
    from benchmarks.drift_pools import as_before, every_fifth, more, pool_of
    from benchmarks.drift_ways import compare_ways
    from handlers.card import CARD_NAME, ModelCard

    arguments.out.mkdir(parents=True, exist_ok=True)
    every, blurred, darker = (
        [
            one
            for one in answers(arguments.data, arguments.model, arguments.out, altered)
            if one.split == arguments.split
        ]
        for altered in (AS_IT_IS, BLURRED, DARKER)
    )
    octdl, kermany, both = pool_of(every, OCTDL), pool_of(every, KERMANY), pool_of(every)
    changes: dict[str, Draw] = {
        "Kermany": kermany.draw,
        "Kermany, labels as before": as_before(octdl, kermany).draw,
        "every fifth from Kermany": every_fifth(octdl, kermany),
        "blurred": pool_of(blurred, OCTDL).draw,
        "darker": pool_of(darker, OCTDL).draw,
        "half of the patients with CNV": more(octdl, "CNV").draw,
    }
    card = ModelCard.load(arguments.model / CARD_NAME)
    patients = {name: len(pool.patients) for name, pool in ((OCTDL, octdl), (KERMANY, kermany))}
    print(f"{arguments.split}: patients {patients}; {card.name} {card.version}")
    noise = np.random.default_rng(11)
    stable = {
        name: [_false_alarms(pool, card, arguments, noise) for _ in range(arguments.stable_runs)]
        for name, pool in ((OCTDL, octdl), (KERMANY, kermany), ("both", both))
    }
    noticed = {
        name: [_noticed_after(octdl, after, card, noise) for _ in range(arguments.runs)]
        for name, after in changes.items()
    }
    ways = {}
    if arguments.ways:
        ways = compare_ways(octdl, {"no change": octdl.draw, **changes}, every, arguments.runs, noise)
    _print(stable, noticed, ways, arguments)
    written = arguments.out / "drift.json"
    facts = {"split": arguments.split, "patients": patients, "days": arguments.days}
    facts |= {"per_day": arguments.per_day, "stable": stable, "noticed": noticed, "ways": ways}
    written.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {written}")
    return 0


def _print(
    stable: dict[str, list[int]],
    noticed: dict[str, list[int]],
    ways: dict[str, dict[str, int]],
    arguments: argparse.Namespace,
) -> None:
    import numpy as np

    from benchmarks.drift_ways import AT_LEVEL
    from operations.table import print_table

    print_table(
        [("stable", f"false alarms in {arguments.days} days, of each run", "mean", "at most 1")]
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
    print_table(
        [("OCTDL, then", f"noticed within {WITHIN} scans", "median of scans", "95 %")]
        + [
            (name, f"{sum(n <= WITHIN for n in found)} of {len(found)}", *_scans(found))
            for name, found in noticed.items()
        ]
    )
    if ways:
        print(f"of {arguments.runs} blocks of 50 against 200, found at a level of {AT_LEVEL:g}:")
        names = list(next(iter(ways.values())))
        print_table(
            [("OCTDL, then", *names)]
            + [(name, *(str(row[way]) for way in names)) for name, row in ways.items()]
        )


def _scans(found: Sequence[int]) -> tuple[str, str]:
    import numpy as np

    def shown(value: float) -> str:
        return f"{value:.0f}" if value <= MOST else f"over {MOST}"

    return shown(float(np.median(found))), shown(float(np.quantile(found, 0.95, method="higher")))


def _homes(card: Any) -> Any:
    from webapp.drift.reference import homes_of

    return homes_of(card, card.weights_sha256, "")


def _false_alarms(pool: Pool, card: Any, arguments: argparse.Namespace, noise: np.random.Generator) -> int:
    """The alarms in all stable days of a clinic with one device, whose earlier scans are newly drawn."""
    from benchmarks.drift_pools import sample_of_scans
    from webapp.drift.comparing import compare, level
    from webapp.drift.sizes import BLOCK, EARLIER

    before, homes = sample_of_scans(pool.draw(EARLIER, noise)), _homes(card)
    alarms, today, day = 0, 0, 0
    for end in range(BLOCK, arguments.days * arguments.per_day + 1, BLOCK):
        now = (end - 1) // arguments.per_day
        today, day = (today if now == day else 0), now
        found = compare(sample_of_scans(pool.draw(BLOCK, noise)), before, homes, level(today, 1))
        today += 1
        alarms += any(one.significant for one in found)
    return alarms


def _noticed_after(pool: Pool, after: Draw, card: Any, noise: np.random.Generator) -> int:
    """The scans after a change at any point of a block until it is noticed; more than MOST if it isn't."""
    from benchmarks.drift_pools import sample_of_scans
    from webapp.drift.comparing import compare, level
    from webapp.drift.sizes import BLOCK, EARLIER

    before, homes = sample_of_scans(pool.draw(EARLIER, noise)), _homes(card)
    still = int(noise.integers(BLOCK))
    seen = 0
    # A busy day: every test is a later one of the same day, with less to spend.
    for today in range(MOST):
        block = [*pool.draw(still, noise), *after(BLOCK - still, noise)]
        seen, still = seen + BLOCK - still, 0
        if any(one.significant for one in compare(sample_of_scans(block), before, homes, level(today, 1))):
            return seen
        if seen > MOST:
            break
    return MOST + 1
