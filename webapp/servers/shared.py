"""The shared store that the settings name: who serves what, what is decided, and the changes to that."""

from __future__ import annotations

import logging
import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, IntegrityError
from pymongo.errors import PyMongoError

from serving import changes, gates
from serving.changes import choice_sha256
from serving.registry import Choice, DecidedMeanwhile
from serving.shared import notes, servers
from serving.shared.decisions import NotThere, SharedDecisions, registry_in
from serving.shared.errors import StoreError
from serving.shared.place import objects_at
from serving.shared.servers import ServerReport
from serving.shared.store import SharedStores
from webapp.accounts.models import User
from webapp.audit.model_changes import tell
from webapp.audit.models import Action, Intake
from webapp.audit.recording import record
from webapp.inference.version_page import added_columns
from webapp.mongodb.transactions import all_or_nothing
from webapp.versions.models import Rollout

log = logging.getLogger(__name__)

REGISTER, PROMOTE, ROLLBACK, RETIRE = "register", "promote", "rollback", "retire"
ACTIONS = {
    REGISTER: Action.MODEL_REGISTER,
    PROMOTE: Action.MODEL_PROMOTE,
    ROLLBACK: Action.MODEL_ROLLBACK,
    RETIRE: Action.MODEL_RETIRE,
}
REFUSALS = (StoreError, DecidedMeanwhile)
"""What `decide` and `look` raise; the texts are sentences for people."""
MOST_OF_HOST = 30
"""Characters of the host in a note, which leave room for the user's name."""


@dataclass(frozen=True)
class StoredVersion:
    """A version in the store: what was decided about it, and on how many servers it is ready."""

    name: str
    version: str
    weights_sha256: str
    is_default: bool
    is_registered: bool
    was_default: bool
    ready: int
    servers: int
    seen: str
    """The hash of the decisions that it is shown by."""

    @property
    def columns(self) -> dict[str, str]:
        """What other apps know of it, such as what its gate said."""
        return added_columns(self.name, self.version)

    @property
    def may_be_promoted(self) -> bool:
        """Whether all servers that are there have loaded it."""
        return self.is_registered and not self.is_default and 0 < self.servers == self.ready


@dataclass(frozen=True)
class Model:
    """A model in the store: its versions, and the one that a rollback would bring back."""

    name: str
    versions: Sequence[StoredVersion]
    earlier_default: str
    seen: str


@dataclass(frozen=True)
class Look:
    """The store at one moment."""

    place: str
    models: Sequence[Model]
    servers: Sequence[ServerReport]
    unfinished: Sequence[str]


def is_shared() -> bool:
    """Whether the settings name a shared store."""
    return bool(settings.MODEL_STORE)


def decisions() -> SharedDecisions:
    """The decisions about the store's versions. Raises StoreError for a URL that is none."""
    return _decisions(settings.MODEL_STORE, str(settings.DATA_DIR))


@lru_cache(maxsize=4)
def _decisions(url: str, data: str) -> SharedDecisions:
    objects = objects_at(url)
    # The web app loads no network, and so brings no version here.
    return SharedDecisions(SharedStores(objects, Path(data) / "no-versions"), registry_in(objects))


def look() -> Look:
    """What is in the store and who serves it now. Raises StoreError."""
    made = decisions()
    stores, registry = made.stores, made.registry
    reports = servers.read_all(stores.objects)
    there = servers.there(reports)
    models = []
    for name in stores.names():
        choice = registry.choice(name)
        seen = choice_sha256(choice)
        versions = [
            StoredVersion(
                name=name,
                version=version,
                weights_sha256=stores.weights_sha256(name, version),
                is_default=version == choice.default,
                is_registered=version in (choice.default, *choice.registered),
                was_default=version in choice.promoted[:-1],
                ready=sum(report.serves(name, version) for report in there),
                servers=sum(report.takes(name) for report in there),
                seen=seen,
            )
            for version in stores.versions(name)
        ]
        earlier = choice.promoted[-2] if len(choice.promoted) > 1 else ""
        models.append(Model(name, versions, earlier, seen))
    return Look(stores.place, models, reports, stores.unfinished())


