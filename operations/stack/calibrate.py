"""The command `calibrate`: what a running stack's own verified scans say of its model."""

import argparse

from operations.stack.folder import DataFolder, running_state
from operations.stack.options import add_data_option

ACTIONS = {
    "--dry-run": "show before and after, on scans left out, and store nothing",
    "--undo": "take the calibration in use back; the one before it counts again, or the model's card",
    "--list": "list all calibrations, newest first, and which one is in use",
}


def add_calibrate_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `calibrate` may do in place of calibrating."""
    parser.epilog = (
        "It takes 50 verified scans or more, of 10 patients or more, whose newest prediction is by the version that "
        "answers now. Temperature, sets and the threshold of familiarity are fitted; the weights stay as they are. "
        "In a container: python3 -m django calibrate."
    )
    others = parser.add_mutually_exclusive_group()
    for option, text in ACTIONS.items():
        others.add_argument(option, action="store_true", help=text)
    add_data_option(parser)


def calibrate(arguments: argparse.Namespace) -> int:
    """Have the web app of a running stack do it."""
    from operations.stack.up import manage

    data = DataFolder(arguments.data_dir)
    options = [option for option in ACTIONS if getattr(arguments, option[2:].replace("-", "_"))]
    return manage(data, running_state(data), ["calibrate", *options])
