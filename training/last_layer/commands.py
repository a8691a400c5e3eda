"""The command `last-layer`: a last layer by logistic regression, on a trained model or on a pretrained network."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handlers.card import RESIZES, STRETCH, checked_name
from training.explanation.regions import REGIONS

if TYPE_CHECKING:
    from handlers.card import ModelCard

DEFAULT_PENALTY, DEFAULT_HEAT = 10.0, 1.0
DEFAULT_SIZE = 224


def add_last_layer_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `last-layer`."""
    start = parser.add_mutually_exclusive_group(required=True)
    start.add_argument(
        "--model", type=Path, metavar="DIR", help="folder of a trained model, whose last layer is fitted anew"
    )
    start.add_argument(
        "--arch",
        metavar="NAME",
        help="a network of timm with pretrained weights, which gets its last layer here",
    )
    parser.add_argument(
        "--pretrained-file",
        type=Path,
        metavar="FILE",
        help="weights for --arch (default: those that timm fetches)",
    )
    parser.add_argument(
        "--data",
        type=Path,
        nargs="+",
        required=True,
        metavar="PATH",
        help="for --model the scans that it was trained with; the layer learns from the train split, the temperature from "
        "the val split; test is not used",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for weights and card")
    _add_fitting_arguments(parser)
    parser.add_argument(
        "--size",
        type=int,
        metavar="PIXELS",
        help=f"side of the input (default: that of --model, or {DEFAULT_SIZE})",
    )
    parser.add_argument(
        "--resize",
        choices=RESIZES,
        default=STRETCH,
        help="how --arch gets a square picture; a --model keeps its own way (default: %(default)s)",
    )
    parser.add_argument("--name", default="retina-oct", help="of the model of --arch (default: %(default)s)")
    parser.add_argument("--version", help="of the new model (default: that of --model, or 0.0.1)")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="folder for reduced scans")
    parser.add_argument("--overwrite", action="store_true", help="replace the model in --out")


def _add_fitting_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--penalty",
        type=float,
        default=DEFAULT_PENALTY,
        metavar="FLOAT",
        help="of the squared weights, for features of spread 1 (default: %(default)g)",
    )
    parser.add_argument(
        "--region",
        choices=tuple(REGIONS),
        help="learn the label from this region alone, too, and so that heat maps lie in it; a rule finds it",
    )
    parser.add_argument(
        "--heat",
        type=float,
        default=DEFAULT_HEAT,
        metavar="FLOAT",
        help="with --region: weight of the share of heat that lies beside it (default: %(default)g)",
    )
    parser.add_argument(
        "--folds",
        type=int,
        default=0,
        metavar="N",
        help="for --arch: also fit N layers, each without a part of the patients of the train and val splits, and measure "
        "these on them (folds.json); for data of which one split is too small to judge by",
    )


def last_layer(arguments: argparse.Namespace) -> int:
    """Fit the layer and the temperature, print the metrics of the val split, write weights and card; returns 0.

    Raises DataError, RecipeError, WeightsError, CardError or NetworkError with a message for people.
    """
    from handlers.card import CARD_NAME, MAX_SIZE, MIN_SIZE
    from training.commands import print_metrics
    from training.data.manifest import DataError
    from training.last_layer.folds import LEAST
    from training.last_layer.making import Order, make

    if arguments.version is not None:
        checked_name(arguments.version, "--version ")
    checked_name(arguments.name, "--name ")
    if not arguments.penalty > 0:
        raise DataError(f"--penalty must be above 0, not {arguments.penalty:g}")
    if not arguments.heat >= 0:
        raise DataError(f"--heat can't be negative, and is {arguments.heat:g}")
    if arguments.size is not None and not MIN_SIZE <= arguments.size <= MAX_SIZE:
        raise DataError(f"--size must be from {MIN_SIZE} to {MAX_SIZE}, not {arguments.size}")
    if arguments.pretrained_file is not None and arguments.model is not None:
        raise DataError("--pretrained-file is for --arch; a --model has its own weights")
    if arguments.folds and arguments.model is not None:
        raise DataError("--folds is for --arch; the network of a --model has learnt from these scans itself")
    if arguments.folds and arguments.folds < LEAST:
        raise DataError(f"--folds takes {LEAST} or more, not {arguments.folds}")
    if (arguments.out / CARD_NAME).exists() and not arguments.overwrite:
        raise DataError(f"{arguments.out} holds a model already; choose another --out or add --overwrite")

    from handlers.user_cache import user_cache

    card: ModelCard = make(
        Order(
            model=arguments.model,
            architecture=arguments.arch or "",
            pretrained_file=arguments.pretrained_file,
            data=arguments.data,
            out=arguments.out,
            penalty=arguments.penalty,
            region=arguments.region or "",
            heat=arguments.heat,
            size=arguments.size or (DEFAULT_SIZE if arguments.arch else None),
            resize=arguments.resize,
            name=arguments.name,
            version=arguments.version or "",
            cache=arguments.cache or user_cache(),
            command=command_line(arguments),
            folds=arguments.folds,
        )
    )
    print_metrics(card.metrics["validation"])
    print(
        f"wrote {card.name} {card.version} to {arguments.out}; it has no statistics yet (`./retinote statistics`)"
    )
    return 0


def command_line(arguments: argparse.Namespace) -> str:
    """The command that repeats it, with the names of folders instead of their paths, for the card."""
    words = ["./retinote", "last-layer"]
    given: tuple[tuple[str, Any], ...] = (
        ("--model", arguments.model),
        ("--arch", arguments.arch),
        ("--pretrained-file", arguments.pretrained_file),
        ("--data", arguments.data),
        ("--out", arguments.out),
        ("--penalty", arguments.penalty),
        ("--region", arguments.region),
        ("--heat", arguments.heat if arguments.region else None),
        ("--size", arguments.size),
        ("--resize", arguments.resize if arguments.arch else None),
        ("--name", arguments.name if arguments.arch else None),
        ("--version", arguments.version),
    )
    for flag, value in given:
        if value is None:
            continue
        values = value if isinstance(value, list) else [value]
        words += [flag, *(one.resolve().name if isinstance(one, Path) else str(one) for one in values)]
    return shlex.join(words)
