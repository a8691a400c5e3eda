"""The registry: which versions of which models are served, as decided by `./retinote models`. It survives restarts."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from serving.errors import ServingError
from serving.shared.objects import Changing, Document
from serving.stores import ModelStores


@dataclass(frozen=True)
class Choice:
    """The decisions for one model.

    `promoted` lists the versions that have been the default, the present one last. `weights` has the sha256 of the
    weights that each of them had when it was promoted. `registered` versions are served beside the default. Of a model
    whose default was retired, `weights` alone are left: earlier releases read them, and no further field.
    """

    registered: list[str] = field(default_factory=list)
    promoted: list[str] = field(default_factory=list)
    weights: dict[str, str] = field(default_factory=dict)

    @property
    def default(self) -> str | None:
        """The version that answers requests without a version; None if none was ever promoted."""
        return self.promoted[-1] if self.promoted else None

    @property
    def retired(self) -> str | None:
        """The default that was retired with nothing in its place; None if another one was promoted since, or none was."""
        return None if self.promoted or self.registered else next(iter(self.weights), None)


class DecidedMeanwhile(ServingError):
    """Somebody else has decided about the model since the decisions were looked at; nothing was changed."""


class Registry:
    """The decisions in a JSON file, or in another document. Raises ServingError if it can't be read.

    Each change returns the decisions for the model as they are then. One that names the choice it was `expected` to meet
    is refused, by DecidedMeanwhile, if it meets another one: of two administrators who decide at the same time, one does.
    """

    def __init__(self, place: Path | Document) -> None:
        self._document = FileDocument(place) if isinstance(place, Path) else place

    def choice(self, name: str) -> Choice:
        """The decisions for a model; an empty choice if there are none."""
        return self._read().get(name, Choice())

    def names(self) -> list[str]:
        """The models with decisions."""
        return sorted(self._read())

    def note_registered(
        self, name: str, version: str, weights_sha256: str = "", expected: Choice | None = None
    ) -> Choice:
        """Note that a version is to be served, and with which weights, if that is said."""

        def change(choice: Choice) -> Choice:
            weights = choice.weights | ({version: weights_sha256} if weights_sha256 else {})
            return replace(_with_registered(choice, version), weights=weights)

        return self._change(name, change, expected)

    def note_promoted(
        self, name: str, version: str, weights_sha256: str, expected: Choice | None = None
    ) -> Choice:
        """Note that a version is the default from now on. The previous default stays registered."""

        def change(choice: Choice) -> Choice:
            if choice.retired:
                choice = Choice()
            elif choice.default not in (None, version):
                choice = _with_registered(choice, str(choice.default))
            return replace(
                choice,
                promoted=[*(known for known in choice.promoted if known != version), version],
                weights=choice.weights | {version: weights_sha256},
            )

        return self._change(name, change, expected)

    def note_rolled_back(
        self, name: str, version: str, weights_sha256: str, expected: Choice | None = None
    ) -> Choice:
        """Note that an earlier default is the default again. Versions promoted after it are forgotten as defaults.

        The previous default stays registered.
        """

        def change(choice: Choice) -> Choice:
            if choice.default is not None:
                choice = _with_registered(choice, choice.default)
            kept = choice.promoted[: choice.promoted.index(version)] if version in choice.promoted else []
            weights = {known: choice.weights[known] for known in kept if known in choice.weights}
            return replace(choice, promoted=[*kept, version], weights=weights | {version: weights_sha256})

        return self._change(name, change, expected)

    def note_retired(self, name: str, version: str, expected: Choice | None = None) -> Choice:
        """Note that a version is no longer served. After the default, no version is, until another one is promoted."""

        def change(choice: Choice) -> Choice:
            if version == choice.default:
                return Choice(weights={version: choice.weights.get(version, "")})
            return Choice(
                registered=[known for known in choice.registered if known != version],
                promoted=[known for known in choice.promoted if known != version],
                weights={known: sha256 for known, sha256 in choice.weights.items() if known != version},
            )

        return self._change(name, change, expected)

    def _read(self) -> dict[str, Choice]:
        try:
            return _choices(self._document.read())
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> ServingError:
        return ServingError(
            f"{self._document.place}, which says what was promoted, can't be read ({error}). Put back a copy, such as a "
            "backup's; or remove it, and promote the version that is to answer before the next start: "
            "./retinote models promote NAME VERSION"
        )

    def _change(
        self, name: str, change: Callable[[Choice], Choice], expected: Choice | None = None
    ) -> Choice:
        changed = Choice()

        def make(text: str | None) -> str:
            nonlocal changed
            try:
                choices = _choices(text)
            except (ValueError, TypeError, AttributeError) as error:
                raise self._unreadable(error) from error
            present = choices.get(name, Choice())
            if expected is not None and present != expected:
                raise DecidedMeanwhile(
                    f"Somebody else has decided about {name} meanwhile: {present.default or 'no version'} answers by "
                    "default. Nothing was changed; look at ./retinote models list, and decide again."
                )
            choices[name] = changed = change(present)
            kept = {known: asdict(choice) for known, choice in choices.items() if choice != Choice()}
            return json.dumps(kept, indent=2) + "\n"

        self._document.change(make)
        return changed


class FileDocument:
    """A text in a file of this machine, which one process at a time changes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def place(self) -> str:
        """The file's path."""
        return str(self._path)

    def read(self) -> str | None:
        """The text; None if there is no file."""
        try:
            return self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def change(self, make: Changing) -> None:
        """Write what `make` makes of the text, on the disk before this returns."""
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            text = make(self.read())
            partial = self._path.with_suffix(".partial")
            with partial.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self._path)


