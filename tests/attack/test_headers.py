"""Requests that no client sends, to the server as it runs: gunicorn with the web app."""

from __future__ import annotations

import os
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.processes import GuardedProcess
from serving.stack.webapp import ROOT, WebApp
from tests.services import free_ports
from tests.waiting import wait_for


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebApp]:
    """The web app behind gunicorn, as the stack starts it."""
    folder: Path = tmp_path_factory.mktemp("gunicorn")
    (port,) = free_ports(1)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RETINOTE_DATA_DIR": str(folder)}
    app = WebApp("127.0.0.1", port, environment, folder)
    process = GuardedProcess.start(
        app.web_command(), log=folder / "web.log", environment=environment, folder=ROOT
    )
    try:
        wait_for(app.web_answers, timeout_s=60, what="the web app's answer")
        yield app
    finally:
        process.stop()


def status_of(server: WebApp, request: bytes) -> int:
    """The status of the answer to these bytes; 0 when the connection is closed without one."""
    with socket.create_connection((server.host, server.port), timeout=20) as connection:
        try:
            connection.sendall(request)
            line = connection.makefile("rb").readline()
        except ConnectionError:  # closed while we were still sending
            return 0
    return int(line.split()[1]) if line else 0


def get(*headers: bytes, path: bytes = b"/healthz/") -> bytes:
    return b"\r\n".join(
        [b"GET " + path + b" HTTP/1.1", b"Host: localhost", b"Connection: close", *headers, b"", b""]
    )


REFUSED = {
    "ten thousand headers": get(*(b"X-%d: a" % number for number in range(10_000))),
    "a header of a megabyte": get(b"X-Long: " + b"a" * 2**20),
    "an address of a megabyte": get(path=b"/" + b"a" * 2**20),
    "a header without a name": get(b": value"),
    "a header with a blank in its name": get(b"X Long: a"),
    "two lengths": get(b"Content-Length: 1", b"Content-Length: 2"),
    "a length and chunks": b"POST /api/v1/auth/token/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "an unknown coding": get(b"Transfer-Encoding: identity, cow"),
    "a length below nothing": get(b"Content-Length: -1"),
    "a host of another": get().replace(b"localhost", b"evil.example.org"),
    "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n",
    "a method of no use": get().replace(b"GET", b"TRACE"),
}  # fmt: skip


def test_a_request_that_no_client_sends_is_refused_and_the_server_goes_on(
    server: WebApp, subtests: pytest.Subtests
) -> None:
    for kind, request in REFUSED.items():
        with subtests.test(str(kind)[:60]):
            status = status_of(server, request)
            assert status == 0 or 400 <= status < 500 or status == 501, status
            with urllib.request.urlopen(f"{server.url}healthz/", timeout=20) as answer:
                assert answer.status == 200
