"""`bench rollouts`: shadows, canaries, promotions and rollbacks under load, and services killed in the middle of them."""

from __future__ import annotations

import argparse
import os
import random
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.report import Report
    from benchmarks.resilience.answers import Direct
    from benchmarks.resilience.checks import Problems
    from benchmarks.resilience.clients import Account, Pictures, Uploader
    from benchmarks.resilience.subject import Subject
    from benchmarks.resilience.versions import VersionsSubject

CLIENTS = 8
NAME, CHAMPION, CHALLENGER = "retina-oct", "1.1.0", "1.0.0"
COMPARED = 300
"""Stored answers of which heat map and label are compared with what their version answers again."""
ROLLBACK_LIMIT_S = 5.0
SEED = 1
STEPS = 6
"""Of a round; after each the clients send their share of the uploads."""
SUPERVISOR = "supervisor"


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--rounds", type=int, default=100, help="of six steps each (default: %(default)s)")
    parser.add_argument(
        "--requests", type=int, default=10_000, help="uploads by half of the clients (default: %(default)s)"
    )
    parser.add_argument(
        "--no-kills", action="store_true", help="leave out what is killed in the middle of each step"
    )


def run(arguments: argparse.Namespace) -> int:
    """Go through the rounds and the kills, check all answers, print, and write rollouts.json; 1 if a check failed.

    Raises BenchmarkError when a state is none in which a step may end, or the stack doesn't recover.
    """
    from benchmarks.errors import BenchmarkError
    from benchmarks.faults import draw_scans
    from benchmarks.report import Report
    from benchmarks.resilience.clients import Account, Pictures

    if arguments.rounds < 1 or arguments.requests < 1:
        raise BenchmarkError("--rounds and --requests: at least 1 of each is needed.")
    report = Report("Rollouts")
    with _stack() as (tried, password):
        account, pictures = Account("admin", password), Pictures(draw_scans(SEED))
        uploader, direct, problems = _rounds(tried, account, pictures, arguments)
        _add_rounds(report, tried, uploader, direct, problems)
        if not arguments.no_kills:
            _add_kills(report, _kills(tried))
    print(report.text())
    report.save(arguments.out / "rollouts.json")
    return int(any(not goal.reached for goal in report.goals))


@contextmanager
def _stack() -> Iterator[tuple[VersionsSubject, str]]:
    """A stack with two untrained versions, the second of which is registered beside the first."""
    from benchmarks.models import make_model
    from benchmarks.resilience.subject import Subject
    from benchmarks.resilience.versions import VersionsSubject
    from benchmarks.stack import own_stack, run_retinote

    with ExitStack() as held:
        store = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="retinote-bench-store-")))
        for seed, version in enumerate((CHALLENGER, CHAMPION)):
            # Of one opinion, so that no guardrail stops the one beside the other.
            make_model(store, version=version, seed=seed, says="CNV")
        options = ("--model-store", str(store))
        stack = held.enter_context(own_stack(lambda _: nullcontext(), *options, compiled=False))
        port = stack.web_url.rsplit(":", 1)[1]

        def start() -> object:
            return run_retinote("up", "--detach", "--data-dir", stack.data.path, "--port", port, *options)

        tried = VersionsSubject(Subject(stack.data, stack.web_url, start), NAME, CHAMPION, CHALLENGER)
        tried.run("register", NAME, CHALLENGER)
        yield tried, stack.password


