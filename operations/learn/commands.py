"""The command `learn`: what readers verified becomes data, and data the next version."""

from __future__ import annotations

import argparse

from operations.learn.export import add_export_arguments, export
from operations.learn.run import add_run_arguments, run, status, stop


def add_learn_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    actions = parser.add_subparsers(dest="command_of_learn", metavar="ACTION", required=True)
    add_export_arguments(actions)
    add_run_arguments(actions)


def learn(arguments: argparse.Namespace) -> int:
    """Run the action; each has declared its own function."""
    known = {"export": export, "run": run, "status": status, "stop": stop}
    return known[arguments.command_of_learn](arguments)
