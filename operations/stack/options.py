"""Options that several commands share: the data folder, and the model stores."""

import argparse
from pathlib import Path

from operations.errors import OperationsError
from operations.stack.folder import DataFolder, running_state
from serving.stores import ModelStores

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_DATA = ROOT / "var"
DEFAULT_STORE = ROOT / "model_store"


def add_data_option(parser: argparse.ArgumentParser) -> None:
    """Declare --data-dir, which selects the stack."""
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=DEFAULT_DATA,
        metavar="DIR",
        help="data folder of the stack (default: %(default)s)",
    )


def stores_of(data: DataFolder, named: Path | None) -> ModelStores:
    """The model stores: the one that is named, or that of the stack that runs on the folder, or the default one.

    The folder's own store, which has the imported models, always comes last.
    """
    if named is None:
        try:
            # The stack's last store is the folder's own, so the first is the other one.
            named = Path(running_state(data)["model_stores"][0])
        except OperationsError:
            named = DEFAULT_STORE
    return ModelStores([named.absolute(), data.model_store])
