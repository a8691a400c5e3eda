"""The commands that start and stop a stack and ask it for its state: up, down, status, key."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from handlers.engines.reports import read_reports
from operations.errors import OperationsError
from operations.stack import ports
from operations.stack.folder import DataFolder, all_ready, living_process, running_state
from operations.stack.options import add_data_option, add_store_option
from operations.stack.stores import DEFAULT_STORE, wanted_stores
from operations.table import print_table
from serving.engine_news import summary
from serving.keys import InferenceKey

STOP_TIMEOUT_S = 90.0
POLL_S = 0.1
INTERRUPTED = 130
NOT_READY, NOT_RUNNING = 1, 3
"""Exit statuses of `status`; 0 is ready."""


def add_up_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `up`."""
    parser.epilog = (
        "Ctrl-C stops everything. RETINOTE_MONGODB_URI names a MongoDB server to use instead of the own one."
    )
    add_data_option(parser)
    parser.add_argument("--detach", action="store_true", help="go to the background once everything is ready")
    parser.add_argument(
        "--port",
        type=int,
        default=ports.WEB_PORT,
        help="port of the web app (default: %(default)s; 0: any free one)",
    )
    parser.add_argument(
        "--host",
        default=ports.LOOPBACK,
        help="address on which the web app listens (default: %(default)s, this machine only; 0.0.0.0: all networks)",
    )
    parser.add_argument(
        "--allowed-host",
        action="append",
        default=[],
        metavar="NAME",
        help="further name or address by which other computers reach it, beside --host and this machine's name; may be "
        "given several times",
    )
    add_store_option(parser, str(DEFAULT_STORE))
    parser.add_argument(
        "--models",
        nargs="+",
        default=[],
        metavar="NAME",
        help="models to serve; each takes memory (default: those of all modalities, and what was promoted)",
    )
    dicom = parser.add_argument_group(
        "DICOM receiver", "takes what devices and a PACS send; who may is set in the administration"
    )
    dicom.add_argument("--dicom", action="store_true", help="start it, too")
    dicom.add_argument(
        "--dicom-host",
        default=ports.LOOPBACK,
        metavar="HOST",
        help="address on which it listens (default: %(default)s, this machine only; an address of a clinic's network lets "
        "its devices in, of which those that are allowed are served)",
    )
    dicom.add_argument(
        "--dicom-port",
        type=int,
        metavar="PORT",
        help=f"default: {ports.WEB_PORT + ports.DICOM_OFFSET}, or any free one",
    )
    others = parser.add_argument_group("ports on this machine only", "by default they depend on --port")
    for name, offset in ports.OFFSETS.items():
        others.add_argument(
            ports.option(name),
            type=int,
            metavar="PORT",
            help=f"default: {ports.WEB_PORT + offset}, or any free one",
        )


def up(arguments: argparse.Namespace) -> int:
    """Start a stack, and return when it is stopped or, detached, when it is ready."""
    from operations.models.wanted import wanted_models
    from operations.stack.up import Settings, run

    data = DataFolder(arguments.data_dir)
    settings = Settings(
        data=data,
        host=arguments.host,
        names=tuple(arguments.allowed_host),
        port=arguments.port,
        ports={name: getattr(arguments, ports.option(name)[2:].replace("-", "_")) for name in ports.OFFSETS},
        stores=wanted_stores(data, arguments.model_store),
        mongodb_uri=os.environ.get("RETINOTE_MONGODB_URI") or None,
        dicom_host=arguments.dicom_host if arguments.dicom else None,
        dicom_port=arguments.dicom_port,
        wanted=wanted_models(arguments.models),
    )
    if arguments.detach:
        return _in_background(lambda ready: run(settings, sys.stdout, ready))
    return 0 if run(settings, sys.stdout) else INTERRUPTED


def _in_background(work: Callable[[Callable[[], None]], bool]) -> int:
    """Run `work` in a child process with a session of its own. Returns when the work reports ready, or ends before.

    `work` gets a function to report with. Until then the child prints its progress on the terminal; afterwards it has
    no terminal.
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
        if not os.read(reader, 16):  # the child has ended before it was ready
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
    pid = living_process(data)
    if pid:
        with suppress(ProcessLookupError):  # it has ended by itself
            os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while data.is_held():
        if time.monotonic() > deadline:
            which = f" (process {pid})" if pid else ""
            raise OperationsError(
                f"The stack on {data.path}{which} did not stop within {STOP_TIMEOUT_S:.0f} s."
            )
        time.sleep(POLL_S)
    print(f"The stack on {data.path} is stopped; its data are kept.")
    return 0


def status(arguments: argparse.Namespace) -> int:
    """Print what runs. Returns 0 if all is ready, 1 if something is not, 3 if there is no stack."""
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
    if reports := state.get("engine_reports"):  # a stack of an earlier version has no such entry
        for line in summary(read_reports(Path(reports))):
            print(f"model: {line}")
    listed = ", ".join(f"{name} {port}" for name, port in state["ports"].items())
    print(f"ports: {listed}")
    return 0 if ready else NOT_READY


def key(arguments: argparse.Namespace) -> int:
    """Print the model server's inference key. Its expiry goes to standard error, so that $(retinote key) is the key."""
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
