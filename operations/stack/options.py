"""Options that several commands have: the data folder that a command is about, and where its models lie."""

import argparse
from pathlib import Path

from operations.errors import OperationsError
from operations.stack.folder import DataFolder, running_state
from serving.stores import ModelStores

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_DATA = ROOT / "var"
DEFAULT_STORE = ROOT / "model_store"


def add_data_option(parser: argparse.ArgumentParser) -> None:
    """Declare --data-dir, which names the stack that a command is about."""
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=DEFAULT_DATA,
        metavar="DIR",
        help="folder with all that the stack keeps (default: %(default)s)",
    )


def stores_of(data: DataFolder, named: Path | None) -> ModelStores:
    """Where models lie: in the store that is named, or that of the stack that runs on the folder, or the usual one.

    Those that were imported are in the folder's own store, which is always the last.
    """
    if named is None:
        try:
            # The last is the folder's own, by the name that the stack was given for it.
            named = Path(running_state(data)["model_stores"][0])
        except OperationsError:
            named = DEFAULT_STORE
    return ModelStores([named.absolute(), data.model_store])
