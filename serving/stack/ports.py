"""Which ports a stack listens on."""

import errno
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack

from serving.errors import ServingError

LOOPBACK = "127.0.0.1"
WEB_PORT = 8000
OFFSETS = {
    "mongodb": 17,
    "inference": 80,
    "management": 81,
    "grpc-inference": 70,
    "grpc-management": 71,
}
"""How far each port lies above the web app's, so that --port moves all of them: 8017, 8080, 8081, 8070, 8071."""


def option(name: str) -> str:
    """The command line option that sets a port."""
    return "--port" if name == "web" else f"--{name}-port"


def choose(host: str, web: int, asked: Mapping[str, int | None]) -> dict[str, int]:
    """Ports for all services, checked to be free at this moment.

    `asked` names those that the user chose; a chosen one that is taken raises ServingError. One that nobody chose is
    the usual one, or any free one where that is taken.
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


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on, all different."""
    with ExitStack() as held:
        return [_hold_usual(held, 0) for _ in range(count)]


def _hold(held: ExitStack, host: str, port: int, name: str) -> int:
    listener = held.enter_context(_socket(host))
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "errno", None)
        if reason == errno.EADDRINUSE:
            raise ServingError(
                f"Port {port} is in use by another program; choose another with {option(name)}."
            ) from error
        raise ServingError(
            f"Can't listen on {host} port {port} ({error}); choose another with {option(name)}."
        ) from error
    return int(listener.getsockname()[1])


def _hold_usual(held: ExitStack, port: int) -> int:
    for candidate in _candidates(port):
        listener = held.enter_context(_socket(LOOPBACK))
        try:
            listener.bind((LOOPBACK, candidate))
        except OSError:
            continue
        return int(listener.getsockname()[1])
    raise ServingError("No free port was found on this machine.")


def _candidates(port: int) -> Iterator[int]:
    if port <= 65535:
        yield port
    yield 0  # any that is free


def _socket(host: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return opened
