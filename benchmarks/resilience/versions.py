"""Trials of versions under load: the steps of a round, the state that they leave, and whether any answer is mixed."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import requests
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from benchmarks.errors import BenchmarkError
from benchmarks.history import PREDICTIONS, SCANS
from benchmarks.resilience.subject import Subject
from benchmarks.stack import ROOT, environment_without
from imaging.heat import enlarged
from operations.errors import OperationsError
from operations.models.decisions import client_of
from operations.stack.database import DATABASE
from serving.errors import ServingError
from serving.keys import InferenceKey
from serving.registry import Registry
from serving.stores import ModelStores

ROLLOUTS, WITHDRAWALS = "versions_rollout", "versions_withdrawal"
SETTLE_TIMEOUT_S = 240.0
"""A stack that was killed starts again, and the worker looks at a canary every 20 s."""
POLL_S = 0.25
REQUEST_TIMEOUT_S = 60.0
MOST_TRIES = 4
"""Of a round: on a machine that is slow for both versions, a canary may seem to be the slower one by chance."""
MOST_PAUSE_S = 2.5
"""A step's command takes about so long: a victim dies at a random moment of it."""
HEAT_DIFFERS = 2.0
"""Mean difference of two heat maps, of 255, from which on they are not of the same weights."""
NOT_READY = frozenset({502, 503, 504, 507})


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


@dataclass
class Direct:
    """Answers to direct calls: how many of each version, and what was wrong with them."""

    counts: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    mixed: list[str] = field(default_factory=list)
    refused: int = 0
    """Calls that got 503 or no connection, as while a service is killed; a client sends those again."""


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

        def promoted(before: VersionsState) -> VersionsState:
            return VersionsState(new, 0, before.shadow, before.withdrawn - {new})

        return [
            Step("shadow", ("shadow", name, new), made(shadow=new)),
            Step("end of the shadow", ("shadow", name, new, "--stop"), made(shadow="")),
            Step("canary", ("canary", name, new, "--percent=30", "--web-app-only"), made(canary=30.0)),
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
        """The states in which a step may end: what it says, and, with a canary, what its guardrails leave of it."""
        after = step.after(before)
        if not (before.canary or after.canary):
            return (after,)
        return (after, replace(before, canary=0.0, withdrawn=before.withdrawn | {self.challenger}))

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


@contextmanager
def direct_callers(tried: VersionsSubject, clients: int, images: Sequence[bytes]) -> Iterator[Direct]:
    """So many clients that call the model server directly meanwhile, and check each answer."""
    found, ended, lock = Direct(), threading.Event(), threading.Lock()
    weights = tried.weights()

    def go_on(number: int) -> None:
        at = number
        while not ended.wait(0.05):
            at += 1
            try:
                answer = ask(tried, images[at % len(images)])
            except (requests.RequestException, ServingError, OSError, KeyError):
                with lock:
                    found.refused += 1
                continue
            with lock:
                _judge(answer, weights, found)

    threads = [threading.Thread(target=go_on, args=(number,), daemon=True) for number in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        ended.set()
        for thread in threads:
            thread.join(REQUEST_TIMEOUT_S)


def ask(tried: VersionsSubject, image: bytes, version: str = "", **headers: str) -> requests.Response:
    """Call the model server directly."""
    state = tried.subject.state
    key = InferenceKey(Path(state["key_file"]), state["management_url"])
    return requests.post(
        f"{state['inference_url']}/predictions/{tried.name}" + (f"/{version}" if version else ""),
        data=image,
        headers={**key.headers(), "Content-Type": "image/png", "X-Overlay": "false", **headers},
        timeout=REQUEST_TIMEOUT_S,
    )


def _judge(answer: requests.Response, weights: dict[str, str], found: Direct) -> None:
    if answer.status_code in NOT_READY:
        found.refused += 1
        return
    if not answer.ok:
        found.failed.append(f"{answer.status_code}: {answer.text[:200]}")
        return
    model = answer.json()["model"]
    found.counts[model["version"]] += 1
    if weights.get(model["version"]) != model["weights_sha256"]:
        found.mixed.append(f"{model}")
    if answer.headers.get("X-Model-Version") != model["version"]:
        found.mixed.append(f"{model['version']}, and by its header {answer.headers.get('X-Model-Version')}")


def mixed_answers(tried: VersionsSubject, most: int, seed: int = 0) -> tuple[list[str], Counter[str]]:
    """Stored answers whose version, weights and heat map are not of one version; and how many each version gave.

    Each of `most` of them is held beside what the version that it names answers to the same picture.
    """
    weights = tried.weights()
    client: MongoClient[dict[str, Any]] = MongoClient(tried.subject.data.database_address())
    with client:
        predictions = list(client[DATABASE][PREDICTIONS].find())
        images = {scan["_id"]: scan["image_name"] for scan in client[DATABASE][SCANS].find()}
    counts: Counter[str] = Counter(str(each["model_version"]) for each in predictions)
    mixed = [
        f"prediction {each['_id']}: {each['model_version']} with weights {each['weights_sha256']}"
        for each in predictions
        if weights.get(each["model_version"]) != each["weights_sha256"]
    ]
    chosen = random.Random(seed).sample(predictions, min(most, len(predictions)))
    for each in chosen:
        image = _stored(tried, images[each["scan_id"]])
        label = str(each["gradcam_label"])
        again = ask(tried, image, each["model_version"], **{"X-Heatmap": "grid", "X-Label": label}).json()
        grid = again["gradcam"]["grid"]
        expected = enlarged(np.array(grid["cells"], np.uint8), grid["width"], grid["height"])
        stored = cv2.imdecode(
            np.frombuffer(_stored(tried, each["heatmap_name"]), np.uint8), cv2.IMREAD_GRAYSCALE
        )
        if stored is None:
            mixed.append(f"prediction {each['_id']}: its heat map is no picture")
            continue
        differs = float(np.abs(stored.astype(np.float32) - expected.astype(np.float32)).mean())
        if again["prediction"]["label"] != each["label"] or differs > HEAT_DIFFERS:
            mixed.append(
                f"prediction {each['_id']} by {each['model_version']}: {each['label']}, and asked again "
                f"{again['prediction']['label']}; its heat map differs by {differs:.1f} of 255"
            )
    return mixed, counts


def _stored(tried: VersionsSubject, name: str) -> bytes:
    return (tried.subject.data.media / "scans" / name[:2] / name).read_bytes()
