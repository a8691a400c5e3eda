"""What the benchmark of faults brings about, and how it sees what came of it."""

from __future__ import annotations

import random
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.resilience.checks import logged
from benchmarks.resilience.clients import Pictures, digest
from benchmarks.resilience.kinds import Fault, FaultOutcome, fill, in_rounds, together
from benchmarks.resilience.proxy import Proxy
from benchmarks.resilience.subject import small_disk
from tests.images import bscan


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that sends back what it gets."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                while content := connection.recv(1024):
                    connection.sendall(content)

        threading.Thread(target=answer, daemon=True).start()
        yield listener.getsockname()[1]


def test_nothing_travels_through_a_cut_network_until_it_is_mended(echo: int) -> None:
    with Proxy(echo) as proxy, socket.create_connection(("127.0.0.1", proxy.port)) as connection:
        connection.sendall(b"before")
        assert connection.recv(1024) == b"before"

        proxy.cut()
        connection.sendall(b"meanwhile")
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(1024)

        proxy.mend()
        connection.settimeout(10)
        assert connection.recv(1024) == b"meanwhile"


def test_a_connection_ends_when_the_other_side_ends_it(echo: int) -> None:
    with Proxy(echo) as proxy, socket.create_connection(("127.0.0.1", proxy.port)) as connection:
        connection.settimeout(10)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1024) == b""


def test_what_was_logged_of_a_request_has_its_traceback(tmp_path: Path) -> None:
    lines = [
        "2026-11-27 23:10:48,862 ERROR [a1] django.request: Internal Server Error: /api/v1/scans/",
        "Traceback (most recent call last):",
        "2026-11-27 23:10:49,481 INFO [b2] gunicorn.access: POST /api/v1/scans/ 201 in 608 ms",
    ]
    (tmp_path / "web.log").write_text("\n".join(lines))

    assert logged(tmp_path, "a1").splitlines() == lines[:2]


def test_a_filled_disk_takes_nothing_more(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1) as mounted:
        if not mounted:
            pytest.skip("mounting a disk takes root")
        fill(tmp_path / "disk" / "filling")
        with pytest.raises(OSError, match="No space left"):
            (tmp_path / "disk" / "more").write_bytes(b"x" * 5000)
    assert not list((tmp_path / "disk").iterdir())


def test_no_picture_comes_twice() -> None:
    pictures = Pictures([bscan(width=768, height=496, seed=seed) for seed in range(2)])

    some = [pictures.next() for _ in range(40)]

    assert len({digest(picture) for picture in some}) == len(some)
    assert {picture.shape[1] for picture in some} == {500, 512, 640, 768}


def test_each_kind_comes_as_often_as_the_others() -> None:
    kinds = [Fault(name, lambda _: FaultOutcome(0.0)) for name in "abc"]

    order = in_rounds(kinds, 7, random.Random(1))

    assert sorted(Counter(fault.name for fault in order).values()) == [2, 2, 3]


def test_faults_that_come_together_have_ended_with_the_last() -> None:
    both = together(
        "both",
        [Fault("a", lambda _: FaultOutcome(2.0, (1,))), Fault("b", lambda _: FaultOutcome(1.0, (2, 3)))],
    )

    assert both.bring(None) == FaultOutcome(2.0, (1, 2, 3))  # type: ignore[arg-type]


def test_the_same_pixels_have_the_same_digest() -> None:
    assert digest(np.zeros((2, 3), np.uint8)) != digest(np.zeros((3, 2), np.uint8))
