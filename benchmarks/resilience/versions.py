"""Trials of versions: the steps of a round, and the state that they leave, also when something is killed meanwhile."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from benchmarks.errors import BenchmarkError
from benchmarks.resilience.subject import Subject
from benchmarks.stack import ROOT, environment_without
from operations.errors import OperationsError
from operations.models.decisions import client_of
from operations.stack.database import DATABASE
from serving.errors import ServingError
from serving.registry import Registry
from serving.stores import ModelStores

ROLLOUTS, WITHDRAWALS = "versions_rollout", "versions_withdrawal"
SETTLE_TIMEOUT_S = 240.0
"""A stack that was killed starts again, and the worker looks at a canary every 20 s."""
POLL_S = 0.25
MOST_TRIES = 4
"""Of a round: on a machine that is slow for both versions, a canary may seem to be the slower one by chance."""
MOST_PAUSE_S = 2.5
"""A step's command takes about so long: a victim dies at a random moment of it."""


@dataclass(frozen=True)
class VersionsState:
    """What answers, what is tried and what is withdrawn, by the stack's own documents."""

    default: str
    canary: float
    """The percentage of the canary; 0 without one."""
    shadow: str
    withdrawn: frozenset[str]


@dataclass(frozen=True)
class Step:
    """A command about versions, and the state after it by the state before."""

    name: str
    words: tuple[str, ...]
    after: Callable[[VersionsState], VersionsState]


