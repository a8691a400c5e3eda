"""Where models lie: the repository's model store and, for those made on this machine, the data folder's."""

import json
from collections.abc import Iterable
from pathlib import Path

from handlers.card import NAME
from serving.archive import CARD, build_archive, checked_version, version_key, versions
from serving.errors import ServingError


class ModelStores:
    """Model stores searched in order: the first that has a version gives it."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self.folders = tuple(folders)

    def names(self) -> list[str]:
        """Models of which there is at least one version."""
        found = {card.parents[1].name for folder in self.folders for card in folder.glob(f"*/*/{CARD}")}
        return sorted(name for name in found if NAME.fullmatch(name))

    def versions(self, name: str) -> list[str]:
        """Versions of a model in all stores, lowest first."""
        found = {version for folder in self.folders for version in versions(folder, name)}
        return sorted(found, key=version_key)

    def holder(self, name: str, version: str) -> Path | None:
        """The folder of a version, in the first store that has it; None when none has."""
        return next(
            (folder / name / version for folder in self.folders if version in versions(folder, name)), None
        )

    def problem(self, name: str, version: str) -> str | None:
        """Why a version can't be served, in a sentence: it isn't there, its card can't be used, its weights are others.

        None when nothing is wrong that can be told without loading the network.
        """
        holder = self.holder(name, version)
        if holder is None:
            return self._unknown(name, version)
        try:
            checked_version(holder.parents[1], name, version)
        except ServingError as error:
            return str(error)
        return None

    def weights_sha256(self, name: str, version: str) -> str:
        """What the card of a version says of its weights; empty when there is none that can be read."""
        holder = self.holder(name, version)
        try:
            return (
                str(json.loads((holder / CARD).read_text(encoding="utf-8"))["weights_sha256"])
                if holder
                else ""
            )
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def build(self, name: str, version: str, out: Path) -> Path:
        """Build the archive of a version (see `build_archive`). Raises ServingError when no store has it."""
        holder = self.holder(name, version)
        if holder is None:
            raise ServingError(self._unknown(name, version))
        return build_archive(holder.parents[1], name, version, out)

    def _unknown(self, name: str, version: str) -> str:
        known = ", ".join(self.versions(name)) or "none"
        places = " and ".join(str(folder) for folder in self.folders)
        return f"There is no {name} {version} in {places}; versions of {name} there: {known}."
