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
    from training.data.manifest import Scan

URGENT = ("CNV", "DME", "MH")
"""Labels whose patients must be seen soon (docs/decisions.md names the guidelines)."""
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
    from handlers.network import load_network
    from training.data.manifest import DataError
    from training.evaluation import report
    from training.evaluation.assessment import Questions, assess
    from training.evaluation.calibration import fit_temperature
    from training.evaluation.gallery import cases
    from training.logs import EPOCHS_NAME
    from training.prediction import predict

    if (arguments.out / report.REPORT_NAME).exists() and not arguments.overwrite:
        raise DataError(f"{arguments.out} holds a report already; choose another --out or add --overwrite")
    if arguments.bootstrap < 0:
        raise DataError(f"--bootstrap can't be negative, and is {arguments.bootstrap}")
    explanations = _explanations(arguments.explanations)
    card, network = load_network(arguments.model)
    split, scans = choose(arguments.data, arguments.split, arguments.labels, card.labels)
    if arguments.fit_temperature and split != "val":
        raise DataError(
            f"the temperature is fitted on the val split, not on {split}; add --split val, "
            "or leave --fit-temperature out"
        )
    outputs = predict(network, card.input, card.labels, scans, cache=arguments.cache)
    if arguments.fit_temperature:
        before, after = card.temperature, round(fit_temperature(outputs), 4)
        card = dataclasses.replace(card, temperature=after)
        card.save(arguments.model / CARD_NAME)
        print(f"temperature {before:.4f} before, {after:.4f} now, stored in {arguments.model / CARD_NAME}")
    questions = Questions(arguments.urgent, arguments.merge, arguments.bootstrap, arguments.seed)
    assessment = assess(card, scans, outputs, questions)
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
    }
    return without_none(kept)


def choose(
    data: Sequence[Path], split: str, labels: Sequence[str], known: Sequence[str]
) -> tuple[str, list[Scan]]:
    """The name of the split that is evaluated, and its scans whose label the model knows.

    Says on the terminal which labels are left out. Raises DataError when nothing is left.
    """
    from training.data.manifest import DataError, of_split, read_all

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
    strange = Counter(scan.label for scan in scans if scan.label not in known)
    if strange:
        counted = ", ".join(f"{count} of {label}" for label, count in sorted(strange.items()))
        print(f"left out, as the model doesn't know the label: {counted}")
    scans = [scan for scan in scans if scan.label in known]
    if not scans:
        raise DataError(f"no scan is left to evaluate on; the model knows the labels {', '.join(known)}")
    return split, scans


def print_table(assessment: dict[str, Any]) -> None:
    """The figures with their intervals, for the terminal."""
    from training.evaluation.report import figure, headline, interval

    labels, between = assessment["figures"]["labels"], assessment["intervals"]["labels"]
    print(f"{'label':<12}{'precision':>10}{'recall':>8}{'F1':>8}{'95 %':>18}{'ROC-AUC':>9}{'scans':>7}")
    for label, row in labels.items():
        print(
            f"{label:<12}{figure(row['precision']):>10}{figure(row['recall']):>8}{figure(row['f1']):>8}"
            f"{interval(between[label]['f1']):>18}{figure(row['roc_auc']):>9}{row['scans']:>7}"
        )
    for name, value, pair in headline(assessment):
        print(f"{name:<18}{value:>8} {pair}")
    for source, row in assessment["sources"].items():
        print(
            f"{source}: accuracy {row['accuracy']:.3f} (the source alone gives {row['source_alone']:.3f}), "
            f"macro F1 {figure(row['macro_f1'])} on {row['scans']} scans"
        )
    real, merged = assessment["real"], assessment["merged"]
    if real:
        print(
            f"real scans alone: accuracy {real['accuracy']:.3f}, macro F1 {figure(real['macro_f1'])}, "
            f"calibration error {real['calibration_error']:.3f} on {real['scans']} scans"
        )
    if merged:
        print(
            f"with {', '.join(merged['labels'])} as one: accuracy {merged['accuracy']:.3f}, "
            f"macro F1 {figure(merged['macro_f1'])}"
        )
