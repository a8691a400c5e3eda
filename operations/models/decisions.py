"""The changes by `./retinote models`: in a running stack at once, for a stopped one from its next start on."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from operations.errors import EXPECTED, OperationsError
from operations.stack.folder import DataFolder, make_private, running_state
from operations.stack.stores import registry_of
from serving import changes, gates
from serving.capacity import Batching
from serving.keys import ManagementKey
from serving.logs import why_not_loaded
from serving.management import (
    AlreadyRegistered,
    IsDefault,
    ManagementClient,
    ModelVersion,
    NotRegistered,
    WorkersFailed,
)
from serving.registry import default_versions
from serving.set_aside import SetAside
from serving.stores import ModelStores
from serving.trial import try_model


@contextmanager
def one_at_a_time(data: DataFolder) -> Iterator[None]:
    """Keep others from changing which versions answer. Raises OperationsError at once if somebody is doing so."""
    make_private(data.torchserve)
    descriptor = os.open(data.deciding, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            process = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
            raise OperationsError(
                f"Somebody else is changing which version of a model answers (process {process or 'unknown'}). See what "
                "it was with ./retinote models list, then try again."
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


class Decisions:
    """The decisions about a data folder's models, and the notes of them for the audit."""

    def __init__(self, data: DataFolder, stores: ModelStores) -> None:
        self.data = data
        self.stores = stores
        self.registry = registry_of(data, stores)

    @contextmanager
    def noted(self, action: str, name: str, version: str, override: str = "") -> Iterator[None]:
        """Note for the audit the action that is done within this context, once it has succeeded."""
        with changes.noted(
            self.data.changes, self.registry, self.stores, action, name, version, override=override
        ):
            yield

    def champion(self, name: str) -> str | None:
        """The version that answers by default, or would from the next start on; None if none does."""
        return default_versions(self.stores, self.registry).get(name)

    def needed_override(self, action: str, name: str, version: str, override: str) -> str:
        """The reason to note for a change of the default: `override` where there is no passed gate, else none.

        A rollback needs no gate, nor does the first version of a model, nor the version that answers already. One that
        comes after a retired version has to pass a gate against that, so that retiring is no way around it. Raises
        OperationsError for a version without a passed gate against the champion, and without a reason.
        """
        retired = self.registry.choice(name).retired
        champion = self.champion(name) or retired
        if action != "promote" or champion is None:
            return ""
        if champion == version:
            promoted = self.registry.choice(name).weights.get(version)
            if not promoted or promoted == self.stores.weights_sha256(name, version):
                return ""
            problem: str | None = (
                f"{name} {version} has other weights now than those that were promoted, so that nothing is left to compare "
                "them with. Put them back as they were, or accept them with a reason: "
                f"./retinote models promote {name} {version} --override REASON"
            )
        else:
            standing = (
                "which answered by default until it was retired" if retired else "which answers by default"
            )
            problem = gates.refusal(self.data.gates, self.stores, name, version, champion, standing)
        if problem and not override:
            raise OperationsError(problem)
        return gates.checked_reason(override) if problem else ""

    def earlier_default(self, name: str) -> str:
        """The previous default. Raises OperationsError if there is none."""
        promoted = self.registry.choice(name).promoted
        if len(promoted) < 2:
            raise OperationsError(f"No version of {name} was the default before the present one.")
        return promoted[-2]

    def decide(self, action: str, name: str, version: str) -> None:
        """Note in the registry that a version is the default from now on, by `promote` or `rollback`."""
        note = self.registry.note_promoted if action == "promote" else self.registry.note_rolled_back
        note(name, version, self.stores.weights_sha256(name, version))


class StoppedStack(Decisions):
    """A stopped stack; a context manager that prevents its start meanwhile."""

    def __enter__(self) -> Self:
        self.data.make()
        self._lock = self.data.hold(print)
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self._lock)

    def make_default(self, action: str, name: str, version: str, override: str = "") -> None:
        """Make a version the default from the next start on. Raises OperationsError or ServingError if it can't be."""
        folder = self.stores.holder(name, version)
        problem = self.stores.problem(name, version)
        if folder is None or problem:
            raise OperationsError(str(problem))
        reason = self.needed_override(action, name, version, override)
        try_model(folder, f"{name} {version}")
        with self.noted(action, name, version, reason):
            self.decide(action, name, version)
        print(f"{name} {version} answers by default from the next ./retinote up on")

    def retire(self, name: str, version: str) -> None:
        """Stop serving a version from the next start on. Raises OperationsError as `RunningStack.retire` does."""
        choice = self.registry.choice(name)
        if version not in (*choice.registered, choice.default):
            raise OperationsError(f"{name} {version} is not served; see ./retinote models list.")
        others = [known for known in choice.registered if known != version]
        models = [known for known in self.registry.names() if self.registry.choice(known).default]
        if version == choice.default:
            _refuse_default(name, version, others, models)
        with self.noted("retire", name, version):
            self.registry.note_retired(name, version)


