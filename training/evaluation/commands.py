"""The command `evaluate`: how good a model is on labelled scans, as a table, a page and a file of numbers."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from handlers.card import ModelCard
    from training.data.manifest import Scan

URGENT = ("CNV", "DME", "MH")
"""Labels whose patients must be seen soon (webapp/recommendations/retina-oct.yaml names the guidelines)."""
SPLITS = ("auto", "test", "val", "train", "all")


def add_evaluate_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `evaluate`."""
    parser.add_argument("--model", type=Path, required=True, metavar="DIR", help="folder of weights and card")
    parser.add_argument(
        "--data", type=Path, nargs="+", required=True, metavar="PATH", help="manifests, or folders with scans"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the report")
    parser.add_argument(
        "--split",
        choices=SPLITS,
        default="auto",
        help="which scans; auto takes test, else val, else all (default: auto)",
    )
    parser.add_argument("--labels", nargs="+", default=[], metavar="LABEL", help="only scans of these labels")
    parser.add_argument(
        "--fit-temperature",
        action="store_true",
        help="fit the temperature on these scans (the val split) and store it in the model's card",
    )
    parser.add_argument(
        "--store", metavar="NAME", help="write the main figures into the model's card, under this name"
    )
    parser.add_argument(
        "--urgent",
        nargs="+",
        default=list(URGENT),
        metavar="LABEL",
        help="labels whose sensitivity at a fixed specificity is told (default: CNV DME MH)",
    )
    parser.add_argument(
        "--merge", nargs="+", default=[], metavar="LABEL", help="labels to count as one in a further line"
    )
    parser.add_argument(
        "--explanations",
        type=Path,
        metavar="FILE",
        help="explanations.json of `./retinote explain`, to be shown in the report",
    )
    parser.add_argument("--bootstrap", type=int, default=1000, metavar="N", help="resamples (default: 1000)")
    parser.add_argument("--seed", type=int, default=0, help="of the resamples (default: 0)")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="folder for reduced scans")
    parser.add_argument("--overwrite", action="store_true", help="replace the report in --out")


def evaluate(arguments: argparse.Namespace) -> int:
    """Predict, count, print a table, write report.html, evaluation.json and predictions.csv; returns 0.

    Raises an error with a message for people.
    """
    from handlers.card import CARD_NAME
    from handlers.network import load_network, load_statistics
    from training.data.manifest import DataError
    from training.evaluation import report
    from training.evaluation.assessment import Questions, assess
    from training.evaluation.calibration import fit_temperature
    from training.evaluation.gallery import cases
    from training.evaluation.table import print_table
    from training.logs import EPOCHS_NAME
    from training.statistics.features import embed

    if (arguments.out / report.REPORT_NAME).exists() and not arguments.overwrite:
        raise DataError(f"{arguments.out} holds a report already; choose another --out or add --overwrite")
    if arguments.bootstrap < 0:
        raise DataError(f"--bootstrap can't be negative, and is {arguments.bootstrap}")
    explanations = _explanations(arguments.explanations)
    card, network = load_network(arguments.model)
    statistics = load_statistics(arguments.model, card, network)
    split, scans, strangers = sort_out(arguments.data, arguments.split, arguments.labels, card.labels)
    if arguments.fit_temperature and split != "val":
        raise DataError(
            f"the temperature is fitted on the val split, not on {split}; add --split val, "
            "or leave --fit-temperature out"
        )
    embedded = embed(network, card.input, scans, arguments.cache)
    outputs = embedded.outputs(card.labels)
    unknown = embed(network, card.input, strangers, arguments.cache) if strangers else None
    if arguments.fit_temperature:
        before, card = (
            card.temperature,
            with_temperature(card, round(fit_temperature(outputs), 4), arguments.model),
        )
        print(
            f"temperature {before:.4f} before, {card.temperature:.4f} now, stored in {arguments.model / CARD_NAME}"
        )
        statistics = statistics if card.statistics else None
    questions = Questions(arguments.urgent, arguments.merge, arguments.bootstrap, arguments.seed)
    assessment = assess(card, embedded, questions, statistics, unknown)
    arguments.out.mkdir(parents=True, exist_ok=True)
    data = f"{', '.join(path.resolve().name for path in arguments.data)}, split {split}"
    names = report.file_names(arguments.data, scans)
    report.write_predictions(arguments.out, card, names, scans, outputs)
    report.write_report(
        arguments.out,
        f"{card.name} {card.version} on {data}",
        data,
        card,
        assessment,
        outputs,
        cases(card, network, scans, outputs, names),
        arguments.model / EPOCHS_NAME,
        explanations,
    )
    model = {"name": card.name, "version": card.version, "weights_sha256": card.weights_sha256}
    report.write_numbers(
        arguments.out,
        {"model": model, "data": data, "temperature": card.temperature, **assessment}
        | ({"explanations": explanations} if explanations else {}),
    )
    if arguments.store:
        card = dataclasses.replace(
            card, metrics={**card.metrics, arguments.store: {"data": data, **essence(assessment)}}
        )
        card.save(arguments.model / CARD_NAME)
    print_table(assessment)
    print(f"wrote {arguments.out / report.REPORT_NAME}, {report.NUMBERS_NAME} and {report.PREDICTIONS_NAME}")
    return 0


