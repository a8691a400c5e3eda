"""The command `compare`: architectures under one recipe, as a table, an HTML file and files of numbers."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.evaluation.commands import SPLITS, chosen_split, select_scans, warn_of_learnt

if TYPE_CHECKING:
    from training.comparison.candidates import Candidate
    from training.data.manifest import Scan

DEFAULT = ("convnext_base", "resnet50", "vgg16", "mobilenetv2_100")
NUMBERS_NAME = "comparison.json"
TABLE_NAME = "comparison.csv"


def add_compare_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `compare`."""
    parser.add_argument(
        "--data", type=Path, nargs="+", required=True, metavar="PATH", help="manifests, or folders with scans"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for models and page")
    parser.add_argument(
        "--architectures",
        nargs="+",
        default=list(DEFAULT),
        metavar="NAME",
        help=f"timm names (default: {' '.join(DEFAULT)})",
    )
    parser.add_argument(
        "--models",
        type=Path,
        nargs="+",
        default=[],
        metavar="DIR",
        help="compare these trained models instead",
    )
    parser.add_argument("--split", choices=SPLITS, default="auto", help="as for evaluate (default: auto)")
    parser.add_argument(
        "--rounds", type=int, default=20, metavar="N", help="timed forwards of each (default: 20)"
    )
    parser.add_argument(
        "--masked",
        type=int,
        default=10,
        metavar="N",
        help="scans with masks of each label, to measure heat maps on (default: 10)",
    )
    parser.add_argument("--bootstrap", type=int, default=1000, metavar="N", help="resamples (default: 1000)")
    parser.add_argument(
        "train_options",
        nargs=argparse.REMAINDER,
        metavar="-- OPTIONS",
        help="what follows -- goes to every training: -- --recipe modern --epochs 20",
    )


def compare(arguments: argparse.Namespace) -> int:
    """Train what isn't trained yet, measure all models, print a table, write comparison.html, .json and .csv.

    Returns 0, or 1 when a training failed. Raises DataError when an option or the data are wrong.
    """
    from training.comparison.candidates import Candidate, train_all
    from training.data.manifest import DataError
    from training.data.reading import read_all

    if arguments.rounds < 1:
        raise DataError(f"--rounds must be at least 1, not {arguments.rounds}")
    for option, value in (("--masked", arguments.masked), ("--bootstrap", arguments.bootstrap)):
        if value < 0:
            raise DataError(f"{option} can't be negative, and is {value}")
    # So that wrong data are reported before hours of training.
    split = chosen_split(arguments.split, read_all(arguments.data))
    if not arguments.models and split == "all" and arguments.split == "auto":
        raise DataError(
            "the data have neither a test nor a val split, so that models would be measured on what they have learnt "
            "from; divide them with `./retinote data split`, or use --split all nevertheless"
        )
    arguments.out.mkdir(parents=True, exist_ok=True)
    options = [word for word in arguments.train_options if word != "--"]
    candidates = (
        [Candidate(name, folder) for name, folder in named(arguments.models).items()]
        if arguments.models
        else train_all(arguments.architectures, arguments.data, arguments.out, options)
    )
    failures = {candidate.name: candidate.failure for candidate in candidates if candidate.failure}
    trained = [candidate for candidate in candidates if not candidate.failure]
    if trained:
        _measure_and_write(arguments, trained, failures)
    for name, failure in failures.items():
        print(f"{name} is missing: {failure}")
    return 1 if failures else 0


def named(folders: Sequence[Path]) -> dict[str, Path]:
    """Folders by the shortest ends of their paths that differ: `NAME/1.0.0` when two folders are called 1.0.0."""
    parts = [folder.resolve().parts for folder in folders]
    depth = 1
    while depth < max(map(len, parts)) and len({own[-depth:] for own in parts}) < len(set(parts)):
        depth += 1
    return {"/".join(own[-depth:]): folder for own, folder in zip(parts, folders, strict=True)}


def _measure_and_write(
    arguments: argparse.Namespace, trained: Sequence[Candidate], failures: dict[str, str]
) -> None:
    import torch

    from handlers.network import load_network
    from handlers.tables import TableWriter
    from training.comparison.measuring import flat, milliseconds
    from training.comparison.page import PAGE_NAME, write_page
    from training.data.manifest import DataError

    loaded = {candidate.name: (candidate, *load_network(candidate.folder)) for candidate in trained}
    known = next(iter(loaded.values()))[1].labels
    for candidate, card, _ in loaded.values():
        if set(card.labels) != set(known):
            raise DataError(
                f"{candidate.folder} knows the labels {', '.join(card.labels)}, another model {', '.join(known)}; "
                "only models of the same labels can be compared"
            )
    split, scans, _ = select_scans(arguments.data, arguments.split, [], known)
    times = milliseconds(
        {name: (network, card.input.size) for name, (_, card, network) in loaded.items()}, arguments.rounds
    )
    rows = []
    for name, (candidate, card, network) in loaded.items():
        print(f"{name}: measuring", flush=True)
        warn_of_learnt(card, split, scans)
        metrics = _measure_model(arguments, card, network, scans)
        rows.append(
            {"name": name, "folder": str(candidate.folder), **metrics, "cpu_milliseconds": times[name]}
        )
    rows.sort(key=lambda row: -(row["macro_f1"] or 0))
    shown = [{key: value for key, value in row.items() if key != "folder"} for row in rows]
    content = {"split": split, "threads": torch.get_num_threads(), "models": shown, "missing": failures}
    (arguments.out / NUMBERS_NAME).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    with (arguments.out / TABLE_NAME).open("w", newline="", encoding="utf-8") as lines:
        writer = TableWriter(lines)
        columns = list(flat(shown[0]))
        writer.write_row(columns)
        for row in map(flat, shown):
            writer.write_row(row[column] for column in columns)
    write_page(arguments.out, rows, failures, f"split {split}", torch.get_num_threads())
    print_table(rows)
    print(f"wrote {arguments.out / PAGE_NAME}, {NUMBERS_NAME} and {TABLE_NAME}")


def _measure_model(
    arguments: argparse.Namespace, card: Any, network: Any, scans: Sequence[Scan]
) -> dict[str, Any]:
    """One model's metrics on the scans, its size, and metrics of its heat maps where scans have masks."""
    from training.comparison.measuring import giga_macs, parameters
    from training.data.manifest import DataError
    from training.evaluation.bootstrap import intervals
    from training.evaluation.metrics import compute_metrics
    from training.explanation.measuring import choose, measure, read_masked
    from training.explanation.methods import OURS
    from training.prediction import predict

    outputs = predict(network, card.input, card.labels, scans)
    numbers = compute_metrics(outputs, card.labels, card.temperature)
    between = intervals(
        outputs, card.labels, card.temperature, [scan.patient for scan in scans], arguments.bootstrap, seed=0
    )
    network.cpu()
    explained: dict[str, Any] = {"pointing_game": None, "energy": None}
    try:
        masked = read_masked(card, choose(scans, card.labels, arguments.masked, seed=0))
    except DataError:
        pass  # real scans have no masks
    else:
        own = measure(card, network, masked, [OURS], curves_on=0, seed=0)["methods"][OURS]
        explained = {key: own[key] for key in explained}
    return {
        "architecture": card.architecture,
        "accuracy": numbers["accuracy"],
        "accuracy_interval": between["accuracy"] or [None, None],
        "macro_f1": numbers["macro_f1"],
        "macro_f1_interval": between["macro_f1"] or [None, None],
        "calibration_error": numbers["calibration_error"],
        "parameters": parameters(network),
        "giga_macs": round(giga_macs(network, card.input.size), 3),
        **explained,
    }


def print_table(rows: Sequence[dict[str, Any]]) -> None:
    """Print the comparison; `rows` are in order."""
    from training.evaluation.report import format_metric

    heads = ("accuracy", "macro F1", "10^6 par.", "GMACs", "CPU ms", "pointing", "energy")
    print(f"{'model':<28}" + "".join(f"{head:>10}" for head in heads))
    for row in rows:
        cells = [
            format_metric(row["accuracy"]),
            format_metric(row["macro_f1"]),
            f"{row['parameters'] / 1e6:.1f}",
            f"{row['giga_macs']:.2f}",
            f"{row['cpu_milliseconds']['median']:.1f}",
            format_metric(row["pointing_game"]),
            format_metric(row["energy"]),
        ]
        print(f"{row['name']:<28}" + "".join(f"{cell:>10}" for cell in cells))
