"""Decisions about the versions in a shared store: made in its registry, carried out by each model server.

They are used by `./retinote models` and by the administration's page. Each change names the choice that it was made
upon, so of two administrators who decide at the same time one is refused.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from serving.registry import Choice, DecidedMeanwhile, Registry
from serving.shared import servers
from serving.shared.errors import StoreError
from serving.shared.notes import noted
from serving.shared.objects import ObjectDocument, Objects
from serving.shared.servers import FAILED, ServerReport
from serving.shared.store import SharedStores
from serving.stores import ModelStores

WAIT_S = 600.0
"""For all servers to load a version; the network may have to be compiled."""
POLL_S = 1.0

Announce = Callable[[str], None]
REGISTRY = "registry.json"
"""The decisions in a shared store."""


def registry_in(objects: Objects, copy: Path | None = None, *, stands_in: bool = False) -> Registry:
    """The decisions in a shared store; `copy` and `stands_in` are those of `ObjectDocument`."""
    return Registry(ObjectDocument(objects, REGISTRY, copy, stands_in=stands_in))


class NotThere(StoreError):
    """What was to be decided on can't be: it isn't in the store, or not served, or is served already."""


class SharedDecisions:
    """The decisions about one store's versions. Each change returns those for the model as they are then."""

    def __init__(self, stores: SharedStores, registry: Registry) -> None:
        self.stores = stores
        self.registry = registry

    def register(self, name: str, version: str, expected: Choice | None = None) -> Choice:
        """Have all servers load a version, beside the default. Raises StoreError if it isn't whole in the store."""
        choice = self._choice(name, expected)
        problem = self.stores.problem_at_a_glance(name, version)
        if problem:
            raise NotThere(problem)
        if choice.default is None:
            raise NotThere(
                f"No version of {name} answers yet. If {version} is to, promote it: "
                f"./retinote models promote {name} {version}"
            )
        if version in (choice.default, *choice.registered):
            raise NotThere(f"{name} {version} is registered already; see ./retinote models list.")
        return self.registry.note_registered(name, version, self.stores.weights_sha256(name, version), choice)

    def make_default(self, action: str, name: str, version: str, expected: Choice | None = None) -> Choice:
        """Make a version the default by `promote` or `rollback`, which all servers that are there have loaded.

        Raises NotThere with what is missing.
        """
        choice = self._choice(name, expected)
        if problem := self.stores.problem_at_a_glance(name, version):
            raise NotThere(problem)
        if choice.default is not None and (lacking := self.lacking(name, version)):
            raise NotThere(_lacking(name, version, lacking))
        note = self.registry.note_promoted if action == "promote" else self.registry.note_rolled_back
        return note(name, version, self.stores.weights_sha256(name, version), choice)

    def earlier_default(self, name: str) -> str:
        """The previous default. Raises NotThere if there is none."""
        promoted = self.registry.choice(name).promoted
        if len(promoted) < 2:
            raise NotThere(f"No version of {name} was the default before the present one.")
        return promoted[-2]

    def retire(self, name: str, version: str, expected: Choice | None = None) -> Choice:
        """Have all servers stop serving a version. Raises NotThere if it isn't registered, or is the default."""
        choice = self._choice(name, expected)
        if version == choice.default:
            raise NotThere(
                f"{name} {version} answers by default; promote another version first: "
                f"./retinote models promote {name} VERSION"
            )
        if version not in choice.registered:
            raise NotThere(f"{name} {version} is not served; see ./retinote models list.")
        return self.registry.note_retired(name, version, choice)

    def lacking(self, name: str, version: str) -> list[ServerReport]:
        """The servers that are there for a model but don't have this version ready."""
        present = servers.there_for(servers.read_all(self.stores.objects), name)
        return [report for report in present if not report.serves(name, version)]

    def wait_loaded(self, name: str, version: str, announce: Announce, timeout_s: float = WAIT_S) -> None:
        """Wait until all servers that are there have loaded a version. Raises NotThere if one fails or takes too long."""
        deadline = time.monotonic() + timeout_s
        told = False
        while lacking := self.lacking(name, version):
            failed = [
                report for report in lacking if (one := report.find(name, version)) and one.state == FAILED
            ]
            if failed or time.monotonic() > deadline:
                raise NotThere(_lacking(name, version, failed or lacking))
            if not told:
                announce(f"Waiting for {len(lacking)} model server(s) to load {name} {version}")
                told = True
            time.sleep(POLL_S)

    def wait_default(self, name: str, version: str, timeout_s: float) -> list[ServerReport]:
        """Wait until a version answers by default on all servers that are there. Returns those where it doesn't yet."""
        deadline = time.monotonic() + timeout_s
        while True:
            present = servers.there_for(servers.read_all(self.stores.objects), name)
            others = [report for report in present if report.default(name) != version]
            if not others or time.monotonic() > deadline:
                return others
            time.sleep(POLL_S / 4)

    def _choice(self, name: str, expected: Choice | None) -> Choice:
        """The present decisions. Raises DecidedMeanwhile if they are not the expected ones."""
        choice = self.registry.choice(name)
        if expected is not None and choice != expected:
            raise DecidedMeanwhile(
                f"Somebody else has decided about {name} since the page was loaded: {choice.default or 'no version'} "
                "answers by default. Nothing was changed; look again."
            )
        return choice


def _lacking(name: str, version: str, lacking: Sequence[ServerReport]) -> str:
    """The sentence for servers that a version is not ready on."""
    reasons = []
    for report in lacking:
        found = report.find(name, version)
        why = found.error if found and found.error else "it is loading" if found else "it does not have it"
        reasons.append(f"{report.host} ({why.rstrip('.')})")
    return (
        f"{name} {version} is not ready on {', '.join(reasons)}. Nothing was promoted; what answered goes on answering. "
        f"A version is loaded everywhere once it is registered: ./retinote models register {name} {version}"
    )


def seed(
    stores: SharedStores,
    bundled: ModelStores,
    registry: Registry,
    announce: Announce,
    may_begin: Callable[[str], bool] = lambda name: True,
) -> None:
    """Put the highest sound version of each bundled model into a store in which nothing is decided about it yet.

    It is the default from then on, as at the very first start of an installation of one machine, or at the first with a
    bundled model that was not there before. `may_begin` says which models may. Of several servers that start at once,
    one decides. Raises ServingError.
    """
    decided = registry.names()
    for name in bundled.names():
        if name in decided or not may_begin(name):
            continue
        versions = reversed(bundled.versions(name))
        version = next((known for known in versions if not bundled.problem(name, known)), "")
        folder = bundled.holder(name, version)
        if folder is None:
            continue
        card = stores.add(folder)
        with suppress(DecidedMeanwhile), noted(registry, stores, "default", name, version):
            registry.note_promoted(name, version, card.weights_sha256, Choice())
            announce(
                f"{name} {version} is in {stores.place} now, and answers by default until another is promoted"
            )
