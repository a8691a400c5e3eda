"""A real nginx with the project's configuration, and what stands behind it."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import socket
import socketserver
import ssl
import struct
import subprocess
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from operations.deploy import certificate
from operations.stack.ports import free_ports

NGINX = Path(__file__).parents[2] / "deploy" / "nginx"
HOST = "localhost"
GATEWAY_SECRET = "gateway-secret-of-the-test"
GOOD, LIMITED, BROKEN = "Bearer good", "Bearer over-limit", "Bearer broken"
EXPIRED, REVOKED, FLOODING = "Bearer expired", "Bearer revoked", "Bearer of an address that floods"
IN_CANARY = "Bearer good, and in the canary's share"
SENDS_MUCH = "Bearer good, and sends much"
LARGE_RATE = 2
"""Large bodies that pass in a second for a key."""
REFUSAL_HEADER = "X-Key-Refusal"
"""By which the web app tells nginx why a key is refused."""
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="inference"'}
PROGRAM = shutil.which("nginx")
NEEDS_NGINX = [
    pytest.mark.skipif(not PROGRAM and "CI" not in os.environ, reason="there is no nginx"),
    pytest.mark.xdist_group("gateway"),
]
"""Marks of a module that starts it."""


class Echo(BaseHTTPRequestHandler):
    """Stands behind nginx in place of web app and model server: tells what came, and judges keys."""

    protocol_version = "HTTP/1.1"
    judged: ClassVar[dict[str, str]] = {}
    """The headers of the last question for a key."""
    made: ClassVar[threading.Event] = threading.Event()
    """What an address that ends with `?slow` is answered after."""

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.startswith("/api/v1/hang-up/") or self.path.endswith("?hang-up"):
            self.close_connection = True
            return
        if self.path.endswith("?slow"):
            self.made.wait()
        if self.path == "/api/v1/internal/inference-key/":
            self._judge()
            return
        told = {
            "path": self.path,
            "port": self.server.server_address[1],
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "length": len(body),
        }
        self._send(200, {"Content-Type": "application/json"}, json.dumps(told).encode())

    def _judge(self) -> None:
        type(self).judged = {name.lower(): value for name, value in self.headers.items()}
        if self.headers.get("X-Gateway-Secret") != GATEWAY_SECRET:
            self._send(404, {})
            return
        key = self.headers.get("Authorization", "")
        answers: dict[str, tuple[int, dict[str, str]]] = {
            GOOD: (204, {"X-Model-Authorization": "Bearer key-of-torchserve", "X-Model-Route": ""}),
            SENDS_MUCH: (204, {"X-Model-Authorization": "Bearer key-of-torchserve", "X-Model-Route": ""}),
            IN_CANARY: (
                204,
                {"X-Model-Authorization": "Bearer key-of-torchserve", "X-Model-Route": "/2.0.0"},
            ),
            LIMITED: (429, {"Retry-After": "17", REFUSAL_HEADER: "key_limit_reached"}),
            FLOODING: (429, {"Retry-After": "17"}),
            EXPIRED: (401, CHALLENGE | {REFUSAL_HEADER: "key_expired"}),
            REVOKED: (401, CHALLENGE | {REFUSAL_HEADER: "key_revoked"}),
            BROKEN: (503, {}),
        }
        self._send(*answers.get(key, (401, CHALLENGE | {REFUSAL_HEADER: "key_unknown"})))

    def _send(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *args: object) -> None:
        """Write no line for each request."""


@dataclass(frozen=True)
class Gateway:
    """A running nginx, and where what stands behind it listens."""

    http: int
    https: int
    web: int
    model_server: int
    tls: ssl.SSLContext
    certificate: Path
    log: Path

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        body: bytes | Iterable[bytes] | None = None,
        headers: dict[str, str] | None = None,
        host: str = HOST,
    ) -> http.client.HTTPResponse:
        """One request over TLS."""
        connection = http.client.HTTPSConnection(HOST, self.https, context=self.tls, timeout=20)
        given = {"Host": f"{host}:{self.https}"} | (headers or {})
        connection.request(method, path, body=body, headers=given)
        return connection.getresponse()

    @contextmanager
    def begin(self, path: str = "/inference/retina-oct", **headers: str) -> Iterator[ssl.SSLSocket]:
        """A connection over which the head of a direct call, or of an upload, was sent, and no body."""
        head = {"Host": f"{HOST}:{self.https}"} | headers
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        tls = ssl.create_default_context(cafile=self.certificate)
        tls.maximum_version = (
            ssl.TLSVersion.TLSv1_2
        )  # so that there is nothing to read before an answer comes
        with (
            socket.create_connection((HOST, self.https), timeout=20) as plain,
            tls.wrap_socket(plain, server_hostname=HOST) as secured,
        ):
            secured.sendall(f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1"))
            yield secured

    def infer(self, path: str = "/inference/retina-oct", **headers: str) -> http.client.HTTPResponse:
        """Post an image."""
        return self.ask(path, method="POST", body=b"image", headers=headers)


class Starting(Echo):
    """A model server that has no model yet."""

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._send(404, {"Content-Type": "application/json"}, b'{"type": "ModelNotFoundException"}')

    do_POST = answer


class Dying(Echo):
    """A model server that takes a request and dies."""

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.close_connection = True

    do_POST = answer


class Names(socketserver.BaseRequestHandler):
    """A name server by which every name has the addresses 127.0.0.2, 127.0.0.3, …, as an engine's for a service."""

    count = 2

    def handle(self) -> None:
        question, connection = self.request
        asked = question[12 : question.index(b"\0", 12) + 5]
        records = b"".join(
            b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 1, 4) + bytes((127, 0, 0, 2 + number))
            for number in range(self.count)
        )
        head = question[:2] + struct.pack("!HHHHH", 0x8180, 1, self.count, 0, 0)
        connection.sendto(head + asked + records, self.client_address)


