"""`learn run|status|stop`: makes the next version of a running stack's model from what its readers verified."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any, NoReturn

from operations.stack.folder import DataFolder, running_state
from operations.stack.options import add_data_option


def add_run_arguments(actions: Any) -> None:
    """Declare `learn run`, `learn status` and `learn stop`."""
    run = actions.add_parser(
        "run",
        help="make a candidate from verified scans, and let the gate judge it",
        description="Freeze the verified scans as a data set, fine-tune the version that answers on it, calibrate, measure "
        "and explain the candidate, bring it into the data folder's model store, and let the gate judge it. What answers "
        "stays as it is. Exit status 0: the gate let it pass; 1: it did not; 2: the run failed.",
        epilog="It runs in this terminal, niced; Ctrl-C stops it, and --resume goes on. One run at a time. In a container: "
        "python3 -m django learning_run run.",
    )
    run.add_argument(
        "--model", metavar="NAME", help="the one that learns (default: the first modality's model)"
    )
    run.add_argument(
        "--data-set", type=int, metavar="N", help="number of a data set (default: export one now)"
    )
    run.add_argument(
        "--replay",
        type=Path,
        nargs="+",
        default=[],
        metavar="DIR",
        help="the data that the version was trained with, with their splits, so that nothing is forgotten (default: "
        "RETINOTE_LEARN_REPLAY; without them the version itself is the teacher, on simulated scans)",
    )
    run.add_argument("--seed", type=int, default=0, metavar="N", help="of what is drawn (default: 0)")
    run.add_argument(
        "--resume",
        action="store_true",
        help="go on with the newest run that was interrupted, stopped or has failed",
    )
    add_data_option(run)
    status = actions.add_parser("status", help="show the newest learning run, step by step")
    add_data_option(status)
    stop = actions.add_parser("stop", help="stop the learning run; what it has done is kept")
    add_data_option(stop)


def run(arguments: argparse.Namespace) -> NoReturn:
    """Become the web app's management command in a running stack, so that Ctrl-C reaches it and it ends in order."""
    from operations.stack import webapp
    from operations.stack.managing import running_environment

    words = ["--seed", str(arguments.seed)]
    words += ["--model", arguments.model] if arguments.model else []
    words += [] if arguments.data_set is None else ["--data-set", str(arguments.data_set)]
    words += ["--replay", *(str(path.absolute()) for path in arguments.replay)] if arguments.replay else []
    words += ["--resume"] if arguments.resume else []
    data = DataFolder(arguments.data_dir)
    environment = running_environment(data, running_state(data))
    command = webapp.django("learning_run", "run", *words)
    os.chdir(webapp.ROOT)
    os.execve(command[0], command, environment)


def status(arguments: argparse.Namespace) -> int:
    """Show the newest run."""
    return _manage(arguments, "status")


def stop(arguments: argparse.Namespace) -> int:
    """Stop the run."""
    return _manage(arguments, "stop")


def _manage(arguments: argparse.Namespace, *words: str) -> int:
    from operations.stack.managing import manage

    data = DataFolder(arguments.data_dir)
    return manage(data, running_state(data), ["learning_run", *words])
