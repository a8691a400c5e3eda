"""Brings a model server to what the registry of the shared store says, and reports what it serves.

Each look compares what TorchServe serves with the decisions and takes the steps that are missing: bring a version and
register it, make it the default, unregister what is served no longer. Nothing is remembered between two looks but why a
version failed, so a server that is killed in the middle starts with what the registry says, as any other does.
While the store is away nothing changes: what is served goes on being served.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import Self

from serving.changes import choice_sha256
from serving.errors import ServingError
from serving.keys import KeyUnavailable
from serving.logs import why_not_loaded
from serving.management import (
    AlreadyRegistered,
    ManagementClient,
    ManagementError,
    ModelVersion,
    NotRegistered,
    WorkersFailed,
)
from serving.registry import Choice, Registry
from serving.shared import servers
from serving.shared.errors import StoreAway, StoreError
from serving.shared.servers import FAILED, LOADING, READY, ServedReport, ServerReport
from serving.shared.store import SharedStores
from serving.torchserve import TorchServe
from serving.wanted import ALL, Wanted

LOOK_EVERY_S = 2.0
"""Between two looks at the registry, which is one small request each."""
TRY_AGAIN_AFTER_S = 60.0
"""A version that failed is tried again so long after, or at once when somebody decides about its model."""
END_WITHIN_S = 5.0
"""A look that is loading a version takes longer, and ends with the process."""


@dataclass(frozen=True)
class Failure:
    """Why a version isn't served, when that was, and what had been decided about its model then."""

    reason: str
    at: float
    decided: str


