"""The command `train`: from a folder of labelled B-scans to weights and a model card."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.recipe import IMAGENET_MEAN, IMAGENET_STD, Recipe, options

if TYPE_CHECKING:
    from training.loop import Epoch

BASE_LIMITS = ("Research software: its answers are not a diagnosis.",)


def add_train_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `train`: the recipe's fields and where to read and write."""
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder with the scans")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for weights and card")
    parser.add_argument(
        "--labels", nargs="+", default=[], metavar="LABEL", help="labels to learn (default: all)"
    )
    parser.add_argument("--name", default="retina-oct", help="model name for the card (default: %(default)s)")
    parser.add_argument("--version", default="0.0.1", help="model version (default: %(default)s)")
    parser.add_argument("--overwrite", action="store_true", help="replace the model that --out holds")
    recipe = parser.add_argument_group("recipe", "the defaults are the published recipe")
    for option in options():
        flag = option_flag(option.name)
        text = f"{option.metadata['help']} (default: {option.default or 'none'})"
        if isinstance(option.default, bool):
            recipe.add_argument(
                flag,
                dest=option.name,
                action=argparse.BooleanOptionalAction,
                default=option.default,
                help=text,
            )
        else:
            recipe.add_argument(
                flag,
                dest=option.name,
                type=type(option.default),
                default=option.default,
                metavar=type(option.default).__name__.upper(),
                help=text,
            )


def train(arguments: argparse.Namespace) -> int:
    """Train, print a line per epoch and the report, write weights, card and epochs; returns 0.

    Raises DataError, WeightsError or ValueError with a message for people.
    """
    recipe = Recipe(**{option.name: getattr(arguments, option.name) for option in options()})

    # torch takes seconds to load: not before the values are known to be good.
    from handlers.card import InputSpec
    from training import batches, export, loop, networks
    from training.data import manifest, split
    from training.evaluation.calibration import fit_temperature
    from training.evaluation.figures import figures
    from training.hardware import Hardware
    from training.prediction import predict

    if (arguments.out / export.CARD_NAME).exists() and not arguments.overwrite:
        raise manifest.DataError(
            f"{arguments.out} holds a model already; choose another --out or add --overwrite"
        )
    scans = split.split_scans(
        manifest.read_scans(arguments.data, arguments.labels), recipe.validation_share, recipe.seed
    )
    shared = split.shared_patients(scans)
    if shared:
        print(f"warning: {len(shared)} patient(s) stand in more than one split; the figures will flatter")
    labels = sorted({scan.label for scan in scans})
    spec = InputSpec(size=recipe.size, mean=IMAGENET_MEAN, std=IMAGENET_STD, resize="stretch")

    loop.seed_everything(recipe.seed)
    network = networks.build(recipe, len(labels))
    to_learn = manifest.of_split(scans, "train")
    training = batches.TrainingBatches(to_learn, labels, spec, recipe)
    validation = batches.validation_batches(manifest.of_split(scans, "val"), labels, spec, recipe)
    print(
        f"{recipe.architecture}: {len(labels)} labels ({', '.join(labels)}), "
        f"{len(to_learn)} scans to train, "
        f"{len(manifest.of_split(scans, 'val'))} to validate"
    )
    fitted = loop.fit(network, recipe, training, validation, report=print_epoch)
    temperature = fit_temperature(fitted.validation)
    metrics = {"validation": figures(fitted.validation, labels, temperature)}
    held_out = manifest.of_split(scans, "test")
    if held_out:
        outputs = predict(
            network, batches.validation_batches(held_out, labels, spec, recipe), Hardware.detect()
        )
        metrics["test"] = figures(outputs, labels, temperature)
    export.save_epochs(arguments.out, fitted.epochs)
    card = export.save_model(
        arguments.out,
        network,
        name=arguments.name,
        version=arguments.version,
        architecture=recipe.architecture,
        labels=labels,
        spec=spec,
        temperature=temperature,
        scans=scans,
        metrics=metrics,
        limits=BASE_LIMITS,
        made_with={
            "command": command_line(arguments),
            "best_epoch": fitted.best.number,
            **export.environment(),
            **export.started_from(recipe.pretrained_file),
        },
    )
    print_figures(card.metrics["validation"])
    print(f"wrote {arguments.out / export.WEIGHTS_NAME} and {export.CARD_NAME} of {card.name} {card.version}")
    return 0


def print_epoch(epoch: Epoch) -> None:
    """One line for an epoch that ended."""
    print(
        f"epoch {epoch.number}: training loss {epoch.training_loss:.3f}, accuracy {epoch.training_accuracy:.3f}; "
        f"validation loss {epoch.validation_loss:.3f}, accuracy {epoch.validation_accuracy:.3f} "
        f"({epoch.seconds:.0f} s, learning rate {epoch.learning_rate:g})",
        flush=True,
    )


def print_figures(figures: dict[str, Any]) -> None:
    """The validation report as a table."""
    print(f"{'label':<12}{'precision':>10}{'recall':>8}{'F1':>8}{'scans':>8}")
    for label, row in figures["labels"].items():
        print(f"{label:<12}{row['precision']:>10.3f}{row['recall']:>8.3f}{row['f1']:>8.3f}{row['scans']:>8}")
    print(
        f"accuracy {figures['accuracy']:.3f}, macro F1 {figures['macro_f1']:.3f} on {figures['scans']} scans"
    )


def command_line(arguments: argparse.Namespace) -> str:
    """The command that repeats this training, with the options that differ from the defaults.

    Folders are named without their path: a card travels, the layout of a disk stays at home.
    """
    words = [
        "./retinote",
        "train",
        "--data",
        arguments.data.resolve().name,
        "--out",
        arguments.out.resolve().name,
    ]
    if arguments.labels:
        words += ["--labels", *arguments.labels]
    words += ["--name", arguments.name, "--version", arguments.version]
    for option in options():
        value = getattr(arguments, option.name)
        if value == option.default:
            continue
        flag = option_flag(option.name)
        if isinstance(value, bool):
            words.append(flag if value else flag.replace("--", "--no-", 1))
        elif option.name == "pretrained_file":
            words += [flag, Path(value).name]
        else:
            words += [flag, str(value)]
    return shlex.join(words)


def option_flag(name: str) -> str:
    """The command-line option of a recipe's field."""
    return "--arch" if name == "architecture" else "--" + name.replace("_", "-")
