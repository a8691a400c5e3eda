"""The command `calibrate`: fits the model's answers to a running stack's own verified scans."""

import argparse

from operations.stack.folder import DataFolder, running_state
from operations.stack.options import add_data_option

ACTIONS = {
    "--dry-run": "show metrics before and after, on held-out scans, and store nothing",
    "--undo": "withdraw the calibration in use; the previous one applies again, or else the model's card",
    "--list": "list all calibrations, newest first, and the one in use",
}


def add_calibrate_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `calibrate`."""
    parser.epilog = (
        "It needs at least 50 verified scans of at least 10 patients, whose newest prediction is by the version that "
        "answers now. It fits temperature, prediction sets and the threshold of familiarity; weights stay as they are. "
        "In a container: python3 -m django calibrate."
    )
    parser.add_argument("--model", metavar="NAME", help="its name (default: the first modality's model)")
    others = parser.add_mutually_exclusive_group()
    for option, text in ACTIONS.items():
        others.add_argument(option, action="store_true", help=text)
    add_data_option(parser)


def calibrate(arguments: argparse.Namespace) -> int:
    """Run the web app's management command in a running stack."""
    from operations.stack.managing import manage

    data = DataFolder(arguments.data_dir)
    options = [option for option in ACTIONS if getattr(arguments, option[2:].replace("-", "_"))]
    named = [f"--model={arguments.model}"] if arguments.model else []
    return manage(data, running_state(data), ["calibrate", *named, *options])
