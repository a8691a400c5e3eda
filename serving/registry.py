"""Which versions of which models the stack serves: decided by `./retinote models`, kept over restarts."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from serving.errors import ServingError
from serving.stores import ModelStores


@dataclass
class Choice:
    """What was decided for one model: versions registered beside the default, and promotions, latest last."""

    registered: list[str] = field(default_factory=list)
    promoted: list[str] = field(default_factory=list)


class Registry:
    """The decisions, in a JSON file."""

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
        choice = self.choice(name)
        choice.registered = sorted({*choice.registered, version})
        self._write(name, choice)

    def promoted(self, name: str, version: str) -> None:
        """Note that a version is the default from now on."""
        choice = self.choice(name)
        choice.promoted = [*(known for known in choice.promoted if known != version), version]
        self._write(name, choice)

    def retired(self, name: str, version: str) -> None:
        """Note that a version is no longer served."""
        choice = self.choice(name)
        choice.registered = [known for known in choice.registered if known != version]
        choice.promoted = [known for known in choice.promoted if known != version]
        self._write(name, choice)

    def _read(self) -> dict[str, Choice]:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            return {name: Choice(**choice) for name, choice in found.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError) as error:
            raise ServingError(
                f"{self._path} can't be read ({error}); remove it to serve the newest version."
            ) from error

    def _write(self, name: str, choice: Choice) -> None:
        found = self._read() | {name: choice}
        partial = self._path.with_suffix(".partial")
        partial.write_text(json.dumps({key: asdict(value) for key, value in found.items()}, indent=2) + "\n")
        partial.replace(self._path)


@dataclass(frozen=True)
class Wanted:
    """What is to be served of one model: the default version, and the others."""

    name: str
    default: str
    others: tuple[str, ...]


def wanted(stores: ModelStores, registry: Registry) -> list[Wanted]:
    """What a starting model server is to serve: of each model the version promoted last, else the highest.

    Versions that are no longer in a store are left out. Raises ServingError when there is no model at all.
    """
    found = []
    for name in stores.names():
        available = stores.versions(name)
        choice = registry.choice(name)
        default = next(
            (version for version in reversed(choice.promoted) if version in available), available[-1]
        )
        others = tuple(
            version for version in choice.registered if version in available and version != default
        )
        found.append(Wanted(name, default, others))
    if not found:
        places = " and ".join(str(folder) for folder in stores.folders)
        raise ServingError(
            f"There is no model to serve in {places}: a model is a folder NAME/VERSION with model.json and "
            "weights.safetensors. Train one with ./retinote train, or name another store with --model-store."
        )
    return found
