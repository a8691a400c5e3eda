"""A whole stack while clients upload: versions are swapped, it is stopped, and each kind of fault comes once."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pprint import pformat

import pytest
import requests

from benchmarks.faults import upload_through_faults
from benchmarks.resilience.clients import NO_ANSWER, Account, Pictures, Sent, Uploader
from benchmarks.resilience.kinds import kinds, together
from benchmarks.resilience.subject import Subject
from operations.stack.services import WEB, WORKER
from tests import scale
from tests.faults.under_load import NEW, OLD, scans, stack_of
from tests.images import png_bytes
from tests.waiting import wait_for

pytestmark = pytest.mark.xdist_group("faults")

TIMEOUT_S = 300
CLIENTS = 8 if scale.is_thorough() else 4
UPLOADERS = 2
"""Where uploads go on beside direct calls for minutes: more would fill the small disk."""
UPLOADS = 40 if scale.is_thorough() else 20
FAULTS = None if scale.is_thorough() else 1
"""How many are drawn of those that come after all processes were killed at once; None: all of them."""
PAUSE_S = 0.05
"""Clients that are refused at once would otherwise keep the cores busy."""


@contextmanager
def clients_at_work(count: int, work: Callable[[], None]) -> Iterator[None]:
    """So many clients that do this again and again meanwhile."""
    ended = threading.Event()

    def go_on() -> None:
        while not ended.wait(PAUSE_S):
            work()

    with ThreadPoolExecutor(count) as pool:
        clients = [pool.submit(go_on) for _ in range(count)]
        try:
            yield
        finally:
            ended.set()
    for client in clients:
        client.result()


def test_a_swap_of_the_default_version_loses_no_request(
    subject: tuple[Subject, Account], pictures: Pictures
) -> None:
    under_test, account = subject
    stack = stack_of(under_test)
    key = stack.command("key").stdout.strip()
    image = png_bytes()
    answers: list[tuple[int, str]] = []
    uploader = Uploader(account, pictures)

    def call() -> None:
        answer = requests.post(
            f"{under_test.state['inference_url']}/predictions/retina-oct",
            headers={"Authorization": f"Bearer {key}"},
            data=image,
            timeout=60,
        )
        answers.append((answer.status_code, answer.json()["model"]["version"] if answer.ok else answer.text))

    def models(*arguments: str) -> None:
        ran = stack.command("models", *arguments)
        assert ran.returncode == 0, ran.stderr

    with (
        clients_at_work(CLIENTS, call),
        clients_at_work(UPLOADERS, lambda: _upload_once(uploader, under_test)),
    ):
        for wanted, other in ((OLD, NEW), (NEW, OLD)):
            models("register", "retina-oct", wanted)
            models("promote", "retina-oct", wanted, "--override", "neither of them is trained")
            models("retire", "retina-oct", other)

    assert {status for status, _ in answers} == {200}, Counter(answers)
    assert {version for _, version in answers} == {OLD, NEW}
    assert [sent.answers for sent in uploader.record if not sent.scan_id] == []
    wait_for(
        lambda: all(scan["status"] == "predicted" for scan in scans(under_test).values()), timeout_s=TIMEOUT_S
    )
    assert {scan["model_version"] for scan in scans(under_test).values()} == {OLD, NEW}


def _upload_once(uploader: Uploader, subject: Subject) -> None:
    uploader.upload(subject.url, patience_s=0)


def _stop_web(subject: Subject) -> None:
    os.kill(subject.pid(WEB), signal.SIGTERM)


def _stop_all(subject: Subject) -> None:
    stack_of(subject).down()


@pytest.mark.parametrize("stop", [_stop_web, _stop_all])
def test_a_stop_finishes_what_is_under_way(
    subject: tuple[Subject, Account], pictures: Pictures, stop: Callable[[Subject], None]
) -> None:
    """Who got no answer sent what the stack had not begun with: of that nothing is stored."""
    under_test, account = subject
    uploader = Uploader(account, pictures)
    first = under_test.pid(WEB)

    with clients_at_work(CLIENTS, lambda: _upload_once(uploader, under_test)):
        wait_for(
            lambda: sum(bool(sent.scan_id) for sent in list(uploader.record)) > CLIENTS, timeout_s=TIMEOUT_S
        )
        stop(under_test)
        wait_for(lambda: any(sent.answers == [NO_ANSWER] for sent in list(uploader.record)))
    if not under_test.state:
        under_test.start()
    wait_for(lambda: under_test.services_are_ready() and under_test.pid(WEB) != first, timeout_s=TIMEOUT_S)

    stored = scans(under_test)
    assert all(_is_answered_rightly(sent, stored) for sent in uploader.record)


def _is_answered_rightly(sent: Sent, stored: dict[str, dict[str, object]]) -> bool:
    return (sent.scan_id is not None) == (sent.sha256 in stored) and not sent.unclear


def test_a_worker_whose_clock_dies_is_started_again(subject: tuple[Subject, Account]) -> None:
    """The clock is one of the worker's processes; without it no scan that waits would ever be predicted."""
    under_test, _ = subject
    first = under_test.pid(WORKER)

    for process in under_test.children(WORKER):
        os.kill(process, signal.SIGKILL)

    wait_for(lambda: under_test.services_are_ready() and under_test.pid(WORKER) != first, timeout_s=TIMEOUT_S)


def test_nothing_is_lost_whatever_befalls_the_stack(subject: tuple[Subject, Account]) -> None:
    """All that can be killed is killed, all that can be frozen is frozen, and the rest comes one after the other.

    Of what comes after the killing, each run draws some by its seed; a thorough one has all.
    """
    under_test, account = subject
    every = kinds(under_test)
    killed = [kind for kind in every if kind.name.endswith(" killed") and "stack" not in kind.name]
    frozen = [kind for kind in every if kind.name.endswith(" frozen")]
    others = [kind for kind in every if kind not in killed and kind not in frozen]
    rest = [together("frozen", frozen), *others]
    order = [together("killed", killed), *random.sample(rest, FAULTS or len(rest))]
    before = scans(under_test)

    recoveries, uploader, _, problems = upload_through_faults(
        order, under_test, account.password, uploads=UPLOADS, seed=2, earlier=set(before)
    )

    assert [recovery.name for recovery in recoveries] == [fault.name for fault in order]
    assert len(uploader.record) == UPLOADS
    assert not any(problems.counts().values()), pformat(problems)
