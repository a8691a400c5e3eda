"""The command `fine-tune`: a candidate from the version that answers and a frozen data set."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path

from handlers.card import CARD_NAME, ModelCard, checked_name
from serving.next_version import next_version
from training.commands import CLI, MOST_PROCESSES
from training.recipe import MAX_SEED

MOST_THREADS = 256
DEFAULT_THREADS = 4
"""At most so many threads, unless told otherwise: what answers must go on answering."""


def add_fine_tune_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `fine-tune`."""
    parser.epilog = (
        "The same data set, seed, threads and version before give the same weights on machines of one kind. Interrupted, "
        "the same command goes on after the last finished step or epoch. `./retinote learn run` does this for the version "
        "that answers in a running stack, and lets the gate judge the result."
    )
    parser.add_argument(
        "--model", type=Path, required=True, metavar="DIR", help="folder of the version to start from"
    )
    parser.add_argument(
        "--data-set",
        type=Path,
        required=True,
        metavar="DIR",
        help="a frozen data set of `./retinote learn export`; its test split is used for a last measurement alone",
    )
    parser.add_argument(
        "--replay",
        type=Path,
        nargs="+",
        default=[],
        metavar="PATH",
        help="the data that the version was trained with, with their splits, so that nothing is forgotten; without them "
        "the version itself is the teacher on simulated scans",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for all that is made")
    parser.add_argument(
        "--version", default="", metavar="VERSION", help="of the candidate (default: the next minor one)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of what is drawn (default: 0)")
    parser.add_argument(
        "--threads",
        type=int,
        default=min(len(os.sched_getaffinity(0)), DEFAULT_THREADS),
        metavar="N",
        help="threads to compute with (default: %(default)s)",
    )
    parser.add_argument(
        "--processes", type=int, default=1, metavar="N", help="processes that train, such as one for each GPU"
    )
    parser.add_argument("--epochs", type=int, metavar="N", help="(default: the recipe's)")
    parser.add_argument(
        "--simulated",
        type=int,
        default=None,
        metavar="N",
        help="simulated scans of each label (default: 60; 0 for none)",
    )
    parser.add_argument("--cache", type=Path, metavar="DIR", help="folder for reduced scans")
    parser.add_argument(
        "--overwrite", action="store_true", help="begin anew: replace the fine-tuning that --out holds"
    )
    parser.add_argument("--run", default="", metavar="ID", help="the run's name, for the card")


def fine_tune(arguments: argparse.Namespace) -> int:
    """Make a candidate in --out/model; returns 0. Raises an error with a message for people."""
    from training.data.manifest import DataError

    for flag, least, most, value in (
        ("--seed", 0, MAX_SEED, arguments.seed),
        ("--threads", 1, MOST_THREADS, arguments.threads),
        ("--processes", 1, MOST_PROCESSES, arguments.processes),
        ("--epochs", 1, 1000, 1 if arguments.epochs is None else arguments.epochs),
        ("--simulated", 0, 10_000, 0 if arguments.simulated is None else arguments.simulated),
    ):
        if not least <= value <= most:
            raise DataError(f"{flag} must be from {least} to {most}, not {value}")
    before = ModelCard.load(arguments.model / CARD_NAME)
    version = checked_name(arguments.version or next_version(before.version, {before.version}), "--version ")
    if arguments.processes > 1 and "RANK" not in os.environ:
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, arguments.threads // arguments.processes)))
        launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        count = ["--nproc-per-node", str(arguments.processes)]
        os.execv(sys.executable, [*launcher, *count, str(CLI), *sys.argv[1:]])

    from handlers.user_cache import user_cache
    from training.learning.order import SIMULATED_PER_LABEL, Order, recipe_for
    from training.learning.run import run

    changes = {} if arguments.epochs is None else {"epochs": arguments.epochs}
    order = Order(
        base=arguments.model,
        data_set=arguments.data_set,
        replay=arguments.replay,
        out=arguments.out,
        version=version,
        seed=arguments.seed,
        threads=max(1, arguments.threads // arguments.processes),
        cache=arguments.cache or user_cache(),
        recipe=recipe_for(arguments.model, before, arguments.seed, changes),
        simulated_per_label=SIMULATED_PER_LABEL if arguments.simulated is None else arguments.simulated,
        run=arguments.run,
        command=_command(arguments, version),
        anew=arguments.overwrite,
    )
    card = run(order)
    if card is not None:
        print(
            f"{card.name} {card.version} is in {arguments.out / 'model'}, weights {card.weights_sha256[:12]}"
        )
    return 0


def _command(arguments: argparse.Namespace, version: str) -> str:
    """The command that repeats it, with the names of folders instead of their paths, for the card."""
    words = ["./retinote", "fine-tune", "--model", arguments.model.resolve().name]
    words += ["--data-set", arguments.data_set.resolve().name]
    if arguments.replay:
        words += ["--replay", *(path.resolve().name for path in arguments.replay)]
    words += ["--version", version, "--seed", str(arguments.seed), "--threads", str(arguments.threads)]
    for flag, value in (("--epochs", arguments.epochs), ("--simulated", arguments.simulated)):
        if value is not None:
            words += [flag, str(value)]
    if arguments.processes > 1:
        words += ["--processes", str(arguments.processes)]
    return shlex.join(words)