def _explanations(file: Path | None) -> dict[str, Any] | None:
    """What `explain` measured; raises DataError when the file isn't one of its files."""
    from training.data.manifest import DataError

    if file is None:
        return None
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        assert content["methods"]
    except OSError as error:
        raise DataError(f"{file} can't be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, AssertionError) as error:
        raise DataError(f"{file} is no explanations.json of `./retinote explain`") from error
    return content


def essence(assessment: dict[str, Any]) -> dict[str, Any]:
    """What of an evaluation goes into a card: the figures without their curves, the main intervals, the sources."""
    from training.evaluation.figures import without_none

    numbers, between = assessment["figures"], assessment["intervals"]
    sources = {
        name: {key: row[key] for key in ("scans", "accuracy", "macro_f1", "source_alone")}
        for name, row in assessment["sources"].items()
    }
    kept = {
        **{key: value for key, value in numbers.items() if key != "reliability"},
        "intervals": {key: between[key] for key in ("accuracy", "macro_f1", "calibration_error")},
        "sources": sources,
        "merged": assessment["merged"],
        "baselines": assessment["baselines"],
        "grouped": assessment["grouped"],
        "answered": assessment["answered"],
        "states": assessment["states"],
        "sets": assessment["sets"],
        "aurc": {
            name: {kind: curve["aurc"] for kind, curve in curves.items()}
            for name, curves in assessment["risk_coverage"].items()
        },
    }
    return without_none(kept)


def sort_out(
    data: Sequence[Path], split: str, labels: Sequence[str], known: Sequence[str]
) -> tuple[str, list[Scan], list[Scan]]:
    """The name of the split that is evaluated, its scans whose label the model knows, and those with other labels.

    Says on the terminal which labels are left out. Raises DataError when nothing is left.
    """
    from training.data.manifest import DataError, of_split
    from training.data.reading import read_all

    scans = read_all(data, labels, least_labels=1)
    named = {scan.split for scan in scans}
    if split == "auto":
        split = next((name for name in ("test", "val") if name in named), "all")
    if split != "all":
        if split not in named:
            raise DataError(
                f"the data have no {split} split; divide them with `./retinote data split`, or use --split all"
            )
        scans = of_split(scans, split)
    strangers = [scan for scan in scans if scan.label not in known]
    if strangers:
        counts = Counter(scan.label for scan in strangers)
        counted = ", ".join(f"{count} of {label}" for label, count in sorted(counts.items()))
        print(f"left out, as the model doesn't know the label: {counted}")
    scans = [scan for scan in scans if scan.label in known]
    if not scans:
        raise DataError(f"no scan is left to evaluate on; the model knows the labels {', '.join(known)}")
    return split, scans, strangers


def with_temperature(card: ModelCard, temperature: float, folder: Path) -> ModelCard:
    """The card of the model in `folder` with another temperature, stored.

    Statistics go, as what rules a label out was fitted on the probabilities of the temperature before.
    """
    from handlers.card import CARD_NAME
    from handlers.card_statistics import STATISTICS_NAME

    if card.statistics is not None and temperature != card.temperature:
        card = dataclasses.replace(card, statistics=None)
        print(
            f"the statistics rested on the temperature before and are gone from {CARD_NAME}; make them anew with "
            "`./retinote statistics`"
        )
    card = dataclasses.replace(card, temperature=temperature)
    card.save(folder / CARD_NAME)
    if card.statistics is None:
        (folder / STATISTICS_NAME).unlink(missing_ok=True)
    return card
