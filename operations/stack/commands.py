"""The commands that start, stop and ask about a stack: up, down, status, user, audit, key."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from operations.errors import OperationsError
from operations.stack import ports
from operations.stack.folder import DataFolder, all_ready, read_state, running_state
from serving.keys import InferenceKey
from serving.stores import ModelStores

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_DATA = ROOT / "var"
STOP_TIMEOUT_S = 90.0
POLL_S = 0.1
INTERRUPTED = 130
NOT_READY, NOT_RUNNING = 1, 3
"""Exit statuses of `status`; 0 is ready."""


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
            named = ROOT / "model_store"
    return ModelStores([named.absolute(), data.model_store])


def add_up_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `up`."""
    parser.epilog = "Ctrl-C stops everything. RETINOTE_MONGODB_URI in the environment names a MongoDB server to use instead."
    add_data_option(parser)
    parser.add_argument("--detach", action="store_true", help="go to the background once everything is ready")
    parser.add_argument(
        "--port",
        type=int,
        default=ports.WEB_PORT,
        help="web app's port (default: %(default)s; 0: any that is free)",
    )
    parser.add_argument(
        "--host",
        default=ports.LOOPBACK,
        help="address the web app listens on (default: %(default)s, this machine only; 0.0.0.0 for all networks)",
    )
    parser.add_argument(
        "--allowed-host",
        action="append",
        default=[],
        metavar="NAME",
        help="name or address by which other computers reach it, beside --host and this machine's name; may be given often",
    )
    parser.add_argument(
        "--model-store",
        type=Path,
        default=ROOT / "model_store",
        metavar="DIR",
        help="where models are (default: %(default)s)",
    )
    others = parser.add_argument_group("ports on this machine only", "by default they follow --port")
    for name, offset in ports.OFFSETS.items():
        others.add_argument(
            ports.option(name),
            type=int,
            metavar="PORT",
            help=f"default: {ports.WEB_PORT + offset}, or any that is free",
        )


def up(arguments: argparse.Namespace) -> int:
    """Start a stack, and stay until it is stopped (or, detached, until it is ready)."""
    from operations.stack.up import Settings, run

    data = DataFolder(arguments.data_dir)
    settings = Settings(
        data=data,
        host=arguments.host,
        names=tuple(arguments.allowed_host),
        port=arguments.port,
        ports={name: getattr(arguments, ports.option(name)[2:].replace("-", "_")) for name in ports.OFFSETS},
        stores=ModelStores([arguments.model_store.absolute(), data.model_store]),
        mongodb_uri=os.environ.get("RETINOTE_MONGODB_URI") or None,
    )
    if arguments.detach:
        return _in_background(lambda ready: run(settings, sys.stdout, ready))
    return 0 if run(settings, sys.stdout) else INTERRUPTED