@dataclass(frozen=True)
class VersionsSubject:
    """A stack with two versions of a model in its store: `champion`, which answers, and `challenger`."""

    subject: Subject
    name: str
    champion: str
    challenger: str
    seconds: list[tuple[str, float]] = field(default_factory=list)
    """The step and duration of each command."""

    def run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a `./retinote models` command about this stack. Raises BenchmarkError if it fails, unless told not to."""
        began = time.monotonic()
        ran = subprocess.run(
            [*self._command(words)], env=environment_without(), capture_output=True, text=True, check=False
        )
        self.seconds.append((words[0], time.monotonic() - began))
        if check and ran.returncode:
            raise BenchmarkError(f"models {' '.join(words)}: {ran.stderr.strip() or ran.stdout.strip()}")
        return ran

    def begin(self, *words: str) -> subprocess.Popen[bytes]:
        """Begin a command without waiting for it."""
        return subprocess.Popen(
            self._command(words),
            env=environment_without(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _command(self, words: Sequence[str]) -> list[str]:
        data = str(self.subject.data.path)
        return [sys.executable, str(ROOT / "cli.py"), "models", *words, "--data-dir", data]

    def steps(self) -> list[Step]:
        """The steps of a round, at the end of which the champion answers again and its challenger is withdrawn."""
        name, new, old = self.name, self.challenger, self.champion

        def made(**changed: Any) -> Callable[[VersionsState], VersionsState]:
            return lambda before: VersionsState(**{**vars(before), **changed})

        def rolled_back(before: VersionsState) -> VersionsState:
            return VersionsState(old, 0, before.shadow, before.withdrawn | {new})

        def tried(before: VersionsState) -> VersionsState:
            return VersionsState(old, 30.0, before.shadow, before.withdrawn - {new})

        def promoted(before: VersionsState) -> VersionsState:
            return VersionsState(new, 0, before.shadow, before.withdrawn - {new})

        # The round before has withdrawn the version that becomes the canary.
        begin = ("canary", name, new, "--percent=30", "--web-app-only", "--lift-withdrawal")
        return [
            Step("shadow", ("shadow", name, new), made(shadow=new)),
            Step("end of the shadow", ("shadow", name, new, "--stop"), made(shadow="")),
            Step("canary", begin, tried),
            Step("greater canary", ("canary", name, new, "--percent=70"), made(canary=70.0)),
            Step("promotion", self._promotion(), promoted),
            Step("rollback", ("rollback", name), rolled_back),
        ]

    def _promotion(self) -> tuple[str, ...]:
        """The command that ends the canary with its promotion.

        Untrained models pass no gate: where one is asked for, it is overridden, which a canary itself can't do.
        """
        override = self.override()
        if override:
            return ("promote", self.name, self.challenger, *override)
        return ("canary", self.name, self.challenger, "--percent=100")

    def override(self) -> tuple[str, ...]:
        """The options by which `promote` takes an untrained model; none where no gate is asked for."""
        shown = self.run("promote", "--help", check=False).stdout
        return ("--override", "A benchmark of untrained models.") if "--override" in shown else ()

    def state(self) -> VersionsState:
        """The state by registry and database. Raises BenchmarkError, OperationsError or pymongo's errors."""
        data = self.subject.data
        client: MongoClient[dict[str, Any]] = MongoClient(
            data.database_address(), serverSelectionTimeoutMS=5000
        )
        with client:
            running = list(client[DATABASE][ROLLOUTS].find({"active": {"$type": "string"}}))
            withdrawn = list(client[DATABASE][WITHDRAWALS].find({"active": {"$type": "string"}}))
        by_kind = {rollout["kind"]: rollout for rollout in running}
        return VersionsState(
            default=str(Registry(data.registry).choice(self.name).default),
            canary=by_kind["canary"]["percent"] if "canary" in by_kind else 0.0,
            shadow=by_kind["shadow"]["version"] if "shadow" in by_kind else "",
            withdrawn=frozenset(each["version"] for each in withdrawn),
        )

    def serves_what_it_says(self) -> bool:
        """Whether the model server's default is the registry's, and the other version is there."""
        try:
            client = client_of(self.subject.state)
            served = [version.version for version in client.versions(self.name)]
            default = Registry(self.subject.data.registry).choice(self.name).default
            return client.default_version(self.name) == default and {self.champion, self.challenger} <= {
                *served
            }
        except (ServingError, OperationsError, KeyError):
            return False

    def ends(self, step: Step, before: VersionsState) -> tuple[VersionsState, ...]:
        """The states in which a step may end: what it says, and, with a canary, what is left where that was ended.

        A guardrail withdraws the version, too; that the model server did not serve it for a moment does not.
        """
        after = step.after(before)
        if not (before.canary or after.canary):
            return (after,)
        ended = replace(before, canary=0.0, withdrawn=before.withdrawn - {self.challenger})
        return (after, replace(ended, withdrawn=before.withdrawn | {self.challenger}), ended)

    def take(self, step: Step) -> bool:
        """Take a step and wait for its state; False if a guardrail has stopped the canary meanwhile.

        Raises BenchmarkError for any other state.
        """
        before = self.state()
        ran = self.run(*step.words, check=False)
        after, *stopped = self.ends(step, before)
        if ran.returncode and self.state() not in stopped:
            raise BenchmarkError(f"models {' '.join(step.words)}: {ran.stderr.strip()}")
        return self.settled(after, *stopped) == after

    def round(self, after_each: Callable[[], None]) -> int:
        """Take all steps; returns how often a guardrail stopped the canary, so that they were begun anew.

        `after_each` is called when a step's state is reached. Raises BenchmarkError if guardrails stop it again and again.
        """

        def take(step: Step) -> bool:
            taken = self.take(step)
            after_each()
            return taken

        for stopped in range(MOST_TRIES):
            if all(take(step) for step in self.steps()):
                return stopped
        raise BenchmarkError(f"Guardrails stopped the canary: {self.run('trials', check=False).stdout}")

    def settled(self, *wanted: VersionsState) -> VersionsState:
        """Wait until the stack is whole and in one of the states. Raises BenchmarkError with the state it is in."""
        ends = time.monotonic() + SETTLE_TIMEOUT_S
        last: object = "not known"
        while time.monotonic() < ends:
            try:
                if self.subject.services_are_ready() and self.serves_what_it_says():
                    last = self.state()
                    if last in wanted:
                        return last
            except (PyMongoError, OperationsError, ServingError, LookupError, OSError, ValueError) as error:
                last = repr(error)
            threading.Event().wait(POLL_S)
        raise BenchmarkError(f"The state is neither before nor after, but {last}; wanted {wanted}.")

    def weights(self) -> dict[str, str]:
        """The sha256 of each version's weights."""
        stores = ModelStores(Path(folder) for folder in self.subject.state["model_stores"])
        return {
            version: stores.weights_sha256(self.name, version) for version in (self.champion, self.challenger)
        }


def kill_in_the_middle(
    tried: VersionsSubject, step: Step, victim: Callable[[], None], chance: random.Random
) -> bool:
    """Kill something while a step's command runs; true if the step is done afterwards.

    False if nothing of it is, or if a guardrail has stopped the canary meanwhile: what was killed cost it time.
    Raises BenchmarkError for any state between.
    """
    before = tried.state()
    after, *stopped = tried.ends(step, before)
    command = tried.begin(*step.words)
    threading.Event().wait(chance.uniform(0.0, MOST_PAUSE_S))
    victim()
    command.wait(timeout=SETTLE_TIMEOUT_S)
    return tried.settled(before, after, *stopped) == after and before != after