def decide(user: User, action: str, name: str, version: str, seen: str, override: str = "") -> str:
    """Make a decision, upon the decisions with the hash `seen`, and record it. Returns the version.

    `override` is the reason for promoting a version without a passed gate. Raises one of REFUSALS: somebody else was
    faster, or what is wanted can't be.
    """
    reason = ""
    made = decisions()
    before = made.registry.choice(name)
    if choice_sha256(before) != seen:
        raise DecidedMeanwhile(
            f"Somebody else has decided about {name} since this page was loaded: {before.default or 'no version'} "
            "answers by default. Nothing was changed; look again."
        )
    if action == RETIRE and (tried := Rollout.objects.trying(name, version)):
        raise NotThere(tried.end_first)
    if action == PROMOTE:
        _check_not_first(before, name)
        reason = _needed_override(made, name, version, str(before.default), override)
    elif action == ROLLBACK:
        version = made.earlier_default(name)
    # All that a record needs is read before: the decision stands, whatever is away afterwards.
    known, weights_sha256 = _with_weights(made, name, before), made.stores.weights_sha256(name, version)
    after = _decided(made, action, name, version, before)
    change = changes.described(
        action,
        name,
        version,
        weights_sha256=weights_sha256,
        before=before,
        after=after,
        withdrawn=changes.withdrawn(action, name, known, after, made.stores),
        override=reason,
    )
    _record(user, action, change, made.stores)
    return version


def _with_weights(made: SharedDecisions, name: str, choice: Choice) -> Choice:
    """The same decisions with the weights of all versions that were the default, which a rollback may withdraw."""
    weights = {
        version: choice.weights.get(version) or made.stores.weights_sha256(name, version)
        for version in choice.promoted
    }
    return replace(choice, weights=weights)


def _decided(made: SharedDecisions, action: str, name: str, version: str, before: Choice) -> Choice:
    """What the decisions are once this one is made. Raises one of REFUSALS."""
    if action == REGISTER:
        return made.register(name, version, before)
    if action == RETIRE:
        return made.retire(name, version, before)
    if action in (PROMOTE, ROLLBACK):
        return made.make_default(action, name, version, before)
    raise NotThere(f"There is no '{action}'.")


def _record(user: User, action: str, change: dict[str, object], stores: SharedStores) -> None:
    """Record a decision, and tell of it those who follow what `./retinote models` does, too.

    If the database is away, a note is left in the store, as commands do, which the worker takes in. Raises StoreError.
    """
    note = notes.new_name(change)

    def write() -> None:
        # A commit may succeed though its answer is lost: the note then counts as taken in.
        Intake.objects.create(name=intake_of(note), offset=1)
        record(
            ACTIONS[action],
            user,
            "model",
            object_id=change["model"],
            before=str(change["before"]),
            after=str(change["after"]),
            weights_sha256=str(change["weights_sha256"]),
        )
        tell(ACTIONS[action], change, user)

    try:
        all_or_nothing(write)
    except IntegrityError:  # a fault, which would be the same later
        raise
    except (DatabaseError, PyMongoError) as error:
        log.error("A decision about %s is recorded later: %s", change["model"], type(error).__name__)
        notes.leave(stores, note, change, f"{socket.gethostname()[:MOST_OF_HOST]} by {user.username}")


def intake_of(note: str) -> str:
    """The key of the document that says that a note is recorded."""
    return f"note {note.removeprefix(notes.NOTES)}"


def _needed_override(made: SharedDecisions, name: str, version: str, champion: str, override: str) -> str:
    """The reason for promoting without a passed gate, where there is none. Raises NotThere where it is missing."""
    problem = gates.refusal(Path(settings.LEARNING_DIR) / "gates", made.stores, name, version, champion)
    if problem and not override.strip():
        raise NotThere(problem)
    try:
        return gates.checked_reason(override) if problem else ""
    except gates.GateError as error:
        raise NotThere(str(error)) from error


def _check_not_first(choice: Choice, name: str) -> None:
    if choice.default is None:
        raise NotThere(
            f"No version of {name} has answered yet; the first is promoted by ./retinote models, which tries it out."
        )
