"""`bench gate`: whether the gate refuses bad candidates and passes good ones, made from the bundled model.

Ten are made bad in ten ways, ten equal or nearly equal. Scans of labelled real data, divided by patient, are what some of
them are tuned on and what all are tested on, beside the simulated set. What the champion was trained on is among them:
both versions know it equally well, so that differences count and the figures themselves do not.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import bundled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from benchmarks.gate_candidates import Candidate, Workshop
    from training.data.manifest import Scan
    from training.gate.subject import Subject

NUMBERS_NAME, FIGURE_NAME = "gate.json", "gate.svg"
SHARE_TESTED = 0.6
MASKED, STRANGERS = 4, 6
"""Scans of each label on which heat maps are compared, and strangers of each kind."""
COLOURS = {True: "#2f9e6e", False: "#c0392b", None: "#d7dde3"}


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--champion", type=Path, default=bundled.MODEL, metavar="DIR", help="what candidates are made from"
    )
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="labelled real scans with their patients"
    )
    parser.add_argument("--scans", type=int, default=240, help="how many of them (default: %(default)s)")
    parser.add_argument(
        "--simulated", type=int, default=24, metavar="N", help="of each label (default: %(default)s)"
    )
    parser.add_argument("--steps", type=int, default=40, help="of tuning (default: %(default)s)")


def run(arguments: argparse.Namespace) -> int:
    """Make and judge all candidates, print a table, write gate.json and gate.svg; returns 0 if all go as they should."""
    from benchmarks.gate_candidates import BAD, GOOD, Workshop
    from training.gate.subject import Subject

    tested, learn = divide(arguments.data, arguments.scans)
    arguments.out.mkdir(parents=True, exist_ok=True)
    rows = []
    with tempfile.TemporaryDirectory(prefix="gate-") as work:
        data = _manifest(Path(work) / "tested", tested)
        workshop = Workshop(arguments.champion, learn, tested, Path(work) / "made", arguments.steps)
        champion = dataclasses.replace(Subject.load(arguments.champion), seen={})
        # In turns, so that what is known after a while is of both kinds.
        for number, candidate in enumerate(one for pair in zip(BAD, GOOD, strict=True) for one in pair):
            rows.append(judge(candidate, workshop, champion, f"9.{number}.0", data, arguments.simulated))
            print(_line(rows[-1]), flush=True)
            _write(arguments, rows, len(tested))
    right = sum(row["as_it_should"] for row in rows)
    print(f"{right} of {len(rows)} as they should; wrote {arguments.out / NUMBERS_NAME} and {FIGURE_NAME}")
    return 0 if right == len(rows) else 1


def _write(arguments: argparse.Namespace, rows: list[dict[str, Any]], tested: int) -> None:
    """Write what is known so far, the bad ones first."""
    ordered = sorted(rows, key=lambda row: bool(row["good"]))
    content = {"champion": arguments.champion.name, "tested": tested, "candidates": ordered}
    (arguments.out / NUMBERS_NAME).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    draw(ordered).savefig(arguments.out / FIGURE_NAME)


def divide(data: Path, count: int) -> tuple[list[Scan], list[Scan]]:
    """Scans to test on and scans to tune on, of different patients; always the same ones."""
    import numpy as np

    from training.data.reading import read_all

    scans = [scan for scan in read_all([data]) if scan.label in _labels()]
    patients = sorted({scan.patient or str(scan.path) for scan in scans})
    order = np.random.default_rng(0).permutation(len(patients))
    tested = {patients[number] for number in order[: round(SHARE_TESTED * len(patients))]}
    parts: tuple[list[Scan], list[Scan]] = [], []
    for number in np.random.default_rng(1).permutation(len(scans)):
        scan = scans[number]
        parts[(scan.patient or str(scan.path)) not in tested].append(scan)
    wanted = round(SHARE_TESTED * count)
    return parts[0][:wanted], parts[1][: count - wanted]


def judge(
    candidate: Candidate, workshop: Workshop, champion: Subject, version: str, data: Path, simulated: int
) -> dict[str, Any]:
    """Make a candidate and hold it to the gate."""
    from training.gate.judging import Order, compare
    from training.gate.margins import read_margins

    margins = read_margins()
    drawn = dataclasses.replace(
        margins.simulated, per_label=simulated, masked_per_label=MASKED, strangers_per_kind=STRANGERS
    )
    margins = dataclasses.replace(
        margins, simulated=drawn, given=dataclasses.replace(margins.given, masked_per_label=MASKED)
    )
    folder = candidate.make(workshop, version)
    order = Order(folder, champion, (data,), margins=margins)
    gate = compare(order, lambda _: None)
    groups: dict[str, bool | None] = {}
    for check in gate["checks"]:
        group, passed = check["group"], check["passed"]
        groups[group] = (
            False if groups.get(group) is False else passed if passed is not None else groups.get(group)
        )
    refused = [check for check in gate["checks"] if check["passed"] is False]
    fits = (
        any(check["name"].startswith(candidate.refused_by) for check in refused)
        if candidate.refused_by
        else gate["passed"]
    )
    return {
        "name": candidate.name,
        "good": not candidate.refused_by,
        "passed": gate["passed"],
        "as_it_should": bool(fits),
        "groups": groups,
        "refused_by": [
            {"name": check["name"], "set": check["set"], "reason": check["reason"]} for check in refused
        ],
    }


def draw(rows: list[dict[str, Any]]) -> Figure:
    """A row for each candidate, a column for each group of checks: passed, not passed, not judged."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    from training.gate.page import GROUPS

    shown = [group for group in GROUPS if any(group in row["groups"] for row in rows)]
    figure = Figure((8.2, 6.4), layout="constrained")
    axes = figure.subplots()
    for down, row in enumerate(rows):
        for across, group in enumerate(shown):
            colour = COLOURS[row["groups"].get(group)]
            axes.add_patch(_cell(across, down, colour))
        verdict = "passed" if row["passed"] else "refused"
        axes.text(len(shown) + 0.15, down + 0.5, verdict, va="center", fontsize=9)
    names = [row["name"] for row in rows]
    axes.set_yticks([down + 0.5 for down in range(len(rows))], names, fontsize=9)
    axes.set_xticks(
        [across + 0.5 for across in range(len(shown))], [GROUPS[group] for group in shown], fontsize=9
    )
    axes.set(xlim=(0, len(shown) + 1.1), ylim=(len(rows), 0))
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    words = {True: "passed", False: "not passed", None: "not judged"}
    axes.legend(
        handles=[Patch(color=colour, label=words[passed]) for passed, colour in COLOURS.items()],
        ncols=3,
        frameon=False,
        fontsize=8,
        loc="upper center",
        bbox_to_anchor=(0.4, -0.01),
    )
    return figure


def _cell(across: int, down: int, colour: str) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((across + 0.04, down + 0.08), 0.92, 0.84, color=colour)


def _labels() -> tuple[str, ...]:
    from handlers.card import CARD_NAME, ModelCard

    return ModelCard.load(bundled.MODEL / CARD_NAME).labels


def _manifest(folder: Path, scans: list[Scan]) -> Path:
    """A manifest of scans where they lie; returns its folder."""
    from training.data.manifest import MANIFEST_NAME, write_table

    folder.mkdir()
    rows = [
        {
            "file": str(scan.path.absolute()),
            "label": scan.label,
            "patient_id": scan.patient,
            "source": scan.source,
            "split": "test",
        }
        for scan in scans
    ]
    write_table(folder / MANIFEST_NAME, list(rows[0]), rows)
    return folder


def _line(row: dict[str, Any]) -> str:
    verdict = "passed" if row["passed"] else "refused"
    first = "; ".join(f"{check['name']} ({check['set']})" for check in row["refused_by"][:4])
    return f"{'ok ' if row['as_it_should'] else 'NOT'} {row['name']:<28} {verdict:<8} {first}"