@contextmanager
def named(*kinds: type[Echo]) -> Iterator[tuple[str, str]]:
    """A name server, and model servers of these kinds that share one name of it."""
    first = ThreadingHTTPServer(("127.0.0.2", 0), kinds[0])
    port = first.server_address[1]
    servers: list[socketserver.BaseServer] = [first]
    servers += [ThreadingHTTPServer((f"127.0.0.{2 + at}", port), kind) for at, kind in enumerate(kinds) if at]
    names = socketserver.ThreadingUDPServer(("127.0.0.1", 0), Names)
    servers.append(names)
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{names.server_address[1]}", f"model-server:{port}"
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


@contextmanager
def running(
    folder: Path, names: str = "127.0.0.1", model_servers: str = "", patience: str = "60s"
) -> Iterator[Gateway]:
    """An nginx with its files in a folder; two servers that echo stand behind it as web app and model server.

    With a name server, `model_servers` are those behind a name, in place of the one. `patience` is how long most answers
    may take to begin.
    """
    assert PROGRAM, "nginx is not installed"
    certificate.make_self_signed(folder / "tls", HOST)
    plain, secure = free_ports(2)
    behind = [ThreadingHTTPServer(("127.0.0.1", 0), Echo) for _ in range(2)]
    for server in behind:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    web, model_server = (int(server.server_address[1]) for server in behind)
    text = (NGINX / "nginx.conf.template").read_text(encoding="utf-8")
    for here, there in {
        "@HOST@": HOST,
        "@HTTPS_SUFFIX@": f":{secure}",
        "@RESOLVER@": names,
        "@WEB@": f"127.0.0.1:{web}",
        "@MODEL_SERVER@": model_servers or f"127.0.0.1:{model_server}",
        "@GATEWAY_SECRET@": GATEWAY_SECRET,
        "@LARGE_RATE@": str(60 * LARGE_RATE),
        "@LARGER_RATE@": str(30 * LARGE_RATE),
        "@LARGEST_RATE@": str(15 * LARGE_RATE),
        "listen 8080": f"listen 127.0.0.1:{plain}",
        "listen 8443": f"listen 127.0.0.1:{secure}",
        "/tmp/": f"{folder}/",
        "/var/cache/nginx/": f"{folder}/",
        "/dev/stdout": str(folder / "access.log"),
        "/dev/stderr": str(folder / "error.log"),
        "/etc/nginx/tls": str(folder / "tls"),
        "proxy_read_timeout 60s;": f"proxy_read_timeout {patience};",
        "user nobody nogroup;": "",
        "worker_processes auto;": "worker_processes 1;",
    }.items():
        text = text.replace(here, there)
    assert not re.search("@[A-Z_]+@", text)
    if os.geteuid() == 0:
        text = "user root;\n" + text  # the folder is for its owner alone
    (folder / "nginx.conf").write_text(text, encoding="utf-8")
    command = [PROGRAM, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
    tested = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stderr
    subprocess.run(command, check=True)
    file = folder / "tls" / certificate.CERTIFICATE
    tls = ssl.create_default_context(cafile=file)
    try:
        yield Gateway(plain, secure, web, model_server, tls, file, folder / "access.log")
    finally:
        subprocess.run([*command, "-s", "stop"], check=True)
        for server in behind:
            server.shutdown()
