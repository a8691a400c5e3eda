"""The command `explain`: measures heat maps of several methods against lesion masks."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from training.explanation.regions import REGIONS

SHOWN = ("pointing_game", "pointing_game_strict", "energy", "iou", "deletion", "insertion")


def add_explanations_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `explain`."""
    parser.add_argument("--model", type=Path, required=True, metavar="DIR", help="folder of weights and card")
    parser.add_argument(
        "--data",
        type=Path,
        nargs="+",
        required=True,
        metavar="PATH",
        help="scans with masks, such as simulated ones",
    )
    parser.add_argument(
        "--region",
        choices=tuple(REGIONS),
        help="measure against this region instead of masks; a rule finds it in any picture",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for table and page")
    parser.add_argument("--split", default="", metavar="NAME", help="only scans of this split (default: all)")
    parser.add_argument("--methods", nargs="+", default=[], metavar="NAME", help="(default: all)")
    parser.add_argument(
        "--count", type=int, default=25, metavar="N", help="scans of each label (default: 25)"
    )
    parser.add_argument(
        "--curves-on",
        type=int,
        default=40,
        metavar="N",
        help="scans for deletion and insertion, which take 34 forward passes each (default: 40; 0 for none)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the choice of scans (default: 0)")
    parser.add_argument(
        "--store", action="store_true", help="write the metrics of the model server's method into the card"
    )


def explanations(arguments: argparse.Namespace) -> int:
    """Measure the methods, print a table, write explanations.json and explanations.html; returns 0.

    Raises DataError when an option or the data are wrong, CardError or NetworkError when the model can't be loaded.
    """
    from handlers.card import CARD_NAME
    from handlers.network import load_network
    from training.data.manifest import DataError, of_split
    from training.data.reading import read_all
    from training.explanation.measuring import choose, measure, read_masked
    from training.explanation.methods import NAMES, OURS
    from training.explanation.results import NUMBERS_NAME, SHEET_NAME, store, write_results
    from training.seeds import check_seed

    methods = arguments.methods or list(NAMES)
    unknown = [name for name in methods if name not in NAMES]
    if unknown:
        raise DataError(f"there is no method {unknown[0]!r}; there are {', '.join(NAMES)}")
    if arguments.store and OURS not in methods:
        raise DataError(f"--store writes the metrics of {OURS}, which --methods leaves out")
    if arguments.count < 1 or arguments.curves_on < 0:
        raise DataError("--count must be at least 1, and --curves-on not negative")
    check_seed(arguments.seed)
    card, network = load_network(arguments.model)
    scans = read_all(arguments.data, least_labels=1)
    if arguments.split:
        scans = of_split(scans, arguments.split)
    region = REGIONS[arguments.region] if arguments.region else None
    chosen = choose(scans, card.labels, arguments.count, arguments.seed, masked=region is None)
    masked = read_masked(card, chosen, region)
    measured = measure(card, network, masked, methods, arguments.curves_on, arguments.seed)
    write_results(arguments.out, card, network, masked, measured)
    print_table(measured)
    print(f"wrote {arguments.out / NUMBERS_NAME} and {SHEET_NAME}")
    if arguments.store:
        store(arguments.model, card, measured)
        print(f"stored the metrics of {OURS} in {arguments.model / CARD_NAME}")
    return 0


def print_table(measured: dict[str, Any]) -> None:
    """Print the metrics of each method."""
    heads = ("pointing", "strict", "energy", "IoU", "deletion", "insertion")
    print(f"{'method':<26}" + "".join(f"{head:>10}" for head in heads) + f"{'ms/scan':>9}")
    for name, row in measured["methods"].items():
        cells = "".join(f"{row[key]:>10.3f}" if key in row else f"{'-':>10}" for key in SHOWN)
        print(f"{name:<26}{cells}{row['milliseconds']:>9.1f}")
    print(f"on {measured['scans']} scans with masks; deletion and insertion on {measured['curves_on']}")
