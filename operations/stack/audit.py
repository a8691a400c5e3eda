"""The command `audit`: the audit records of a running stack."""

import argparse

from operations.stack.folder import DataFolder, running_state
from operations.stack.options import add_data_option
from operations.stack.stores import places, stores_of

AUDIT_LIST_OPTIONS = (
    ("actor", "NAME", "records of an account, by its name then or today, or by its id"),
    (
        "object",
        "ID",
        "records about an object, or a scan with all that belongs to it, by its id; or an account's name",
    ),
    ("action", "ACTION", "records of an action, such as scan.view"),
    ("since", "TIME", "records from this time on (UTC), such as 2026-01-31 or 2026-01-31T12:00"),
    ("until", "TIME", "records before this time (UTC)"),
    ("limit", "N", "at most so many records (default: 200)"),
)


def add_audit_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `audit verify`, `audit head` and `audit list`."""
    actions = parser.add_subparsers(dest="command_of_audit", metavar="ACTION", required=True)
    verify = actions.add_parser(
        "verify",
        help="check the chain of audit records (exit status 0: intact, 1: tampered with)",
        description="Check the chain of audit records, and print where it was tampered with. "
        "Exit status 0: intact, 1: tampered with.",
    )
    verify.add_argument(
        "--expect",
        action="append",
        default=[],
        metavar="NUMBER:HASH",
        help="a head that `audit head` or the log printed earlier; may be given several times",
    )
    verify.add_argument(
        "--objects",
        action="store_true",
        help="also compare today's documents with their last records, and name those that differ",
    )
    head = actions.add_parser(
        "head",
        help="print the newest record's number and hash, to be kept elsewhere",
        description="Print the newest record's number and hash. Kept elsewhere, they show later that no record up to "
        "it was changed.",
    )
    head.add_argument(
        "--accept",
        action="store_true",
        help="accept a chain that is shorter than its note in the data folder says, as after restoring an older "
        "backup; a record notes that",
    )
    listing = actions.add_parser(
        "list",
        help="print records, newest first: who did what, by name",
        description="Print records, newest first, one a line: number, time (UTC), actor, action, object, scans, "
        "filter.",
    )
    for name, placeholder, text in AUDIT_LIST_OPTIONS:
        listing.add_argument(f"--{name}", metavar=placeholder, help=text)
    lineage = actions.add_parser(
        "lineage",
        help="go from a scan's answer to its weights, their training data and the verdicts behind it",
        description="Go from a scan's answer to its weights, to the data set that these learnt from, and to the verdicts "
        "behind it and who gave them; every link is compared with the audit's hashes. Each line begins with OK, BROKEN "
        "or END, where nothing lies behind it. Exit status 0: all links hold, 1: one is broken.",
    )
    lineage.add_argument("scan", metavar="SCAN", help="id of the scan, as in its address on the page")
    lineage.add_argument(
        "--verdicts", action="store_true", help="name every verdict, not only how many each reader gave"
    )
    lineage.add_argument(
        "--store",
        metavar="PLACE",
        help="model store, by its folder or URL (default: those of the stack that runs on the folder)",
    )
    for action in (verify, head, listing, lineage):
        add_data_option(action)


def audit(arguments: argparse.Namespace) -> int:
    """Check the audit records of a running stack, or print them or their head."""
    from operations.stack.managing import manage

    data = DataFolder(arguments.data_dir)
    if arguments.command_of_audit == "head":
        return manage(data, running_state(data), ["audit_head", *(["--accept"] if arguments.accept else [])])
    if arguments.command_of_audit == "list":
        given = ((name, getattr(arguments, name)) for name, *_ in AUDIT_LIST_OPTIONS)
        options = [f"--{name}={value}" for name, value in given if value is not None]
        return manage(data, running_state(data), ["list_audit", *options])
    if arguments.command_of_audit == "lineage":
        stores = [f"--store={place}" for place in places(stores_of(data, arguments.store))]
        verdicts = ["--verdicts"] if arguments.verdicts else []
        return manage(data, running_state(data), ["audit_lineage", arguments.scan, *stores, *verdicts])
    expected = [option for head in arguments.expect for option in ("--expect", head)]
    objects = ["--objects"] if arguments.objects else []
    return manage(data, running_state(data), ["verify_audit", *expected, *objects])