def _choices(text: str | None) -> dict[str, Choice]:
    content = {} if text is None else json.loads(text)
    return {name: Choice(**choice) for name, choice in content.items()}


def _with_registered(choice: Choice, version: str) -> Choice:
    return replace(choice, registered=sorted({*choice.registered, version}))


@dataclass(frozen=True)
class ModelToServe:
    """The versions of one model to serve: the default, and the others.

    `set_aside` has the versions that should be served beside the default but can't be, with the reason as a sentence.
    """

    name: str
    default: str
    others: tuple[str, ...] = ()
    set_aside: dict[str, str] = field(default_factory=dict)


def missing_defaults(stores: ModelStores, registry: Registry) -> dict[str, str]:
    """For each model without a default, the version to make its default: the highest sound one.

    Only the first store counts, which comes with the installation or was named on the command line. A later one counts
    only if the first has no model and nothing was ever promoted. So an imported model doesn't answer before it is
    promoted, and a model that was retired doesn't come back by itself.
    """
    choices = {name: registry.choice(name) for name in registry.names()}
    decided = {name for name, choice in choices.items() if choice.default or choice.retired}
    for folder in stores.starting_folders:
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


def default_versions(stores: ModelStores, registry: Registry) -> dict[str, str]:
    """The default version of each model after the next start."""
    noted = {name: registry.choice(name).default for name in registry.names()}
    return missing_defaults(stores, registry) | {name: version for name, version in noted.items() if version}


def models_to_serve(
    stores: ModelStores, registry: Registry, serves: Callable[[str], bool] = lambda name: True
) -> list[ModelToServe]:
    """The models that a starting model server has to serve: each with its default and the registered versions.

    `serves` says by a model's name whether this server is to have it. Broken registered versions are set aside. A broken
    default is not replaced, as only `promote` makes another version answer. Raises ServingError, which says what to do,
    if a default can't be served or no model has one.
    """
    models = []
    wanted = [name for name in registry.names() if registry.choice(name).default and serves(name)]
    for name in wanted:
        choice = registry.choice(name)
        assert choice.default is not None
        problem = stores.problem(name, choice.default) or _other_weights(stores, name, choice)
        if problem:
            others = [other for other in wanted if other != name]
            raise ServingError(broken_default(stores, name, choice.default, problem, others))
        beside = [version for version in choice.registered if version != choice.default]
        problems = {version: stores.problem(name, version) for version in beside}
        models.append(
            ModelToServe(
                name,
                choice.default,
                tuple(version for version in beside if not problems[version]),
                {version: problem for version, problem in problems.items() if problem},
            )
        )
    if not models:
        raise ServingError(_no_model(stores, retired_models(registry, serves)))
    return models


def retired_models(registry: Registry, serves: Callable[[str], bool]) -> list[str]:
    """A sentence for each model that `serves` names and that isn't served, as its default was retired."""
    retired = {name: registry.choice(name).retired for name in registry.names() if serves(name)}
    return [
        f"{name} is left out, as {version} was retired; promote the version that is to answer: "
        f"./retinote models promote {name} VERSION"
        for name, version in retired.items()
        if version
    ]


def broken_default(
    stores: ModelStores, name: str, version: str, problem: str, beside: Sequence[str] = ()
) -> str:
    """The sentence for a default version that can't be served; `beside` are other models that are to be served."""
    sound = [
        known
        for known in stores.versions(name)
        if known != version and not stores.problem_at_a_glance(name, known)
    ]
    others = f"; sound versions: {', '.join(sound)}" if sound else ""
    return (
        f"{name} {version}, which answers by default, can't be served: {problem.rstrip('.')}. Nothing else answers in "
        f"its place by itself: put it back as it was, or promote another version{others}: "
        f"./retinote models promote {name} VERSION --override REASON"
        + (f". To start without it: ./retinote up --models {' '.join(beside)}" if beside else "")
    )


def _other_weights(stores: ModelStores, name: str, choice: Choice) -> str | None:
    """The problem of a sound default whose weights are not those that were promoted; None without it."""
    version = str(choice.default)
    promoted, present = choice.weights.get(version), stores.weights_sha256(name, version)
    if promoted is None or promoted == present:
        return None
    return (
        f"{stores.holder(name, version)} has other weights (sha256 {present}) than those that were promoted "
        f"({promoted}); promoting it once more, with --override REASON, accepts them"
    )


def _no_model(stores: ModelStores, retired: Sequence[str]) -> str:
    if retired:
        return f"There is no model to serve: {retired[0]}"
    broken = [
        problem
        for name in stores.names()
        for version in stores.versions(name)
        if (problem := stores.problem_at_a_glance(name, version))
    ]
    if broken:
        return f"There is no sound model to serve in {stores.place}: {broken[0]}"
    return (
        f"There is no model to serve in {stores.place}: a model is a folder NAME/VERSION with model.json and "
        "weights.safetensors. Train one with ./retinote train, or name another store with --model-store."
    )