class Reconciler:
    """The loop of one model server. `client` manages its TorchServe; `announce` gets lines for people.

    Models that are not `wanted` are left alone, whatever is decided about them.
    """

    def __init__(
        self,
        server: TorchServe,
        stores: SharedStores,
        registry: Registry,
        client: ManagementClient,
        announce: Callable[[str], None],
        wanted: Wanted = ALL,
    ) -> None:
        self._wanted = wanted
        self._server = server
        self._stores = stores
        self._registry = registry
        self._client = client
        self._announce = announce
        self.identity = f"{socket.gethostname()}-{os.getpid()}"
        self._started = time.time()
        self._failures: dict[tuple[str, str], Failure] = {}
        self._states: dict[tuple[str, str], tuple[str, float]] = {}
        self._loading: tuple[str, str] | None = None
        self._error = ""
        self._is_away = False
        self._reporting = Lock()
        self._reported: tuple[object, ...] = ()
        self._reported_at = 0.0

    def run(self, stopped: Event, is_started: Callable[[], bool]) -> None:
        """Look again and again until stopped. While `is_started` says no, TorchServe's start goes on, and is left alone."""
        while not stopped.is_set():
            if is_started():
                self.look()
            stopped.wait(LOOK_EVERY_S)

    def report_on(self, stopped: Event, is_started: Callable[[], bool]) -> None:
        """Report again and again until stopped, also while a version is being loaded."""
        forgot = False
        try:
            while not stopped.wait(LOOK_EVERY_S / 2):
                if is_started():
                    self.report()
                    forgot = forgot or self._forget_old()
        finally:
            servers.withdraw(self._stores.objects, self.identity)

    def look(self) -> None:
        """Compare once, take the steps that are missing, and report. Raises nothing that is expected."""
        error = ""
        try:
            wanted = filter(self._wanted.serves, self._registry.names())
            choices = {name: self._registry.choice(name) for name in wanted}
            self._forget_failures(choices)
            for name, choice in choices.items():
                if choice.default is not None:
                    self._reconcile(name, choice)
        except StoreAway as away:
            error = (
                f"{away} What is served goes on being served; decisions made meanwhile wait until it is back."
            )
            if not self._is_away:
                self._announce(error)
            self._is_away = True
        except (
            ManagementError,
            KeyUnavailable,
        ) as failure:  # while TorchServe starts again; others tell of that
            error = str(failure)
        except ServingError as failure:
            error = str(failure)
            if error != self._error:
                self._announce(error)
        else:
            if self._is_away:
                self._announce("The model store is back")
            self._is_away = False
        self._error = error
        self.report()

    def _forget_failures(self, choices: Mapping[str, Choice]) -> None:
        """Forget why versions failed that are not wanted any more."""
        wanted = {
            (name, version) for name, one in choices.items() for version in (one.default, *one.registered)
        }
        for gone in [key for key in self._failures if key not in wanted]:
            del self._failures[gone]

    def _reconcile(self, name: str, choice: Choice) -> None:
        served = {record.version: record for record in self._versions(name)}
        wanted = dict.fromkeys([str(choice.default), *choice.registered])
        for version in wanted:
            if version not in served:
                self._add(name, version, choice)
        present = self._versions(name)
        default = next((record for record in present if record.version == choice.default), None)
        if default is not None and not default.is_default and default.ready_workers:
            self._client.promote(name, default.version)
            self._announce(f"{name} {default.version} answers by default now")
            present = self._versions(name)
        for record in present:
            if record.version not in wanted and not record.is_default:
                self._client.unregister(name, record.version)
                self._announce(f"{name} {record.version} is no longer served")

    def _versions(self, name: str) -> list[ModelVersion]:
        try:
            return self._client.versions(name)
        except NotRegistered:
            return []

    def _add(self, name: str, version: str, choice: Choice) -> None:
        """Bring a version and register it, if it isn't known that this fails."""
        decided = choice_sha256(choice)
        known = self._failures.get((name, version))
        if known and known.decided == decided and time.time() - known.at < TRY_AGAIN_AFTER_S:
            return
        self._failures.pop((name, version), None)
        self._loading = name, version
        self.report()
        try:
            self._check(name, version, choice)
            archive = self._stores.build(name, version, self._server.archives)
            self._client.register(archive.name, self._server.capacity.workers, self._server.capacity.batching)
        except AlreadyRegistered:
            return
        except StoreAway:
            raise
        except WorkersFailed as error:
            reason = why_not_loaded(self._server.log_files[1], name, version) or str(error)
            self._fail(name, version, reason, known, decided)
        except ManagementError:
            raise  # of TorchServe, not of this version
        except ServingError as error:
            self._fail(name, version, str(error), known, decided)
        else:
            self._announce(f"{name} {version} is served")
        finally:
            self._loading = None

    def _check(self, name: str, version: str, choice: Choice) -> None:
        """Raise ServingError if the version's files are not its card's, or its weights not those that were decided on."""
        problem = self._stores.problem(name, version)
        if problem:
            raise StoreError(problem)
        expected, present = choice.weights.get(version), self._stores.weights_sha256(name, version)
        if expected and expected != present:
            raise StoreError(
                f"{self._stores.place} has other weights for {name} {version} (sha256 {present}) than those that were "
                f"decided on ({expected}); it is not loaded. Promoting it once more accepts them."
            )

    def _fail(self, name: str, version: str, reason: str, known: Failure | None, decided: str) -> None:
        self._failures[name, version] = Failure(reason, time.time(), decided)
        if known is None or known.reason != reason:
            self._announce(f"{name} {version} is not served, all else is: {reason}")

    def report(self) -> None:
        """Write what is served, if it has changed or a heartbeat is due."""
        with self._reporting:
            error = self._error
            try:
                versions = list(self._served())
            except ServingError as failure:
                versions, error = [], error or str(failure)
            facts = (*versions, error)
            if facts == self._reported and time.monotonic() - self._reported_at < servers.HEARTBEAT_S:
                return
            models = None if self._wanted.only is None else sorted(self._wanted.only)
            report = ServerReport(
                self.identity, socket.gethostname(), self._started, versions, error, models=models
            )
            try:
                servers.write(self._stores.objects, report)
            except StoreError:
                return  # the next look says so
            self._reported, self._reported_at = facts, time.monotonic()

    def _served(self) -> Iterator[ServedReport]:
        records = {
            (name, record.version): record
            for name in self._client.models()
            for record in self._client.versions(name)
        }
        loading = self._loading
        for name, version in sorted({*records, *list(self._failures), *([loading] if loading else [])}):
            record = records.get((name, version))
            failure = self._failures.get((name, version))
            state = (
                READY if record and record.ready_workers else FAILED if failure and not record else LOADING
            )
            before, since = self._states.get((name, version), ("", 0.0))
            if before != state:
                since = time.time()
                self._states[name, version] = state, since
            yield ServedReport(
                name=name,
                version=version,
                weights_sha256=self._stores.cached_sha256(name, version),
                state=state,
                is_default=bool(record and record.is_default),
                since=since,
                error=failure.reason if failure and not record else "",
            )

    def _forget_old(self) -> bool:
        try:
            servers.forget_old(self._stores.objects)
        except StoreError:
            return False
        return True


class Reconciling:
    """A reconciler at work, in threads of its own; a context manager around the life of a model server."""

    def __init__(self, reconciler: Reconciler, is_started: Callable[[], bool]) -> None:
        self._stopped = Event()
        self._threads = [
            Thread(target=work, args=(self._stopped, is_started), name="reconciling", daemon=True)
            for work in (reconciler.run, reconciler.report_on)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(END_WITHIN_S)
