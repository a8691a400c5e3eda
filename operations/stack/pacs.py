"""The command `pacs`: shows where a running stack sends results, and tries whether a destination answers."""

import argparse

from operations.stack.folder import DataFolder, running_state
from operations.stack.options import add_data_option


def add_pacs_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `pacs`."""
    parser.epilog = "Administrators set destinations under Results sent in the administration. In a container: python3 -m django pacs."
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    add_data_option(actions.add_parser("list", help="all destinations, with what was sent, waits and failed"))
    echo = actions.add_parser("echo", help="ask a destination whether it is there and lets us in")
    echo.add_argument("name", help="of the destination")
    add_data_option(echo)


def pacs(arguments: argparse.Namespace) -> int:
    """Run the web app's management command in a running stack."""
    from operations.stack.managing import manage

    data = DataFolder(arguments.data_dir)
    named = [arguments.name] if arguments.action == "echo" else []
    return manage(data, running_state(data), ["pacs", arguments.action, *named])
