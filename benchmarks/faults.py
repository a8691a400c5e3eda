"""`bench faults`: brings about one fault after another while clients upload, and checks whether anything was lost."""

from __future__ import annotations

import argparse
import contextlib
import random
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.report import Report
    from benchmarks.resilience.checks import Problems
    from benchmarks.resilience.clients import Crowd, Grey, Uploader
    from benchmarks.resilience.kinds import Fault, FaultContext, FaultOutcome
    from benchmarks.resilience.subject import Subject

CLIENTS = 8
CLIENTS_OF_REPLICA = 2
RECOVERY_LIMIT_S = 30.0
RECOVERY_TIMEOUT_S = 180.0
PAUSE_S = 2.0
"""Between a recovery and the next fault."""
POLL_S = 0.2
PROBE_TIMEOUT_S = 6.0
PREDICTED = 201
MIB_PER_UPLOAD = 2
SPARE_MIB = 256
SEED = 1
FOUND = {
    "lost": "accepted uploads that are lost",
    "doubled": "uploads stored twice",
    "unpredicted": "stored scans without a prediction in the end",
    "damaged": "pictures missing or with other pixels",
    "unclear": "errors that don't say what is wrong",
    "left_over": "documents and files left over after the sweep",
    "given_up": "uploads that no patience got through",
}


@dataclass(frozen=True)
class Recovery:
    """A fault, and the seconds from its end until the stack worked again."""

    name: str
    took_s: float


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--uploads", type=int, default=1000, help="by all clients together (default: %(default)s)"
    )
    parser.add_argument("--faults", type=int, default=50, help="(default: %(default)s)")
    parser.add_argument("--seed", type=int, default=SEED, help="of the faults' order (default: %(default)s)")
    parser.add_argument(
        "--only",
        action="append",
        metavar="WORDS",
        help="only kinds with these words in their name; repeatable",
    )


def run(arguments: argparse.Namespace) -> int:
    """Bring the faults about, check the result, print, and write faults.json; returns 1 when a check failed, else 0.

    Raises BenchmarkError when the stack doesn't start or doesn't recover.
    """
    from benchmarks.errors import BenchmarkError
    from benchmarks.report import Report
    from benchmarks.resilience.kinds import in_rounds, kinds
    from benchmarks.resilience.subject import Subject, small_disk
    from benchmarks.stack import own_stack, run_retinote
    from operations.stack.folder import DataFolder

    if arguments.uploads < 1 or arguments.faults < 1:
        raise BenchmarkError("--uploads and --faults: at least 1 of each is needed.")
    if arguments.seed < 0:
        raise BenchmarkError("--seed: give a whole number of 0 or more.")
    disks: dict[Path, bool] = {}

    @contextlib.contextmanager
    def with_disk(data: DataFolder) -> Iterator[None]:
        with small_disk(data.media, SPARE_MIB + MIB_PER_UPLOAD * arguments.uploads) as mounted:
            disks[data.media] = mounted
            yield

    with own_stack(with_disk) as stack:
        port = stack.web_url.rsplit(":", 1)[1]
        subject = Subject(
            stack.data,
            stack.web_url,
            lambda: run_retinote("up", "--detach", "--data-dir", stack.data.path, "--port", port),
            disk=stack.data.media if disks[stack.data.media] else None,
        )
        report = Report("Faults")
        if not subject.disk:
            report.notes.append(
                "No disk could be mounted to be filled (that takes root): that fault is left out."
            )
        wanted = [
            kind
            for kind in kinds(subject)
            if not arguments.only or any(words in kind.name for words in arguments.only)
        ]
        if not wanted:
            raise BenchmarkError("--only: no kind of fault has such words in its name.")
        recoveries, uploader, prober, problems = upload_through_faults(
            in_rounds(wanted, arguments.faults, random.Random(arguments.seed)),
            subject,
            stack.password,
            uploads=arguments.uploads,
            seed=arguments.seed,
        )
    add_results(report, recoveries, uploader, prober, problems)
    print(report.text())
    report.save(arguments.out / "faults.json")
    return int(any(problems.counts().values()))


