"""Options that several commands share: the data folder, and the model store."""

import argparse
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_DATA = ROOT / "var"
DATA_VARIABLE = "RETINOTE_DATA_DIR"
"""The variable with the data folder, for the web app, too."""


def add_data_option(parser: argparse.ArgumentParser) -> None:
    """Declare --data-dir, which selects the stack."""
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=Path(os.environ.get(DATA_VARIABLE) or DEFAULT_DATA),
        metavar="DIR",
        help=f"data folder of the stack (default: {DATA_VARIABLE}, or else {DEFAULT_DATA})",
    )


def add_store_option(parser: argparse._ActionsContainer, default: str) -> None:
    """Declare --model-store. `default` describes what counts without it."""
    parser.add_argument(
        "--model-store",
        metavar="PLACE",
        help=f"where models are: a folder, or a store that several model servers share, by URL (s3://BUCKET/PREFIX, "
        f"file:///FOLDER); RETINOTE_MODEL_STORE names a shared one, too (default: {default})",
    )
