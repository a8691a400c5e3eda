"""The command `user`: accounts of a running stack."""

import argparse

from operations.stack.folder import DataFolder, running_state
from operations.stack.options import add_data_option


def add_user_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `user create`, `user appoint` and `user dismiss`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    create = actions.add_parser(
        "create",
        help="make an account; the password is asked for, or read from standard input",
        description="Make an account. The password is asked for, or read from standard input if that is no terminal.",
    )
    create.add_argument("name", metavar="NAME", help="name to sign in with")
    create.add_argument(
        "--role",
        required=True,
        metavar="ROLE",
        help="what the account may do, such as clinician; a role that does not exist is answered with those that do",
    )
    create.add_argument("--clinic", metavar="CLINIC", help="clinic whose scans a clinician shares")
    create.add_argument(
        "--adjudicator", action="store_true", help="a clinician who settles scans on which readers disagree"
    )
    create.add_argument(
        "--modality",
        action="append",
        default=[],
        metavar="NAME",
        help="sees and uploads scans of this modality alone; may be given several times (default: all)",
    )
    add_data_option(create)
    for action, text in (
        ("appoint", "make a clinician an adjudicator, who settles scans on which readers disagree"),
        ("dismiss", "end an account's role as adjudicator; settled scans stay settled"),
    ):
        named = actions.add_parser(action, help=text, description=f"{text[0].upper()}{text[1:]}.")
        named.add_argument("name", metavar="NAME", help="name to sign in with")
        add_data_option(named)


def user(arguments: argparse.Namespace) -> int:
    """Make or change an account in a running stack."""
    from operations.stack.managing import manage

    data = DataFolder(arguments.data_dir)
    if arguments.action != "create":
        dismiss = ["--dismiss"] if arguments.action == "dismiss" else []
        return manage(data, running_state(data), ["appoint_adjudicator", arguments.name, *dismiss])
    options = ["create_user", arguments.name, "--role", arguments.role]
    if arguments.clinic:
        options += ["--clinic", arguments.clinic]
    if arguments.adjudicator:
        options.append("--adjudicator")
    options += [f"--modality={name}" for name in arguments.modality]
    return manage(data, running_state(data), options)
