"""Turns of large bodies: one caller's are put off by those that were for nothing, and nobody else's."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.images import bscan, encoded
from tests.webapp.conftest import Clients
from webapp.accounts.models import User
from webapp.api.turns import AHEAD_S, LARGE_BYTES, MOST, MOST_PAUSE_S, TooManyAtOnce, Turns, turns

LARGE = LARGE_BYTES + 1


class Clock:
    """Seconds that pass as they are slept or computed, and no others."""

    def __init__(self) -> None:
        self.now = self.computed = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def compute(self, seconds: float = 0.1) -> None:
        """As much as 30 MB take."""
        self.now += seconds
        self.computed += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def line(clock: Clock) -> Turns:
    return Turns(lambda: clock.now, lambda: clock.computed, clock.sleep)


def for_nothing(line: Turns, clock: Clock, caller: str, times: int = 1) -> None:
    """Requests of the caller with large bodies that leave nothing behind."""
    for _ in range(times):
        with line.taken(caller, LARGE) as turn:
            turn.is_for_nothing = True
            clock.compute()


def put_off(line: Turns, caller: str) -> bool:
    """Whether the caller's next large body has to wait."""
    try:
        with line.taken(caller, LARGE, wait_s=0):
            return False
    except TooManyAtOnce:
        return True


def test_a_caller_has_so_many_threads_and_no_more(line: Turns) -> None:
    with ExitStack() as held:
        for _ in range(MOST):
            held.enter_context(line.taken("one", LARGE))
        with pytest.raises(TooManyAtOnce), line.taken("one", LARGE):
            pass
        with line.taken("two", LARGE, wait_s=0), line.taken("one", LARGE_BYTES):
            pass
    assert not put_off(line, "one")


def test_bodies_for_nothing_put_off_the_callers_next_and_nobody_elses(line: Turns, clock: Clock) -> None:
    for_nothing(line, clock, "one")
    assert not put_off(line, "one")  # now and then is nothing to wait for
    for_nothing(line, clock, "one", times=2)
    assert put_off(line, "one")
    assert not put_off(line, "two")
    with line.taken("one", LARGE_BYTES, wait_s=0):
        pass


def test_they_have_their_share_of_the_time_and_no_more(line: Turns, clock: Clock) -> None:
    for_nothing(line, clock, "one", times=100)
    assert 99 * MOST_PAUSE_S - AHEAD_S <= clock.now <= 99 * MOST_PAUSE_S + 1


def test_bodies_that_leave_something_behind_put_nothing_off(line: Turns, clock: Clock) -> None:
    for _ in range(9):
        with line.taken("one", LARGE):
            clock.compute()
    assert not put_off(line, "one")


def test_who_was_put_off_waits_and_then_begins_anew(line: Turns, clock: Clock) -> None:
    for_nothing(line, clock, "one", times=4)
    clock.sleep(MOST_PAUSE_S)
    with line.taken("one", LARGE):
        pass
    clock.sleep(100)
    for_nothing(line, clock, "one", times=3)
    assert put_off(line, "one"), "quiet times are not saved up"


def test_a_body_that_breaks_off_was_for_nothing(line: Turns, clock: Clock) -> None:
    for _ in range(3):
        with pytest.raises(OSError, match="broken"), line.taken("one", LARGE):
            clock.compute()
            raise OSError("broken")
    assert put_off(line, "one")


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Of a caller as many large bodies as may be: `many(caller)`."""
    monkeypatch.setattr("webapp.api.turns.MOST", 1)
    return lambda caller: turns.taken(caller, LARGE)


def test_an_account_that_sends_too_many_is_told_to_wait(
    clinician: User, colleague: User, api: Clients, away: None, many: Any
) -> None:
    def upload(user: User, size: int) -> Any:
        picture = SimpleUploadedFile("a.png", encoded(bscan(64, 48)) + bytes(size))
        return api(user).post("/api/v1/scans/", {"image": picture, "modality": "oct"}, format="multipart")

    with many(f"account {clinician.pk}"):
        refused = upload(clinician, LARGE)
        assert (refused.status_code, refused["Retry-After"]) == (429, "1")
        assert refused.json()["error"]["code"] == "too_many_at_once"
        assert "one after the other" in refused.json()["error"]["message"]
        assert upload(clinician, 0).status_code == 202
        assert upload(colleague, LARGE).status_code == 202
    assert upload(clinician, LARGE).status_code == 202
