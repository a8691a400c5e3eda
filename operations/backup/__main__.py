"""`python -m operations.backup backup|restore FILE` for containers. Reads RETINOTE_MONGODB_URI and RETINOTE_DATA_DIR."""

import argparse
import os
import sys

from operations.backup import commands
from operations.environment import take_addresses
from operations.errors import EXPECTED


def main() -> int:
    """Run one of the two actions. An expected failure prints a line and returns 2."""
    parser = argparse.ArgumentParser(prog="python -m operations.backup", description=__doc__)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    commands.add_backup_arguments(actions.add_parser("backup"))
    commands.add_restore_arguments(actions.add_parser("restore"))
    arguments = parser.parse_args()
    try:
        take_addresses(os.environ)
        return commands.backup(arguments) if arguments.action == "backup" else commands.restore(arguments)
    except (*EXPECTED, OSError) as error:
        print(f"retinote: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
