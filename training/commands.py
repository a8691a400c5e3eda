"""The command `train`: from labelled B-scans to weights and a model card."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path
from typing import Any, get_type_hints

from handlers.card import checked_name
from training.recipe import (
    CHOICES,
    DEFAULT_RECIPE,
    Recipe,
    RecipeError,
    load_recipe,
    named_recipes,
    options,
    without_folders,
)
from training.statistics.commands import add_statistics_options, changed_options, read_options

MOST_PROCESSES = 256
CLI = Path(__file__).resolve().parent.parent / "cli.py"


def add_train_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `train`: what to read and write, and the recipe's keys."""
    parser.add_argument(
        "--data",
        type=Path,
        nargs="+",
        required=True,
        metavar="PATH",
        help="manifests, or folders that hold one or train|val|test/LABEL/ folders; several are joined",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for weights and card")
    parser.add_argument(
        "--labels", nargs="+", default=[], metavar="LABEL", help="labels to learn (default: all)"
    )
    parser.add_argument(
        "--outliers",
        nargs="+",
        default=[],
        metavar="LABEL",
        help="labels that are not learnt; their scans of the train split teach what has none of the other labels",
    )
    parser.add_argument("--name", default="retina-oct", help="model name for the card (default: %(default)s)")
    parser.add_argument("--version", default="0.0.1", help="model version (default: %(default)s)")
    held = parser.add_mutually_exclusive_group()
    held.add_argument("--resume", action="store_true", help="go on with the training that --out holds")
    held.add_argument("--overwrite", action="store_true", help="replace the model or training in --out")
    parser.add_argument(
        "--allow-leaks",
        action="store_true",
        help="train even if a patient or an identical scan is on two sides of the split, as in published splits; "
        "the card will say so",
    )
    parser.add_argument(
        "--processes", type=int, default=1, metavar="N", help="processes on this machine, as with torchrun"
    )
    parser.add_argument(
        "--cache", type=Path, metavar="DIR", help="folder for reduced scans (default: ~/.cache/retinote)"
    )
    parser.add_argument(
        "--recipe",
        default=DEFAULT_RECIPE,
        metavar="NAME",
        help=f"{' or '.join(named_recipes())}, or a .toml file (default: %(default)s)",
    )
    add_statistics_options(parser, none=True)
    defaults = {name: load_recipe(name) for name in named_recipes()}
    hints = get_type_hints(Recipe)
    group = parser.add_argument_group(
        "recipe", "each changes a key of the recipe; in brackets the recipes' values"
    )
    for option in options():
        kind = hints[option.name]
        settings: dict[str, Any] = {
            "dest": option.name,
            "help": _help(option.name, option.metadata, defaults),
        }
        if kind is bool:
            settings["action"] = argparse.BooleanOptionalAction
        else:
            settings |= {"type": kind, "metavar": kind.__name__.upper(), "choices": CHOICES.get(option.name)}
        group.add_argument(option_flag(option.name), default=None, **settings)


def train(arguments: argparse.Namespace) -> int:
    """Train, print a line and a report for each epoch, write weights, card and logs; returns 0.

    Raises RecipeError, DataError, CardError, CheckpointError, TrainingError or WeightsError with a message for people.
    """
    if not 1 <= arguments.processes <= MOST_PROCESSES:
        raise RecipeError(f"--processes must be from 1 to {MOST_PROCESSES}, not {arguments.processes}")
    changes = {
        option.name: value for option in options() if (value := getattr(arguments, option.name)) is not None
    }
    recipe = load_recipe(arguments.recipe, changes)
    # Checked before hours of training: a model with another name or version could not be imported.
    checked_name(arguments.name, "--name ")
    checked_name(arguments.version, "--version ")
    statistics = read_options(arguments)
    if arguments.processes > 1 and "RANK" not in os.environ:
        # One thread for each process, so that they don't compete for the cores.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        count = ["--nproc-per-node", str(arguments.processes)]
        os.execv(sys.executable, [*launcher, *count, str(CLI), *sys.argv[1:]])

    # Imported here, as torch takes seconds to load: wrong options are reported at once.
    from handlers.card_statistics import STATISTICS_NAME
    from handlers.user_cache import user_cache
    from training import export
    from training.run import Job, run

    card = run(
        Job(
            data=arguments.data,
            out=arguments.out,
            recipe=recipe,
            labels=arguments.labels,
            outliers=arguments.outliers,
            name=arguments.name,
            version=arguments.version,
            cache=arguments.cache or user_cache(),
            resume=arguments.resume,
            overwrite=arguments.overwrite,
            allow_leaks=arguments.allow_leaks,
            statistics=statistics,
            command=command_line(arguments),
        )
    )
    if card is not None:
        print_metrics(card.metrics["validation"])
        files = [export.WEIGHTS_NAME, *([STATISTICS_NAME] if card.statistics else []), export.CARD_NAME]
        print(f"wrote {', '.join(files)} of {card.name} {card.version} to {arguments.out}")
    return 0


def print_metrics(metrics: dict[str, Any]) -> None:
    """Print the metrics of the validation split as a table."""
    print(f"{'label':<12}{'precision':>10}{'recall':>8}{'F1':>8}{'scans':>8}")
    for label, row in metrics["labels"].items():
        cells = "".join(
            f"{format(row[key], '.3f') if key in row else '-':>{width}}"
            for key, width in (("precision", 10), ("recall", 8), ("f1", 8))
        )
        print(f"{label:<12}{cells}{row['scans']:>8}")
    print(
        f"accuracy {metrics['accuracy']:.3f}, macro F1 {metrics['macro_f1']:.3f} on {metrics['scans']} scans"
    )


def command_line(arguments: argparse.Namespace) -> str:
    """The command that repeats this training, with the names of folders instead of their paths.

    The card holds it and is shared: where files lie on this machine concerns nobody else.
    """
    words = ["./retinote", "train", "--data", *(path.resolve().name for path in arguments.data)]
    words += ["--out", arguments.out.resolve().name]
    if arguments.labels:
        words += ["--labels", *arguments.labels]
    if arguments.outliers:
        words += ["--outliers", *arguments.outliers]
    words += ["--name", arguments.name, "--version", arguments.version]
    if arguments.allow_leaks:
        words.append("--allow-leaks")
    if arguments.processes > 1:
        words += ["--processes", str(arguments.processes)]
    words += changed_options(arguments)
    words += ["--recipe", Path(arguments.recipe).name]
    for option in options():
        value = getattr(arguments, option.name)
        if value is None:
            continue
        flag = option_flag(option.name)
        if isinstance(value, bool):
            words.append(flag if value else flag.replace("--", "--no-", 1))
        else:
            words += [flag, str(without_folders({option.name: value})[option.name])]
    return shlex.join(words)


def option_flag(name: str) -> str:
    """The command-line option of a recipe's key."""
    return "--arch" if name == "architecture" else "--" + name.replace("_", "-")


def _help(name: str, metadata: Any, defaults: dict[str, Recipe]) -> str:
    """The help of an option: what the key means, and its value in each recipe of the project."""
    values = {recipe: getattr(values, name) for recipe, values in defaults.items()}
    shown = {
        recipe: f"{value:g}" if isinstance(value, float) else str(value) for recipe, value in values.items()
    }
    if len(set(shown.values())) == 1:
        text = next(iter(shown.values())) or "none"
    else:
        text = ", ".join(f"{recipe} {value or 'none'}" for recipe, value in shown.items())
    return f"{metadata['help']} [{text}]"