def _rounds(
    tried: VersionsSubject, account: Account, pictures: Pictures, arguments: argparse.Namespace
) -> tuple[Uploader, Direct, Problems]:
    from benchmarks.resilience.answers import direct_callers
    from benchmarks.resilience.checks import examine
    from benchmarks.resilience.clients import Crowd, Uploader
    from benchmarks.uploads import simulated_scans

    uploader = Uploader(account, pictures)
    url = tried.subject.url
    with (
        direct_callers(tried, CLIENTS // 2, simulated_scans(SEED)) as direct,
        Crowd(uploader, [url] * (CLIENTS - CLIENTS // 2), arguments.requests, SEED) as crowd,
    ):
        for number in range(arguments.rounds):
            stopped = tried.round(lambda: crowd.allow(arguments.requests // (arguments.rounds * STEPS)))
            again = f", begun anew {stopped} times, as a guardrail stopped it" if stopped else ""
            print(f"round {number + 1} of {arguments.rounds}{again}", flush=True)
    return uploader, direct, examine(tried.subject, account, uploader.record, [])


def _kills(tried: VersionsSubject) -> list[tuple[str, str, bool, float]]:
    """Kill each victim in the middle of each step: step, victim, whether the step is done, seconds until all is well."""
    from benchmarks.resilience.versions import kill_in_the_middle
    from operations.stack.services import MODEL_SERVER, MONGODB, WORKER

    chance, told = random.Random(SEED), []
    for victim in (MODEL_SERVER, MONGODB, WORKER, SUPERVISOR):
        for step in tried.steps():
            tried.settled(tried.state())
            began = time.monotonic()
            done = kill_in_the_middle(tried, step, _killing(tried.subject, victim), chance)
            took_s = time.monotonic() - began
            told.append((step.name, victim, done, took_s))
            print(
                f"{victim} killed during the {step.name}: {'done' if done else 'not done'}, {took_s:.0f} s",
                flush=True,
            )
            if not done:
                tried.take(step)
    return told


def _killing(subject: Subject, victim: str) -> Callable[[], None]:
    def kill() -> None:
        if victim != SUPERVISOR:
            os.kill(subject.pid(victim), signal.SIGKILL)
            return
        os.kill(subject.state["pid"], signal.SIGKILL)
        subject.start()

    return kill


def _add_rounds(
    report: Report, tried: VersionsSubject, uploader: Uploader, direct: Direct, problems: Problems
) -> None:
    from benchmarks.faults import FOUND
    from benchmarks.report import Goal
    from benchmarks.resilience.answers import mixed_answers

    mixed, counts = mixed_answers(tried, COMPARED, SEED)
    rounds = f"{sum(name == 'rollback' for name, _ in tried.seconds)} rounds"
    for step in dict.fromkeys(name for name, _ in tried.seconds):
        times = [took_s for name, took_s in tried.seconds if name == step]
        report.add(step, rounds, "time of the command", "s", times)
    for kind, numbers in (("stored answers", counts), ("direct answers", direct.counts)):
        for version, number in sorted(numbers.items()):
            report.add(version, rounds, kind, "", [number])
    report.goals += [Goal(FOUND[name], number, 0) for name, number in problems.counts().items()]
    report.goals += [
        Goal("direct calls that failed or were refused", len(direct.failed) + direct.refused, 0),
        Goal("answers whose version, weights and heat map don't agree", len(mixed) + len(direct.mixed), 0),
        Goal(
            "longest rollback",
            max((took_s for name, took_s in tried.seconds if name == "rollback"), default=0.0),
            ROLLBACK_LIMIT_S,
            unit="s",
        ),
    ]
    report.notes.append(
        f"{len(uploader.record)} uploads and {direct.counts.total()} direct calls by {CLIENTS} clients. Of "
        f"{min(COMPARED, counts.total())} stored answers label and heat map were compared with what their version answers "
        "to the same picture again. Versions are untrained, and networks run by PyTorch or as the machine has compiled them."
    )
    report.notes += [*mixed[:10], *direct.mixed[:10], *direct.failed[:10]]
    for name in problems.counts():
        report.notes += [f"{name}: {line}" for line in getattr(problems, name)[:10]]


def _add_kills(report: Report, kills: list[tuple[str, str, bool, float]]) -> None:
    for victim in dict.fromkeys(name for _, name, _, _ in kills):
        times = [took_s for _, name, _, took_s in kills if name == victim]
        report.add(
            f"{victim} killed", f"{len(times)} steps", "until the state is known and all is well", "s", times
        )
    done = sum(each[2] for each in kills)
    report.notes.append(
        f"Of {len(kills)} steps in the middle of which a service was killed, {done} left the state after, "
        f"{len(kills) - done} the one before or a canary that a guardrail had stopped, and none another one."
    )
