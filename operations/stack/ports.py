"""Chooses the ports of a stack."""

import errno
import secrets
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from operations.errors import OperationsError

LOOPBACK = "127.0.0.1"
WEB_PORT = 8000
OFFSETS = {
    "mongodb": 17,
    "inference": 80,
    "management": 81,
    "grpc-inference": 70,
    "grpc-management": 71,
}
"""Distance of each port from the web app's, so that --port moves all of them: 8017, 8080, 8081, 8070, 8071."""
DICOM_OFFSET = 3112
"""The same for the DICOM receiver: 11112, by which devices know one."""
EPHEMERAL_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
"""The range of ephemeral ports, which Linux gives to outgoing connections."""
FIRST_EPHEMERAL = 32768
"""Linux's default for the first ephemeral port, if the file is missing."""
LOWEST = 10_000
"""The lowest port that is tried at random."""
TRIES = 200


def option(name: str) -> str:
    """The command line option that sets a port."""
    return "--port" if name == "web" else f"--{name}-port"


def choose(host: str, web: int, asked: Mapping[str, int | None]) -> dict[str, int]:
    """Ports for all services that are free now.

    `asked` has the ports that the user chose, or None. A service without one gets its default port, or any free one if
    that is in use. Raises OperationsError if a chosen port is in use.
    """
    with ExitStack() as held:
        chosen = {"web": _hold(held, host, web, "web")}
        for name, port in asked.items():
            if port is not None:
                chosen[name] = _hold(held, LOOPBACK, port, name)
        for name, offset in OFFSETS.items():
            if name not in chosen:
                chosen[name] = _hold_usual(held, chosen["web"] + offset)
    return chosen


def choose_dicom(host: str, asked: int | None, web: int) -> int:
    """A port for the DICOM receiver that is free now: the one that the user chose, or the usual one, or any.

    Raises OperationsError if a chosen one is in use.
    """
    with ExitStack() as held:
        if asked is not None:
            return _hold(held, host, asked, "dicom")
        return _hold_usual(held, web + DICOM_OFFSET, host)


def free_ports(count: int) -> list[int]:
    """That many different free ports of loopback."""
    with ExitStack() as held:
        return [_hold_usual(held, 0) for _ in range(count)]


def _hold(held: ExitStack, host: str, port: int, name: str) -> int:
    if port == 0:
        return _hold_usual(held, 0, host)
    listener = held.enter_context(_socket(host))
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "errno", None)
        if reason == errno.EADDRINUSE:
            raise OperationsError(
                f"Port {port} is in use by another program; choose another with {option(name)}."
            ) from error
        raise OperationsError(
            f"Can't listen on {host} port {port} ({error}); choose another with {option(name)}."
        ) from error
    return int(listener.getsockname()[1])


def _hold_usual(held: ExitStack, port: int, host: str = LOOPBACK) -> int:
    for candidate in _candidates(port):
        listener = held.enter_context(_socket(host))
        try:
            listener.bind((host, candidate))
        except OSError:
            continue
        return int(listener.getsockname()[1])
    raise OperationsError(f"No free port was found on {host}.")


def _candidates(port: int) -> Iterator[int]:
    """The port, unless it is 0, and then random ones below the ephemeral range.

    An ephemeral port could be given to a connection while its service is restarted.
    """
    if 0 < port <= 65535:
        yield port
    first_ephemeral = _first_ephemeral()
    if first_ephemeral > LOWEST:
        for _ in range(TRIES):
            yield LOWEST + secrets.randbelow(first_ephemeral - LOWEST)
    yield 0  # any free port


def _first_ephemeral() -> int:
    try:
        return int(EPHEMERAL_PORTS.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return FIRST_EPHEMERAL


def _socket(host: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return opened
