"""`learn export`: freezes a running stack's verified scans as a data set."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from operations.stack.folder import DataFolder, running_state
from operations.stack.options import add_data_option


def add_export_arguments(actions: Any) -> None:
    """Declare `learn export`."""
    parser = actions.add_parser(
        "export",
        help="freeze the scans that readers verified as a data set",
        description="Freeze the scans whose label is settled, by an adjudicator or by readers who agree, as a data set "
        "that train, evaluate and explain open as it is. A share of the patients goes into the installation's own test "
        "set, once and for good.",
        epilog="In a container: python3 -m django export_data_set.",
    )
    parser.add_argument(
        "--model", metavar="NAME", help="whose scans (default: those of the model that answers)"
    )
    parser.add_argument(
        "--readers",
        type=int,
        metavar="N",
        help="how many independent readers have to agree; 0: adjudicated scans alone (default: "
        "RETINOTE_VERIFYING_READERS)",
    )
    parser.add_argument(
        "--seen-weight",
        type=float,
        metavar="W",
        help="what a reading counts that was given after the model's answer was shown, 0 to 1; a blind one counts 1 "
        "(default: RETINOTE_LEARN_SEEN_WEIGHT)",
    )
    parser.add_argument(
        "--with-text",
        action="store_true",
        help="take pictures whose pixels may hold text, such as a name, too",
    )
    parser.add_argument(
        "--any-label",
        action="store_true",
        help="take labels that the model doesn't know, too: for a new model, as a new label is a new model",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="a folder to copy the data set to, which must be new"
    )
    parser.add_argument(
        "--json", action="store_true", help="print number, sha256 and folder as JSON, and no more"
    )
    parser.add_argument(
        "--list", action="store_true", help="export nothing; list the data sets, newest first"
    )
    add_data_option(parser)


def export(arguments: argparse.Namespace) -> int:
    """Run the web app's management command in a running stack."""
    from operations.stack.managing import manage

    values = {
        "--model": arguments.model,
        "--readers": arguments.readers,
        "--seen-weight": arguments.seen_weight,
        "--out": arguments.out and arguments.out.absolute(),
    }
    options = [f"{name}={value}" for name, value in values.items() if value is not None]
    flags = {
        "--with-text": arguments.with_text,
        "--any-label": arguments.any_label,
        "--json": arguments.json,
        "--list": arguments.list,
    }
    data = DataFolder(arguments.data_dir)
    return manage(
        data,
        running_state(data),
        ["export_data_set", *options, *(name for name, is_given in flags.items() if is_given)],
    )
