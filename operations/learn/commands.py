"""The command `learn`: what readers verified becomes data, and data the next version."""

from __future__ import annotations

import argparse

from operations.learn.export import add_export_arguments, export


def add_learn_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `learn export`."""
    actions = parser.add_subparsers(dest="command_of_learn", metavar="ACTION", required=True)
    add_export_arguments(actions)


def learn(arguments: argparse.Namespace) -> int:
    """Run the action; each has declared its own function."""
    run = {"export": export}[arguments.command_of_learn]
    return run(arguments)
