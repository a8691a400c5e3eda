"""Requests that no client sends, to the server as it runs: gunicorn with the web app."""

from __future__ import annotations

import http.client
import json
import os
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from operations.processes import GuardedProcess
from operations.stack.webapp import ROOT, WebApp
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


def post(chunks: bytes, path: bytes = b"/api/v1/auth/token/") -> bytes:
    """A JSON body in chunks, of which nothing comes after these bytes."""
    chunked = (b"Content-Type: application/json", b"Transfer-Encoding: chunked")
    return get(*chunked, path=path).replace(b"GET", b"POST", 1) + chunks


def answer_to(server: WebApp, request: bytes) -> tuple[int, str, bytes]:
    """Status, content type and body of the answer to these bytes."""
    with socket.create_connection((server.host, server.port), timeout=20) as connection:
        with suppress(ConnectionError):  # closed while we were still sending
            connection.sendall(request)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status, answer.headers["Content-Type"], answer.read()


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
    "a chunk that is none": post(b"zz\r\nabc\r\n0\r\n\r\n"),
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


API = b"/api/v1/scans/"
REFUSED_BY_US = {
    "a body of 40 MiB": (413, "too_large", get(b"Content-Length: 41943040", path=API)),
    "an upload of 300 MiB": (
        413,
        "too_large",
        get(b"Content-Type: multipart/form-data; boundary=x", b"Content-Length: 314572800", path=API),
    ),
    "a long address": (414, "address_too_long", get(path=API + b"a" * 9000)),
    "a long header": (431, "headers_too_large", get(b"X-Long: " + b"a" * 20_000, path=API)),
    "many headers": (
        431,
        "headers_too_large",
        get(*(b"X-%d: a" % number for number in range(200)), path=API),
    ),
    "two lengths": (400, "bad_request", get(b"Content-Length: 1", b"Content-Length: 2", path=API)),
    "digits of another script": (400, "bad_request", get(b"Content-Length: \xb2", path=API)),
    "an unknown coding": (501, "not_implemented", get(b"Transfer-Encoding: cow", path=API)),
    "chunks of 3 MiB": (413, "too_large", post(b"300000\r\n" + b" " * 0x300000 + b"\r\n0\r\n\r\n")),
    "a chunk that is none": (400, "bad_request", post(b"2\r\n{ \r\nzz\r\n")),
    "a chunk that is none at once": (400, "bad_request", post(b"zz\r\n")),
    "no HTTP": (400, "bad_request", b"\x16\x03\r\n\r\n"),
    "another host": (400, "bad_request", get(path=API).replace(b"localhost", b"evil.example.org")),
}


@pytest.mark.parametrize("kind", REFUSED_BY_US)
def test_what_is_refused_before_the_api_hears_of_it_says_why_as_the_api_does(
    server: WebApp, kind: str
) -> None:
    status, code, request = REFUSED_BY_US[kind]

    answered, content_type, content = answer_to(server, request)

    assert (answered, content_type) == (status, "application/json")
    error = json.loads(content)["error"]
    assert error["code"] == code
    assert error["message"].endswith(".") and "evil" not in error["message"]


@pytest.mark.parametrize("path", [b"/api/v1/auth/token/", b"/api/v1/auth/token"], ids=["slash", "no slash"])
@pytest.mark.parametrize(
    "chunks",
    [b'F\r\n{"username": 7}\r\n', b'1\r\n{\r\n3\r\n"us\r\nB\r\nername": 7}\r\n'],
    ids=["one", "three"],
)
def test_a_body_in_chunks_is_read_as_any_other(server: WebApp, path: bytes, chunks: bytes) -> None:
    status, _, content = answer_to(server, post(chunks + b"0\r\n\r\n", path=path))

    assert (status, json.loads(content)["error"]["fields"]["username"]) == (400, ["Not a valid string."])
