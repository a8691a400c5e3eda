"""The command `evaluate`: how good a model is on labelled scans, as a table, a report and a file of numbers."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

    from handlers.card import ModelCard
    from training.data.manifest import Scan
    from training.statistics.features import Embedded

URGENT = ("CNV", "DME", "MH")
"""Labels whose patients need an early appointment; modalities/oct/guideline.yaml names the guidelines."""
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
        "--store", metavar="NAME", help="write the main metrics into the model's card, under this name"
    )
    parser.add_argument(
        "--urgent",
        nargs="+",
        default=list(URGENT),
        metavar="LABEL",
        help="labels whose sensitivity at a fixed specificity is measured (default: CNV DME MH)",
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
    """Evaluate, print a table, write report.html, evaluation.json and predictions.csv; returns 0.

    Raises DataError when an option or the data are wrong, CardError or NetworkError when the model can't be loaded.
    """
    from handlers.network import load_network, load_statistics
    from training.data.manifest import DataError
    from training.evaluation import report
    from training.evaluation.assessment import AssessmentOptions, assess
    from training.evaluation.table import print_table
    from training.seeds import check_seed
    from training.statistics.features import embed

    if (arguments.out / report.REPORT_NAME).exists() and not arguments.overwrite:
        raise DataError(f"{arguments.out} holds a report already; choose another --out or add --overwrite")
    if arguments.bootstrap < 0:
        raise DataError(f"--bootstrap can't be negative, and is {arguments.bootstrap}")
    check_seed(arguments.seed)
    explanations = _explanations(arguments.explanations)
    card, network = load_network(arguments.model)
    statistics = load_statistics(arguments.model, card, network)
    split, scans, strangers = select_scans(arguments.data, arguments.split, arguments.labels, card.labels)
    if arguments.fit_temperature and split != "val":
        raise DataError(
            f"the temperature is fitted on the val split, not on {split}; add --split val, "
            "or leave --fit-temperature out"
        )
    warn_of_learnt(card, split, scans)
    embedded = embed(network, card.input, scans, arguments.cache)
    unknown = embed(network, card.input, strangers, arguments.cache) if strangers else None
    if arguments.fit_temperature:
        card = _fit_temperature(card, embedded, arguments.model)
        statistics = statistics if card.statistics else None
    options = AssessmentOptions(arguments.urgent, arguments.merge, arguments.bootstrap, arguments.seed)
    assessment = assess(card, embedded, options, statistics, unknown)
    data = f"{', '.join(path.resolve().name for path in arguments.data)}, split {split}"
    _write(arguments, card, network, embedded, assessment, data, explanations)
    if arguments.store:
        _store(card, arguments.store, {"data": data, **metrics_for_card(assessment)}, arguments.model)
    print_table(assessment)
    print(f"wrote {arguments.out / report.REPORT_NAME}, {report.NUMBERS_NAME} and {report.PREDICTIONS_NAME}")
    return 0


def _fit_temperature(card: ModelCard, embedded: Embedded, folder: Path) -> ModelCard:
    """Fit the temperature on these scans and store it in the card of the model in `folder`; returns that card."""
    from handlers.card import CARD_NAME
    from training.evaluation.calibration import fit_temperature

    before = card.temperature
    card = store_temperature(card, round(fit_temperature(embedded.outputs(card.labels)), 4), folder)
    print(f"temperature {before:.4f} before, {card.temperature:.4f} now, stored in {folder / CARD_NAME}")
    return card


def _write(
    arguments: argparse.Namespace,
    card: ModelCard,
    network: nn.Module,
    embedded: Embedded,
    assessment: dict[str, Any],
    data: str,
    explanations: dict[str, Any] | None,
) -> None:
    """Write the predictions, the report and the file of numbers to `--out`; `data` describes the scans."""
    from training.evaluation import report
    from training.evaluation.gallery import cases
    from training.logs import EPOCHS_NAME

    arguments.out.mkdir(parents=True, exist_ok=True)
    scans, outputs = embedded.scans, embedded.outputs(card.labels)
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


def _store(card: ModelCard, name: str, metrics: dict[str, Any], folder: Path) -> None:
    """Write metrics under a name into the card of the model in `folder`."""
    from handlers.card import CARD_NAME

    dataclasses.replace(card, metrics={**card.metrics, name: metrics}).save(folder / CARD_NAME)


def _explanations(file: Path | None) -> dict[str, Any] | None:
    """The content of an explanations.json, None without a file; raises DataError when it is no such file."""
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


def metrics_for_card(assessment: dict[str, Any]) -> dict[str, Any]:
    """The part of an evaluation that a card stores: metrics without curves, the main intervals, the sources."""
    from training.evaluation.metrics import without_none

    metrics, intervals = assessment["figures"], assessment["intervals"]
    sources = {
        name: {key: row[key] for key in ("scans", "accuracy", "macro_f1", "source_alone")}
        for name, row in assessment["sources"].items()
    }
    kept = {
        **{key: value for key, value in metrics.items() if key != "reliability"},
        "intervals": {key: intervals[key] for key in ("accuracy", "macro_f1", "calibration_error")},
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


def select_scans(
    data: Sequence[Path], split: str, labels: Sequence[str], known: Sequence[str]
) -> tuple[str, list[Scan], list[Scan]]:
    """The split that is evaluated, its scans whose label the model knows (`known`), and those with other labels.

    Prints which labels are left out. Raises DataError when the data have no such split, or when no scan is left.
    """
    from training.data.manifest import DataError, of_split
    from training.data.reading import read_all

    scans = read_all(data, labels, least_labels=1)
    split = chosen_split(split, scans)
    if split != "all":
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


def chosen_split(split: str, scans: Sequence[Scan]) -> str:
    """The split that is evaluated: of `auto` the first that there is of test and val, or else `all`.

    Raises DataError when the data have no such split.
    """
    from training.data.manifest import DataError

    named = {scan.split for scan in scans}
    if split == "auto":
        return next((name for name in ("test", "val") if name in named), "all")
    if split != "all" and split not in named:
        raise DataError(
            f"the data have no {split} split; divide them with `./retinote data split`, or use --split all"
        )
    return split


def warn_of_learnt(card: ModelCard, split: str, scans: Sequence[Scan]) -> None:
    """Print a warning when the model has learnt from these scans, by the note in its card.

    There is none for the val split, as the best epoch and the temperature follow from it in every training.
    """
    from training.learnt import BY_CHANCE, FIELD, found
    from training.origin import with_hashes_of_files

    note = card.made_with.get(FIELD)
    if note is None or split == "val":
        return
    keys = [(scan.sha256, scan.pixels_sha256) for scan in with_hashes_of_files(scans)]
    model = f"warning: {card.name} {card.version}"
    try:
        count = found(note, keys)
    except ValueError as error:
        print(f"{model} doesn't say clearly what it has learnt from: {error}")
        return
    if count > BY_CHANCE or count == len(scans):
        print(
            f"{model} has learnt from {count} of these {len(scans)} scans; what is measured on them is too good"
        )


def store_temperature(card: ModelCard, temperature: float, folder: Path) -> ModelCard:
    """Store another temperature in the card of the model in `folder`; returns that card.

    Statistics are removed, as the least probabilities of labels were fitted with the temperature before; so are ranges
    for int8, whose check compared probabilities.
    """
    from handlers.card import CARD_NAME
    from handlers.card_int8 import INT8_NAME
    from handlers.card_statistics import STATISTICS_NAME

    if card.int8 is not None and temperature != card.temperature:
        card = dataclasses.replace(card, int8=None)
        print(
            f"the ranges for int8 were checked with the temperature before and are removed from {CARD_NAME}; make them "
            "again with `./retinote int8`"
        )
    if card.statistics is not None and temperature != card.temperature:
        card = dataclasses.replace(card, statistics=None)
        print(
            f"the statistics were fitted with the temperature before and are removed from {CARD_NAME}; fit them again "
            "with `./retinote statistics`"
        )
    card = dataclasses.replace(card, temperature=temperature)
    card.save(folder / CARD_NAME)
    if card.statistics is None:
        (folder / STATISTICS_NAME).unlink(missing_ok=True)
    if card.int8 is None:
        (folder / INT8_NAME).unlink(missing_ok=True)
    return card
