"""A network that can be cut: a TCP proxy on loopback."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

CHUNK_BYTES = 64 * 1024
CONNECT_TIMEOUT_S = 5.0


class Proxy:
    """Forwards connections from its `port` to the port `target` of the same machine; a context manager.

    While it is cut, connections stay open and new ones are accepted, but no bytes are forwarded, as when packets are
    lost.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._whole = threading.Event()
        self._whole.set()
        self._open: set[socket.socket] = set()
        self._ended = False

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        self._whole.set()
        _close(self._listener)
        for end in list(self._open):
            _close(end)

    def cut(self) -> None:
        """Stop forwarding."""
        self._whole.clear()

    def mend(self) -> None:
        """Forward again, beginning with what was sent meanwhile."""
        self._whole.set()

    def _accept(self) -> None:
        while not self._ended:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(near,), daemon=True).start()

    def _connect(self, near: socket.socket) -> None:
        self._open.add(near)
        self._whole.wait()
        try:
            far = socket.create_connection(("127.0.0.1", self.target), CONNECT_TIMEOUT_S)
        except OSError:
            self._forget(near)
            return
        far.settimeout(None)
        self._open.add(far)
        threading.Thread(target=self._pass_on, args=(far, near), daemon=True).start()
        self._pass_on(near, far)

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while content := source.recv(CHUNK_BYTES):
                self._whole.wait()
                sink.sendall(content)
        self._whole.wait()
        self._forget(source, sink)

    def _forget(self, *ends: socket.socket) -> None:
        for end in ends:
            self._open.discard(end)
            _close(end)


def _close(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)  # wakes who waits on it
    with suppress(OSError):
        end.close()