class RunningStack(Decisions):
    """A running stack. Raises OperationsError if none runs on the folder."""

    def __init__(self, data: DataFolder) -> None:
        self.state = running_state(data)
        super().__init__(data, ModelStores(Path(folder) for folder in self.state["model_stores"]))
        self.client = client_of(self.state)

    def versions(self, name: str) -> list[str]:
        """The registered versions of a model; empty if there are none."""
        try:
            return [record.version for record in self.client.versions(name)]
        except NotRegistered:
            return []

    def register(self, name: str, version: str) -> None:
        """Serve a version beside the default. Raises OperationsError with the reason if that fails."""
        if not self.versions(name) and self.stores.holder(name, version):
            raise OperationsError(
                f"No version of {name} answers yet, and the first that is registered would do so by default. If it "
                f"is to, promote it: ./retinote models promote {name} {version}"
            )
        with self.noted("register", name, version):
            self._register(name, version)
            self.registry.note_registered(name, version)

    def make_default(self, action: str, name: str, version: str, override: str = "") -> None:
        """Make a version the default; it is registered first if needed."""
        if self.stores.holder(name, version) is None:
            raise OperationsError(str(self.stores.problem(name, version)))
        reason = self.needed_override(action, name, version, override)
        with self.noted(action, name, version, reason):
            served = self.versions(name)
            before = self.client.default_version(name) if served else version
            if version not in served:
                self._register(name, version)
            self.client.promote(name, version)
            self.decide(action, name, version)
        print(
            f"{name} {version} answers by default now"
            + (f", in place of {before}" if before != version else "")
        )

    def retire(self, name: str, version: str) -> None:
        """Stop serving a version, once it has answered all requests.

        The default can be retired only as the last version of a model, while other models are served. Raises
        OperationsError.
        """
        self.check_retired(name, version)
        with self.noted("retire", name, version):
            try:
                self.client.unregister(name, version)
            except (NotRegistered, IsDefault) as error:
                raise OperationsError(f"{name} {version} can't be retired: {error}") from error
            self.registry.note_retired(name, version)

    def check_retired(self, name: str, version: str) -> None:
        """Raise OperationsError if the version can't be retired, as another one or model would have no default."""
        if version == self.client.default_version(name):
            others = [known for known in self.versions(name) if known != version]
            _refuse_default(name, version, others, self.client.models())

    def url(self, name: str, version: str) -> str:
        """The address of a version for predictions."""
        return f"{self.state['inference_url']}/predictions/{name}/{version}"

    def _register(self, name: str, version: str) -> None:
        archive = self.stores.build(name, version, self.data.archives)
        try:
            self.client.register(archive.name, self.state["workers"], Batching(**self.state["batching"]))
        except AlreadyRegistered as error:
            raise OperationsError(
                f"{name} {version} is registered already; see ./retinote models list."
            ) from error
        except WorkersFailed as error:
            log = self.data.logs / "torchserve-worker.log"
            reason = why_not_loaded(log, name, version) or f"{error}; {log} may say more"
            raise OperationsError(f"{name} {version} was not registered: {reason.rstrip('.')}.") from error
        SetAside(self.data.set_aside).remove(name, version)


def _refuse_default(name: str, version: str, others: list[str], models: list[str]) -> None:
    """Raise OperationsError if another version or model would be left without a default."""
    if others or models == [name]:
        raise OperationsError(
            f"{name} {version} answers by default; promote another version first: "
            f"./retinote models promote {name} VERSION"
        )


def client_of(state: dict[str, Any]) -> ManagementClient:
    """The client of a running stack's model server."""
    url = state["management_url"]
    return ManagementClient(url, ManagementKey(Path(state["key_file"]), url))


def served(data: DataFolder) -> dict[tuple[str, str], ModelVersion]:
    """The versions that the stack on this folder serves; empty if none runs or its model server doesn't answer."""
    try:
        client = client_of(running_state(data))
        return {
            (name, record.version): record for name in client.models() for record in client.versions(name)
        }
    except EXPECTED:
        return {}
