"""Which versions of which models the stack serves: decided by `./retinote models`, kept over restarts."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from serving.errors import ServingError
from serving.stores import ModelStores


@dataclass(frozen=True)
class Choice:
    """What was decided for one model.

    `promoted` are the versions that have been the default, the present one last; `weights` has the sha256 of the
    weights of each of them as they were then. `registered` versions are served beside the default.
    """

    registered: list[str] = field(default_factory=list)
    promoted: list[str] = field(default_factory=list)
    weights: dict[str, str] = field(default_factory=dict)

    @property
    def default(self) -> str | None:
        """The version that answers when a caller names none; None where none was ever promoted."""
        return self.promoted[-1] if self.promoted else None


class Registry:
    """The decisions, in a JSON file; each change is made by one process at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def choice(self, name: str) -> Choice:
        """The decisions for a model; an empty choice when there are none."""
        return self._read().get(name, Choice())

    def names(self) -> list[str]:
        """Models for which something was decided."""
        return sorted(self._read())

    def registered(self, name: str, version: str) -> None:
        """Note that a version is to be served."""
        self._change(name, lambda choice: _with_registered(choice, version))

    def promoted(self, name: str, version: str, weights_sha256: str) -> None:
        """Note that a version is the default from now on; the one before stays registered."""

        def change(choice: Choice) -> Choice:
            if choice.default not in (None, version):
                choice = _with_registered(choice, str(choice.default))
            return replace(
                choice,
                promoted=[*(known for known in choice.promoted if known != version), version],
                weights=choice.weights | {version: weights_sha256},
            )

        self._change(name, change)

    def rolled_back(self, name: str, version: str, weights_sha256: str) -> None:
        """Note that an earlier default is the default again; what was promoted after it stays registered alone."""

        def change(choice: Choice) -> Choice:
            if choice.default is not None:
                choice = _with_registered(choice, choice.default)
            kept = choice.promoted[: choice.promoted.index(version)] if version in choice.promoted else []
            weights = {known: choice.weights[known] for known in kept if known in choice.weights}
            return replace(choice, promoted=[*kept, version], weights=weights | {version: weights_sha256})

        self._change(name, change)

    def retired(self, name: str, version: str) -> None:
        """Note that a version is no longer served; that of a default ends all that was decided for the model."""

        def change(choice: Choice) -> Choice:
            if version == choice.default:
                return Choice()
            return Choice(
                registered=[known for known in choice.registered if known != version],
                promoted=[known for known in choice.promoted if known != version],
                weights={known: sha256 for known, sha256 in choice.weights.items() if known != version},
            )

        self._change(name, change)

    def _read(self) -> dict[str, Choice]:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            return {name: Choice(**choice) for name, choice in found.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise ServingError(
                f"{self._path}, which says what was promoted, can't be read ({error}). Put back a copy, such as a "
                "backup's; or remove it, and promote the version that is to answer before the next start: "
                "./retinote models promote NAME VERSION"
            ) from error

    def _change(self, name: str, change: Callable[[Choice], Choice]) -> None:
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            found = self._read()
            found[name] = change(found.get(name, Choice()))
            self._write({known: choice for known, choice in found.items() if choice != Choice()})

    def _write(self, found: dict[str, Choice]) -> None:
        partial = self._path.with_suffix(".partial")
        with partial.open("w", encoding="utf-8") as file:
            file.write(json.dumps({name: asdict(choice) for name, choice in found.items()}, indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self._path)


def _with_registered(choice: Choice, version: str) -> Choice:
    return replace(choice, registered=sorted({*choice.registered, version}))


@dataclass(frozen=True)
class Wanted:
    """What is to be served of one model: the default version, and the others.

    `set_aside` has, by version, why one that should be served beside the default is not, in a sentence.
    """

    name: str
    default: str
    others: tuple[str, ...] = ()
    set_aside: dict[str, str] = field(default_factory=dict)


def undecided(stores: ModelStores, registry: Registry) -> dict[str, str]:
    """The defaults that a start has to note, by model: of each that has none yet the highest sound version.

    They are looked for in the first store, which comes with the installation or was named; in a later one only where
    the first has no model and nothing was ever promoted. So nothing that was imported answers before it is promoted.
    """
    decided = {name for name in registry.names() if registry.choice(name).default}
    for folder in stores.folders:
        store = ModelStores([folder])
        names = store.names()
        if names or decided:
            sound = {
                name: [version for version in store.versions(name) if not store.problem(name, version)]
                for name in names
                if name not in decided
            }
            return {name: versions[-1] for name, versions in sound.items() if versions}
    return {}


def defaults(stores: ModelStores, registry: Registry) -> dict[str, str]:
    """The version of each model that a start would have answer by default."""
    noted = {name: registry.choice(name).default for name in registry.names()}
    return undecided(stores, registry) | {name: version for name, version in noted.items() if version}


def wanted(stores: ModelStores, registry: Registry) -> list[Wanted]:
    """What a starting model server is to serve: of each model its default, and what is registered beside it.

    Of what is registered, broken versions are set aside. Raises ServingError, saying what to do, when a default can't
    be served: another version answers only when somebody has promoted it; or when no model has a default.
    """
    found = []
    for name in registry.names():
        choice = registry.choice(name)
        if choice.default is None:
            continue
        problem = stores.problem(name, choice.default) or _exchanged(stores, name, choice)
        if problem:
            raise ServingError(broken_default(stores, name, choice.default, problem))
        beside = [version for version in choice.registered if version != choice.default]
        problems = {version: stores.problem(name, version) for version in beside}
        found.append(
            Wanted(
                name,
                choice.default,
                tuple(version for version in beside if not problems[version]),
                {version: problem for version, problem in problems.items() if problem},
            )
        )
    if not found:
        raise ServingError(_no_model(stores))
    return found


def broken_default(stores: ModelStores, name: str, version: str, problem: str) -> str:
    """What people are told when a model's default can't be served."""
    sound = [known for known in stores.versions(name) if known != version and not stores.problem(name, known)]
    others = f"; sound versions: {', '.join(sound)}" if sound else ""
    return (
        f"{name} {version}, which answers by default, can't be served: {problem.rstrip('.')}. Nothing else answers in "
        f"its place by itself: put it back as it was, or promote another version{others}: "
        f"./retinote models promote {name} VERSION"
    )


def _exchanged(stores: ModelStores, name: str, choice: Choice) -> str | None:
    """Why a sound default is not what was promoted, if it isn't."""
    version = str(choice.default)
    known, found = choice.weights.get(version), stores.weights_sha256(name, version)
    if known is None or known == found:
        return None
    return (
        f"{stores.holder(name, version)} has other weights (sha256 {found}) than those that were promoted ({known}); "
        "promoting it once more accepts them"
    )


def _no_model(stores: ModelStores) -> str:
    places = " and ".join(str(folder) for folder in stores.folders)
    broken = [
        problem
        for name in stores.names()
        for version in stores.versions(name)
        if (problem := stores.problem(name, version))
    ]
    if broken:
        return f"There is no sound model to serve in {places}: {broken[0]}"
    return (
        f"There is no model to serve in {places}: a model is a folder NAME/VERSION with model.json and "
        "weights.safetensors. Train one with ./retinote train, or name another store with --model-store."
    )
