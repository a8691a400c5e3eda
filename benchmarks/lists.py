"""How long pages of the API's lists of scans and history take, by role and filter, with more and more stored scans."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from urllib.parse import parse_qs, urlencode, urlparse

import requests
from pymongo import MongoClient

from benchmarks.errors import BenchmarkError
from benchmarks.history import USERS, Document, Person, Templates, load, moment_of, people
from benchmarks.report import Goal, Report, percentile
from benchmarks.stack import OCT, REQUEST_TIMEOUT_S, OwnStack

PATHS = {"history": "/api/v1/history/", "scans": "/api/v1/scans/"}
PAGE_SIZE = 50
CLINIC = "clinic 1"
DATABASE = "retinote"
ACCOUNTS = {"clinician": ("bench-clinician", CLINIC), "researcher": ("bench-researcher", "")}
GROWTH_LIMIT = 1.5
GROWTH_FROM, GROWTH_TO = 10_000, 1_000_000
ALL = "all pages"
SHAPE = {"selector": {"type": "FragmentSelector", "value": "xywh=pixel:100,120,80,60"}}

Log = Callable[[str], None]


@dataclass(frozen=True)
class Query:
    """A page of a list that is requested; a `deep` one begins in the middle of the history."""

    name: str
    parameters: dict[str, str]
    deep: bool = False


@dataclass
class FilledDatabase:
    """A database with `size` scans, and the web app on it."""

    size: int
    stack: OwnStack
    cursors: dict[tuple[str, str], str] = field(default_factory=dict)
    """Where the deep page begins, by role and path."""
    records: dict[str, int] = field(default_factory=dict)
    """How many records each page has, by the row's subject."""


