"""`./retinote deploy init` and `deploy check`."""

import argparse
import re
import sys
from pathlib import Path

from operations.deploy import certificate, settings_file
from operations.deploy.checks import findings
from operations.errors import OperationsError

ROOT = Path(__file__).resolve().parents[2]
HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")
TLS_FOLDER = Path("deploy") / "tls"
UNSAFE = 1
"""Exit status of `deploy check` if there is something to fix."""


def add_deploy_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `deploy` and its actions."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, run, text in (
        ("init", init, "write .env with new secrets, and a certificate to try with"),
        ("check", check, "name what is unsafe or missing before going live (exit status 0: nothing)"),
    ):
        action = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        action.set_defaults(run=run)
        action.add_argument(
            "--folder",
            type=Path,
            default=ROOT,
            metavar="DIR",
            help="where docker-compose.yml is (default: %(default)s)",
        )
        if name == "init":
            action.add_argument("--host", help="name by which browsers reach the server (default: asked for)")
            action.add_argument("--http-port", type=int, default=80, metavar="PORT")
            action.add_argument("--https-port", type=int, default=443, metavar="PORT")


def deploy(arguments: argparse.Namespace) -> int:
    """Run the chosen action."""
    status: int = arguments.run(arguments)
    return status


def init(arguments: argparse.Namespace) -> int:
    """Write `.env`, and a self-signed certificate if there is none. Raises OperationsError if `.env` exists."""
    host = (arguments.host or _ask_host()).strip().lower()
    if not HOST.fullmatch(host):
        raise OperationsError(
            f"--host: '{host}' is no host name; give it without scheme and port, as in oct.example.org."
        )
    path = arguments.folder / settings_file.NAME
    settings_file.write(
        path,
        {
            "RETINOTE_HOST": host,
            "RETINOTE_HTTP_PORT": str(arguments.http_port),
            "RETINOTE_HTTPS_PORT": str(arguments.https_port),
            **settings_file.new_secrets(),
        },
    )
    print(f"Wrote {path} with new secrets; keep a copy of it in a safe place, but not with your backups.")
    folder = arguments.folder / TLS_FOLDER
    if certificate.make_self_signed(folder, host):
        print(
            f"Made a SELF-SIGNED certificate for {host} in {folder}, for trying only: browsers warn of it.\n"
            f"Before going live put your own there: {certificate.CERTIFICATE} (with its chain) and {certificate.KEY}."
        )
    print("Next: docker compose up --build --detach, then ./retinote deploy check")
    return 0


def check(arguments: argparse.Namespace) -> int:
    """Print all findings. Returns UNSAFE if there are any."""
    found = findings(arguments.folder)
    for finding in found:
        print(f"{finding.what}: {finding.why}")
    print(f"{len(found)} thing(s) to fix before going live." if found else "Nothing unsafe was found.")
    return UNSAFE if found else 0


def _ask_host() -> str:
    if not sys.stdin.isatty():
        raise OperationsError("--host is missing: the name by which browsers reach the server.")
    return input("Name by which browsers reach this server (such as oct.example.org): ")