def upload_through_faults(
    order: Sequence[Fault],
    subject: Subject,
    password: str,
    *,
    uploads: int,
    seed: int = SEED,
    earlier: Collection[str] = (),
) -> tuple[list[Recovery], Uploader, Uploader, Problems]:
    """Upload while these faults happen; returns the recoveries, the two uploaders with their records, and the problems.

    `earlier` are the digests of files that were uploaded before. Raises BenchmarkError when the stack doesn't recover.
    """
    from benchmarks.resilience.checks import examine
    from benchmarks.resilience.clients import Account, Crowd, Pictures, Uploader
    from benchmarks.resilience.kinds import FaultContext
    from benchmarks.resilience.subject import replica
    from operations.stack.webapp import FIRST_ADMINISTRATOR

    account = Account(FIRST_ADMINISTRATOR, password)
    pictures = Pictures(draw_scans(seed))
    uploader, prober = Uploader(account, pictures), Uploader(account, pictures)
    with replica(subject) as second:
        context = FaultContext(subject, second, random.Random(seed))
        for url in (subject.url, second.url):
            _wait_until_well(url, subject, prober)
        urls = [subject.url] * (CLIENTS - CLIENTS_OF_REPLICA) + [second.url] * CLIENTS_OF_REPLICA
        with Crowd(uploader, urls, uploads, seed) as crowd:
            recoveries = list(_recoveries(order, context, crowd, prober, uploads))
        for url in (subject.url, second.url):
            _wait_until_well(url, subject, prober)
        problems = examine(subject, account, uploader.record, prober.record, earlier)
    return recoveries, uploader, prober, problems


def _recoveries(
    order: Sequence[Fault], context: FaultContext, crowd: Crowd, prober: Uploader, uploads: int
) -> Iterator[Recovery]:
    sent = 0
    for number, fault in enumerate(order, 1):
        # The clients' uploads for this fault: a third is sent before it, the rest while it lasts.
        share = Share(crowd, uploads * number // len(order) - sent)
        sent += share.left
        share.allow(share.left // 3)
        Event().wait(POLL_S)
        outcome = fault.bring(context)
        url = context.replica.url if fault.on_replica else context.subject.url
        _wait_until_well(url, context.subject, prober, outcome, meanwhile=partial(share.allow, 1))
        took_s = time.monotonic() - outcome.ended
        share.allow(share.left)
        print(f"{number:3} {fault.name}: {took_s:.1f} s", flush=True)
        yield Recovery(fault.name, took_s)
        Event().wait(PAUSE_S)


@dataclass
class Share:
    """The uploads that the clients have left for one fault."""

    crowd: Crowd
    left: int

    def allow(self, uploads: int) -> None:
        """Let them send up to `uploads` more."""
        granted = min(uploads, self.left)
        self.left -= granted
        self.crowd.allow(granted)


def _wait_until_well(
    url: str,
    subject: Subject,
    prober: Uploader,
    outcome: FaultOutcome | None = None,
    meanwhile: Callable[[], None] = lambda: None,
) -> None:
    """Wait until victims are replaced, all services are ready, and an upload is answered with its prediction."""
    from benchmarks.errors import BenchmarkError
    from benchmarks.resilience.subject import is_ready

    deadline = time.monotonic() + RECOVERY_TIMEOUT_S
    victims = outcome.victims if outcome else ()
    while not (
        all(map(subject.has_replaced, victims))
        and subject.nothing_is_frozen()
        and subject.services_are_ready()
        and is_ready(url)
        and prober.upload(url, patience_s=0, timeout_s=PROBE_TIMEOUT_S) == PREDICTED
    ):
        if time.monotonic() > deadline:
            raise BenchmarkError(
                f"The stack was not well again after {RECOVERY_TIMEOUT_S:.0f} s: {subject.state.get('services')}"
            )
        meanwhile()
        Event().wait(POLL_S)


def draw_scans(seed: int) -> list[Grey]:
    """Simulated grey B-scans of the size that clinical devices export."""
    import cv2
    import numpy as np

    from benchmarks.uploads import simulated_scans

    return [
        np.asarray(cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)
        for file in simulated_scans(seed)
    ]


def add_results(
    report: Report, recoveries: list[Recovery], uploader: Uploader, prober: Uploader, problems: Problems
) -> None:
    """Add rows, goals and notes."""
    from benchmarks.report import Goal
    from benchmarks.resilience.clients import tally

    by_kind: dict[str, list[float]] = defaultdict(list)
    for recovery in recoveries:
        by_kind[recovery.name].append(recovery.took_s)
    for name, times in sorted(by_kind.items()):
        report.add(name, f"{len(times)} times", "until well again", "s", times)
    for answer, number in sorted(tally(uploader.record).items()):
        report.add("answers", f"{len(uploader.record)} uploads", answer, "times", [number])
    for name, number in problems.counts().items():
        report.goals.append(Goal(FOUND[name], number, 0))
    report.goals += [
        Goal(f"{name}, longest", max(times), RECOVERY_LIMIT_S, unit="s")
        for name, times in sorted(by_kind.items())
    ]
    sent = f"{len(uploader.record)} uploads by {CLIENTS} clients, {CLIENTS_OF_REPLICA} of them at a second web app"
    report.notes += [
        f"{len(recoveries)} faults; {sent}, and {len(prober.record)} to see whether all is well again.",
        "Times count from the end of a fault, of a frozen process from when it was frozen: nobody wakes it.",
        f"The sweep: {problems.swept}.",
    ]
    for name, number in problems.counts().items():
        if number:
            report.notes += [f"{name}: {line}" for line in getattr(problems, name)[:10]]