def _in_background(work: Callable[[Callable[[], None]], bool]) -> int:
    """Do the work in a child of its own session; return when it calls what it is given, or ends before.

    Until then the child shares the terminal, so that its progress is seen; afterwards it has none.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child:
        os.close(writer)
        return _wait_for_background(child, reader)
    os.setsid()
    os.close(reader)

    def ready() -> None:
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        os.write(writer, b"ready")
        os.close(writer)

    return 0 if work(ready) else INTERRUPTED


def _wait_for_background(child: int, reader: int) -> int:
    try:
        ready = os.read(reader, 16)
        while not ready:
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    except KeyboardInterrupt:
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)
        return INTERRUPTED
    return 0


def down(arguments: argparse.Namespace) -> int:
    """Stop a stack, and wait until all of it has ended."""
    data = DataFolder(arguments.data_dir)
    if not data.is_held():
        print(f"No stack runs on {data.path}.")
        return 0
    pid = read_state(data).get("pid")
    if pid:
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while data.is_held():
        if time.monotonic() > deadline:
            raise OperationsError(
                f"The stack on {data.path} (process {pid}) did not stop within {STOP_TIMEOUT_S:.0f} s."
            )
        time.sleep(POLL_S)
    print(f"The stack on {data.path} is stopped; its data are kept.")
    return 0


def status(arguments: argparse.Namespace) -> int:
    """Say what runs: 0 when all is ready, 1 when something is not, 3 when there is no stack."""
    data = DataFolder(arguments.data_dir)
    try:
        state = running_state(data)
    except OperationsError as error:
        print(error)
        return NOT_RUNNING
    ready = all_ready(state)
    word = "ready" if ready else "not ready" if state["ready"] else "starting"
    print(
        f"The stack on {data.path} is {word}: {state['url']} (process {state['pid']}, up {_age(state['started'])})"
    )
    rows = [("service", "state", "process", "up", "restarts", "address")]
    rows += [
        (
            service["name"],
            service["state"],
            str(service["pid"] or "-"),
            _age(service["since"]) if service["pid"] else "-",
            str(service["restarts"]),
            service["address"],
        )
        for service in state["services"]
    ]
    print_table(rows)
    listed = ", ".join(f"{name} {port}" for name, port in state["ports"].items())
    print(f"ports: {listed}")
    return 0 if ready else NOT_READY


def add_user_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `user create`, `user appoint` and `user dismiss`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    create = actions.add_parser(
        "create",
        help="make an account; the password is asked for, or read from standard input",
        description="Make an account. The password is asked for, or read from standard input where that is no terminal.",
    )
    create.add_argument("name", metavar="NAME", help="what the person signs in with")
    create.add_argument(
        "--role", required=True, metavar="ROLE", help="clinician, researcher or administrator"
    )
    create.add_argument("--clinic", metavar="CLINIC", help="the clinic whose scans a clinician shares")
    create.add_argument(
        "--adjudicator", action="store_true", help="a clinician who settles scans on which readers disagree"
    )
    add_data_option(create)
    for action, text in (
        ("appoint", "make a clinician an adjudicator, who settles scans on which readers disagree"),
        ("dismiss", "make an adjudicator none any more; what was settled stays settled"),
    ):
        named = actions.add_parser(action, help=text, description=f"{text[0].upper()}{text[1:]}.")
        named.add_argument("name", metavar="NAME", help="what the person signs in with")
        add_data_option(named)


def user(arguments: argparse.Namespace) -> int:
    """Make or change an account in a running stack."""
    from operations.stack.up import manage

    data = DataFolder(arguments.data_dir)
    if arguments.action != "create":
        dismiss = ["--dismiss"] if arguments.action == "dismiss" else []
        return manage(data, running_state(data), ["appoint_adjudicator", arguments.name, *dismiss])
    options = ["create_user", arguments.name, "--role", arguments.role]
    if arguments.clinic:
        options += ["--clinic", arguments.clinic]
    if arguments.adjudicator:
        options.append("--adjudicator")
    return manage(data, running_state(data), options)


AUDIT_LIST_OPTIONS = (
    ("actor", "NAME", "an account's name, then or today, or its id"),
    ("object", "ID", "the id of an object, or of a scan with all that belongs to it; or an account's name"),
    ("action", "ACTION", "such as scan.view"),
    ("since", "TIME", "from then on, such as 2026-01-31 or 2026-01-31T12:00, UTC"),
    ("until", "TIME", "before then"),
    ("limit", "N", "at most; 200 by default"),
)


def add_audit_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `audit verify`, `audit head` and `audit list`."""
    actions = parser.add_subparsers(dest="command_of_audit", metavar="ACTION", required=True)
    verify = actions.add_parser(
        "verify",
        help="check the chain of audit records (exit status 0: intact, 1: tampered with)",
        description="Check the chain of audit records, and say where it was tampered with. "
        "Exit status 0: intact, 1: tampered with.",
    )
    verify.add_argument(
        "--expect",
        action="append",
        default=[],
        metavar="NUMBER:HASH",
        help="what audit head printed, or the log said, earlier; may be given often",
    )
    verify.add_argument(
        "--objects",
        action="store_true",
        help="compare today's documents, too, with what was last recorded of them, and name those that differ",
    )
    head = actions.add_parser(
        "head",
        help="print the newest record's number and hash, to be kept elsewhere",
        description="Print the newest record's number and hash. Kept elsewhere, it shows later that nothing up to it was changed.",
    )
    head.add_argument(
        "--accept",
        action="store_true",
        help="take the chain as it is where its note in the data folder says more, as after an older backup was "
        "restored; a record says so",
    )
    listing = actions.add_parser(
        "list",
        help="print records, newest first: who did what, by name",
        description="Print records, newest first, a line each: number, time (UTC), actor, action, object, scans, filter.",
    )
    for name, placeholder, text in AUDIT_LIST_OPTIONS:
        listing.add_argument(f"--{name}", metavar=placeholder, help=text)
    for action in (verify, head, listing):
        add_data_option(action)


def audit(arguments: argparse.Namespace) -> int:
    """Check the audit records of a running stack, print them, or print where they have got to."""
    from operations.stack.up import manage

    data = DataFolder(arguments.data_dir)
    if arguments.command_of_audit == "head":
        return manage(data, running_state(data), ["audit_head", *(["--accept"] if arguments.accept else [])])
    if arguments.command_of_audit == "list":
        given = ((name, getattr(arguments, name)) for name, *_ in AUDIT_LIST_OPTIONS)
        options = [f"--{name}={value}" for name, value in given if value is not None]
        return manage(data, running_state(data), ["list_audit", *options])
    expected = [option for head in arguments.expect for option in ("--expect", head)]
    objects = ["--objects"] if arguments.objects else []
    return manage(data, running_state(data), ["verify_audit", *expected, *objects])


def key(arguments: argparse.Namespace) -> int:
    """Print the model server's inference key; its expiry goes to standard error, so that $(retinote key) is the key."""
    state = running_state(DataFolder(arguments.data_dir))
    holder = InferenceKey(Path(state["key_file"]), state["management_url"])
    holder.current()
    current = holder.key()
    print(current.text)
    print(f"valid until {current.expires:%Y-%m-%d %H:%M} UTC, for {state['inference_url']}", file=sys.stderr)
    return 0


def _age(since: float) -> str:
    seconds = max(0, int(time.time() - since))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


def print_table(rows: list[tuple[Any, ...]]) -> None:
    """Print rows of texts as columns, the first row as their headings."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