def queries(size: int) -> list[Query]:
    """The first page, a deep one, and one for each usual filter, with times inside a history of `size` scans."""
    middle, later = (moment_of(size * share // 10).isoformat() for share in (5, 6))
    return [
        Query("first page", {}),
        Query("deep page", {}, deep=True),
        Query("prediction", {"prediction": "CNV"}),
        Query("prediction, deep", {"prediction": "CNV"}, deep=True),
        Query("status queued", {"status": "queued"}),
        Query("status predicted", {"status": "predicted"}),
        Query("reviewed", {"reviewed": "true"}),
        Query("eye", {"eye": "OS"}),
        Query("patient_ref", {"patient_ref": "P-7"}),
        Query("uploaded_after and _before", {"uploaded_after": middle, "uploaded_before": later}),
    ]


def measure_lists(
    stack: OwnStack,
    report: Report,
    scans: Sequence[bytes],
    *,
    sizes: Sequence[int],
    rounds: int,
    requests_each: int,
    seed: int,
    log: Log,
) -> None:
    """Fill a database for each size, request all pages of all databases in turns, and add rows and goals."""
    passwords = {
        role: (name, stack.make_user(name, role, clinic)) for role, (name, clinic) in ACCOUNTS.items()
    }
    passwords["administrator"] = ("admin", stack.password)
    with ExitStack() as held, MongoClient[Document](stack.mongodb_uri) as client:
        templates = _templates(stack, scans[0], client)
        accounts = list(client[DATABASE][USERS].find())
        clinician = next(account for account in accounts if account["clinic"] == CLINIC)
        databases = []
        for size in sizes:
            app = held.enter_context(stack.web_app_on(f"bench_{size}"))
            client[f"bench_{size}"][USERS].insert_many(accounts)
            started = time.perf_counter()
            load(
                client[f"bench_{size}"],
                templates,
                people([Person(clinician["_id"], CLINIC)]),
                size,
                lambda done, size=size: _progress(log, done, size),  # type: ignore[misc]
            )
            log(f"{size} scans loaded in {time.perf_counter() - started:.0f} s")
            databases.append(FilledDatabase(size, app))
        times = _time_pages(stack, databases, passwords, rounds, requests_each, random.Random(seed), log)
    _add(report, times, databases)


Times = dict[tuple[int, str], list[list[float]]]
"""Milliseconds by size and the row's subject: a list for each round."""


def subject(path: str, role: str, query: Query) -> str:
    """What a row of the report is about."""
    return f"{path}: {role}, {query.name}"


def _time_pages(
    stack: OwnStack,
    databases: Sequence[FilledDatabase],
    passwords: dict[str, tuple[str, str]],
    rounds: int,
    requests_each: int,
    order: random.Random,
    log: Log,
) -> Times:
    times: Times = {}
    cells = [
        (filled, role, path, query)
        for filled in databases
        for role in passwords
        for path in PATHS
        for query in queries(filled.size)
    ]
    with requests.Session() as session:
        for number in range(rounds + 1):  # the first one warms up
            for _ in range(requests_each if number else 1):
                # An access token is good for ten minutes, and for every web app of the stack.
                headers = {role: stack.sign_in(*given) for role, given in passwords.items()}
                order.shuffle(cells)
                for filled, role, path, query in cells:
                    session.headers.update(headers[role])
                    took = _time_page(session, filled, (role, path), query)
                    if number:
                        by_round = times.setdefault((filled.size, subject(path, role, query)), [])
                        by_round += [[] for _ in range(number - len(by_round))]
                        by_round[-1].append(took)
            log(f"round {number} of {rounds}" if number else "warmed up")
    return times


def _time_page(
    session: requests.Session, filled: FilledDatabase, asked: tuple[str, str], query: Query
) -> float:
    """Milliseconds of one page; `asked` is the role of the user who is signed in, and the path."""
    path = asked[1]
    parameters = {"page_size": str(PAGE_SIZE), **query.parameters}
    if query.deep:
        if asked not in filled.cursors:
            filled.cursors[asked] = _cursor(session, filled, path)
        parameters["cursor"] = filled.cursors[asked]
    address = f"{filled.stack.web_url}{PATHS[path]}?{urlencode(parameters)}"
    started = time.perf_counter()
    answer = session.get(address, timeout=REQUEST_TIMEOUT_S)
    took = 1000 * (time.perf_counter() - started)
    if not answer.ok:
        raise BenchmarkError(f"{path} was answered with status {answer.status_code}.")
    filled.records[subject(path, asked[0], query)] = len(answer.json()["results"])
    return took


def _cursor(session: requests.Session, filled: FilledDatabase, path: str) -> str:
    """The cursor of the page that begins in the middle of the history."""
    before = {"uploaded_before": moment_of(filled.size // 2).isoformat(), "page_size": "1"}
    answer = session.get(
        f"{filled.stack.web_url}{PATHS[path]}?{urlencode(before)}",
        timeout=REQUEST_TIMEOUT_S,
    ).json()
    if not answer["next"]:
        raise BenchmarkError(f"{filled.size} scans are too few for a deep page.")
    cursor: str = parse_qs(urlparse(answer["next"]).query)["cursor"][0]
    return cursor


def _templates(stack: OwnStack, scan: bytes, client: MongoClient[Document]) -> Templates:
    """Upload a scan and draw a shape, so that the web app writes the documents that all others are copied from."""
    headers = stack.sign_in("admin", stack.password)
    uploaded = requests.post(
        f"{stack.web_url}/api/v1/scans/",
        headers=headers,
        files={"image": ("scan", scan)},
        data=OCT,
        timeout=REQUEST_TIMEOUT_S,
    ).json()
    drawn = requests.post(
        f"{stack.web_url}/api/v1/scans/{uploaded.get('id')}/annotations/",
        headers=headers,
        json={"target": SHAPE},
        timeout=REQUEST_TIMEOUT_S,
    )
    if not drawn.ok:
        raise BenchmarkError(f"A shape was answered with status {drawn.status_code}.")
    try:
        return Templates.of(client[DATABASE])
    except LookupError as error:
        raise BenchmarkError("The first upload was not predicted.") from error


def _progress(log: Log, done: int, size: int) -> None:
    if done % 100_000 == 0 or (done == size and size < 100_000):
        log(f"{done} of {size} scans")


def _add(report: Report, times: Times, databases: Sequence[FilledDatabase]) -> None:
    for filled in databases:
        for path in PATHS:
            rows = {
                name: by_round
                for (size, name), by_round in sorted(times.items())
                if size == filled.size and name.startswith(f"{path}: ")
            }
            for name, by_round in rows.items():
                _add_row(report, name, filled.size, by_round)
            pooled = [list(chain.from_iterable(one)) for one in zip(*rows.values(), strict=True)]
            _add_row(report, f"{path}: {ALL}", filled.size, pooled)
    by_size = {filled.size: filled for filled in databases}
    if {GROWTH_FROM, GROWTH_TO} <= set(by_size):
        for path in PATHS:
            _add_growth(report, path, by_size[GROWTH_FROM].records, by_size[GROWTH_TO].records)


def _add_row(report: Report, name: str, size: int, by_round: Sequence[Sequence[float]]) -> None:
    for share in (50, 95):
        report.add(name, f"{size} scans", f"p{share}", "ms", (percentile(one, share) for one in by_round))


def _add_growth(report: Report, path: str, before: dict[str, int], after: dict[str, int]) -> None:
    """Add goals: how much the p95 of all pages grows from ten thousand to a million scans, and the largest p50 growth.

    A single page has too few times for a meaningful p95. Pages with more records among a million scans are left out, as
    they take longer for that alone.
    """
    same = [name for name in before if name.startswith(f"{path}: ") and before[name] == after[name]]
    growth = {name: _growth(report, name, "p50") for name in same}
    worst = max(growth, key=lambda name: growth[name])
    everything = _growth(report, f"{path}: {ALL}", "p95")
    report.goals += [
        Goal(f"{path} p95 at 1e6 / at 1e4: {ALL}", everything, GROWTH_LIMIT),
        Goal(f"{path} p50 at 1e6 / at 1e4, most: {worst.partition(': ')[2]}", growth[worst], GROWTH_LIMIT),
    ]


def _growth(report: Report, name: str, metric: str) -> float:
    small, large = (report.find(name, f"{size} scans", metric).median for size in (GROWTH_FROM, GROWTH_TO))
    return large / small
