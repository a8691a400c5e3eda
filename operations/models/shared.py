"""The changes by `./retinote models` in a shared store, which every model server on it then carries out by itself."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from operations.models.decisions import Decisions
from operations.stack.folder import DataFolder
from serving.importing import import_model
from serving.removing import refuse_to_remove
from serving.shared import servers
from serving.shared.decisions import NotThere, SharedDecisions
from serving.shared.notes import noted
from serving.shared.servers import ServerReport
from serving.shared.store import SharedStores
from serving.stores import ModelStores
from serving.trial import try_model

FOLLOW_S = 30.0
"""For all servers to follow a promotion; they look at the registry every two seconds."""


class SharedStack(Decisions):
    """The model servers on a shared store, wherever they run. Its methods raise ServingError and OperationsError."""

    def __init__(self, data: DataFolder, stores: SharedStores) -> None:
        super().__init__(data, stores)
        self.shared_stores = stores
        self.decisions = SharedDecisions(stores, self.registry)

    @contextmanager
    def noted(self, action: str, name: str, version: str, override: str = "") -> Iterator[None]:
        """Note for the audit, in the store, the action that is done within this context."""
        with noted(self.registry, self.shared_stores, action, name, version, override):
            yield

    def champion(self, name: str) -> str | None:
        """The version that answers by default; None if none does."""
        return self.registry.choice(name).default

    def servers(self) -> list[ServerReport]:
        """What all servers say that they serve."""
        return servers.read_all(self.shared_stores.objects)

    def earlier_default(self, name: str) -> str:
        """The previous default."""
        return self.decisions.earlier_default(name)

    def register(self, name: str, version: str) -> None:
        """Have all servers load a version beside the default, and wait until they have."""
        with self.noted("register", name, version):
            self.decisions.register(name, version)
        self.decisions.wait_loaded(name, version, print)

    def make_default(self, action: str, name: str, version: str, override: str = "") -> None:
        """Make a version the default on all servers. Those that don't have it load it first; if one can't, nothing changes."""
        if problem := self.shared_stores.problem_at_a_glance(name, version):
            raise NotThere(problem)
        reason = self.needed_override(action, name, version, override)
        choice = self.registry.choice(name)
        before = choice.default
        if before is not None and version not in (before, *choice.registered):
            self.register(name, version)
            choice = self.registry.choice(name)
        elif before is not None:
            self.decisions.wait_loaded(name, version, print)
        if not servers.there(self.servers()):
            self._try(name, version)
        with self.noted(action, name, version, reason):
            self.decisions.make_default(action, name, version, choice)
        late = self.decisions.wait_default(name, version, FOLLOW_S)
        where = ", ".join(report.host for report in late)
        print(
            f"{name} {version} answers by default now"
            + (f", in place of {before}" if before not in (None, version) else "")
            + (f"; not yet on {where}, which follows by itself" if late else "")
        )

    def retire(self, name: str, version: str) -> None:
        """Have all servers stop serving a version."""
        with self.noted("retire", name, version):
            self.decisions.retire(name, version)

    def import_model(self, source: Path) -> str:
        """Check and try a model from elsewhere, and put it into the store. Returns a sentence for people."""
        with tempfile.TemporaryDirectory(prefix=".importing-", dir=self._work()) as work:
            card = import_model(source, Path(work), ModelStores([]))
            with self.noted("import", card.name, card.version):
                self.shared_stores.add(Path(work) / card.name / card.version)
        return (
            f"{card.name} {card.version} is in {self.shared_stores.place}, its weights are those of its card, and it "
            "answers."
        )

    def remove(self, name: str, version: str) -> str:
        """Delete a version that nothing is decided about any more. Returns where it was."""
        refuse_to_remove(self.registry.choice(name), name, version)
        served = [report.host for report in servers.there(self.servers()) if report.find(name, version)]
        if served:
            raise NotThere(f"{name} {version} is still served on {', '.join(served)}; wait until it isn't.")
        with self.noted("remove", name, version):
            self.shared_stores.remove(name, version)
        return self.shared_stores.place

    def _try(self, name: str, version: str) -> None:
        """Have a version answer here, as no server is there that has loaded it."""
        folder = self.shared_stores.holder(name, version)
        if folder is None:
            raise NotThere(str(self.shared_stores.problem(name, version)))
        try_model(folder, f"{name} {version}")

    def _work(self) -> Path:
        self.data.fetched.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.data.fetched


def overview(stack: SharedStack) -> tuple[list[tuple[str, ...]], list[str]]:
    """Headings and a row for each version in a shared store, and sentences about what is broken or away."""
    reports = stack.servers()
    present = servers.there(reports)
    rows: list[tuple[str, ...]] = [("model", "version", "served", "default", "registered")]
    sentences = []
    stores = stack.shared_stores
    for name in stores.names():
        choice = stack.registry.choice(name)
        for version in stores.versions(name):
            if problem := stores.problem_at_a_glance(name, version):
                sentences.append(f"{name} {version} can't be served: {problem}")
            ready = sum(report.serves(name, version) for report in present)
            rows.append(
                (
                    name,
                    version,
                    "broken" if problem else f"by {ready} of {len(present)}" if present else "no",
                    "yes" if version == choice.default else "",
                    "yes" if version in (choice.default, *choice.registered) else "",
                )
            )
    for report in reports:
        if not report.is_there:
            sentences.append(f"The model server {report.host} has said nothing for {report.age_s:.0f} s.")
            continue
        if report.error:
            sentences.append(f"{report.host}: {report.error}")
        sentences += [
            f"{report.host}: {one.name} {one.version} is {one.state}"
            + (f": {one.error}" if one.error else "")
            for one in report.versions
            if one.state != servers.READY
        ]
    sentences += [
        f"{begun} is not whole: an upload of it goes on, or was cut off." for begun in stores.unfinished()
    ]
    return rows, sentences
