"""Shadows, canaries, promotions and rollbacks while clients upload, and while services are killed in the middle."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Iterator
from pprint import pformat

import pytest

from benchmarks.resilience.answers import direct_callers, mixed_answers
from benchmarks.resilience.checks import examine
from benchmarks.resilience.clients import Account, Crowd, Pictures, Uploader
from benchmarks.resilience.subject import Subject
from benchmarks.resilience.versions import VersionsSubject, kill_in_the_middle
from operations.stack.services import MODEL_SERVER, MONGODB, WORKER
from tests import scale
from tests.faults.under_load import NEW, OLD, scans
from tests.images import png_bytes
from tests.waiting import wait_for

pytestmark = pytest.mark.xdist_group("faults")

CLIENTS = 8 if scale.is_thorough() else 3
ROUNDS = 5 if scale.is_thorough() else 1
UPLOADS = 500 if scale.is_thorough() else 40
"""`./retinote bench rollouts` has 100 rounds and 10,000 uploads."""
STEPS = 6
KILLS = None if scale.is_thorough() else 2
"""How many of all pairs of a step and a victim are drawn; None: all of them."""
COMPARED = 300 if scale.is_thorough() else 30
TIMEOUT_S = 300
SUPERVISOR = "supervisor"


@pytest.fixture
def tried(subject: tuple[Subject, Account]) -> Iterator[VersionsSubject]:
    """The stack, of which the older version is tried as challenger."""
    under_test, _ = subject
    wait_for(under_test.services_are_ready, timeout_s=TIMEOUT_S)
    made = VersionsSubject(under_test, "retina-oct", champion=NEW, challenger=OLD)
    made.run("register", "retina-oct", OLD)
    try:
        yield made
    finally:
        wait_for(under_test.services_are_ready, timeout_s=TIMEOUT_S)
        for words in (("canary", "retina-oct", OLD, "--stop"), ("shadow", "retina-oct", OLD, "--stop")):
            made.run(*words, check=False)
        if made.state().default != NEW:
            made.run("promote", "retina-oct", NEW, *made.override())
        made.run("retire", "retina-oct", OLD)


def test_rounds_under_load_lose_double_and_mix_nothing(
    tried: VersionsSubject, subject: tuple[Subject, Account], pictures: Pictures
) -> None:
    under_test, account = subject
    earlier = set(scans(under_test))
    uploader = Uploader(account, pictures)
    images = [png_bytes(seed=seed) for seed in range(4)]

    with (
        direct_callers(tried, CLIENTS // 2, images) as direct,
        Crowd(uploader, [under_test.url] * (CLIENTS - CLIENTS // 2), UPLOADS, seed=1) as crowd,
    ):
        for _ in range(ROUNDS):
            tried.round(lambda: crowd.allow(UPLOADS // (ROUNDS * STEPS)))

    problems = examine(under_test, account, uploader.record, [], earlier)
    assert not any(problems.counts().values()), pformat(problems)
    assert (direct.failed, direct.mixed, direct.refused) == ([], [], 0)
    mixed, counts = mixed_answers(tried, COMPARED)
    assert mixed == []
    assert set(counts) == set(direct.counts) == {OLD, NEW}


def _victim(under_test: Subject, name: str) -> Callable[[], None]:
    def running() -> int | None:
        try:
            return under_test.pid(name)
        except LookupError:  # it ended by itself, as what it relies on was killed a moment ago
            return None

    def kill() -> None:
        if name == SUPERVISOR:
            os.kill(under_test.state["pid"], signal.SIGKILL)
            under_test.start()
        else:
            pid = wait_for(running, timeout_s=120.0, what=f"the {name}")
            assert pid is not None
            os.kill(pid, signal.SIGKILL)

    return kill


def test_a_kill_in_the_middle_of_a_step_leaves_the_state_before_or_after(
    tried: VersionsSubject, subject: tuple[Subject, Account]
) -> None:
    under_test, _ = subject
    victims = [MODEL_SERVER, MONGODB, WORKER, SUPERVISOR]
    steps = tried.steps()
    pairs = [(step.name, victim) for step in steps for victim in victims]
    drawn = set(random.sample(pairs, KILLS or len(pairs)))
    chance = random.Random()

    for victim in victims:
        if not any(name == victim for _, name in drawn):
            continue
        for step in steps:
            tried.settled(tried.state())
            done = (step.name, victim) in drawn and kill_in_the_middle(
                tried, step, _victim(under_test, victim), chance
            )
            if not done:  # as whoever gave the command would do once all is there again
                tried.take(step)
