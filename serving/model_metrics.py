"""Reads TorchServe's metrics from a socket that only the stack's own user can reach."""

import http.client
import socket
from pathlib import Path

from serving.errors import ServingError

TIMEOUT_S = 5.0


class MetricsUnavailable(ServingError):
    """The metrics can't be read; the text says why."""


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def read_metrics(path: Path, timeout_s: float = TIMEOUT_S) -> bytes:
    """Read all metrics, in Prometheus' text format, from TorchServe's socket at `path`. Raises MetricsUnavailable."""
    connection = _UnixConnection(path, timeout_s)
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        text = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise MetricsUnavailable(f"The model server's metrics can't be read: {error}.") from error
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise MetricsUnavailable(f"The model server answered {answer.status} when asked for its metrics.")
    return text
