"""The model stores: the repository's, and the data folder's for models that were imported."""

import json
from collections.abc import Iterable
from pathlib import Path

from handlers.card import NAME, CardError, ModelCard
from serving.archive import CARD, build_archive, checked_version, version_key, versions
from serving.errors import ServingError


class ModelStores:
    """Model stores that are searched in order; the first that has a version counts."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self.folders = tuple(folders)

    @property
    def place(self) -> str:
        """Where the versions are, as people name it."""
        return " and ".join(str(folder) for folder in self.folders)

    @property
    def starting_folders(self) -> tuple[Path, ...]:
        """The folders whose versions may become the default by themselves, at the first start."""
        return self.folders

    def names(self) -> list[str]:
        """The models with at least one version."""
        names = {card.parents[1].name for folder in self.folders for card in folder.glob(f"*/*/{CARD}")}
        return sorted(name for name in names if NAME.fullmatch(name))

    def versions(self, name: str) -> list[str]:
        """The versions of a model in all stores, lowest first."""
        in_all = {version for folder in self.folders for version in versions(folder, name)}
        return sorted(in_all, key=version_key)

    def holder(self, name: str, version: str) -> Path | None:
        """The folder of a version, in the first store that has it; None if none has."""
        return next(
            (folder / name / version for folder in self.folders if version in versions(folder, name)), None
        )

    def problem(self, name: str, version: str) -> str | None:
        """Why a version can't be served, as a sentence: it is missing, its card is broken, or a file is not the card's.

        None if nothing is wrong, as far as can be told without loading the network.
        """
        holder = self.holder(name, version)
        if holder is None:
            return self._unknown(name, version)
        try:
            checked_version(holder.parents[1], name, version)
        except ServingError as error:
            return str(error)
        return None

    def problem_at_a_glance(self, name: str, version: str) -> str | None:
        """As `problem`, for lists of all versions; a shared store looks less closely for it."""
        return self.problem(name, version)

    def weights_sha256(self, name: str, version: str) -> str:
        """The sha256 of a version's weights by its card; empty if there is no card that can be read."""
        try:
            return str(json.loads(self._card_at_hand(name, version) or b"")["weights_sha256"])
        except (ValueError, KeyError, TypeError):
            return ""

    def answering_sha256(self, name: str, version: str) -> str:
        """The sha256 of what a version answers by (`ModelCard.answering_sha256`); empty without a sound card."""
        try:
            return ModelCard.from_json(self._card_at_hand(name, version) or b"").answering_sha256
        except CardError:
            return ""

    def _card_at_hand(self, name: str, version: str) -> bytes | None:
        """The content of a version's card; None if there is none that can be read."""
        try:
            holder = self.holder(name, version)
            return (holder / CARD).read_bytes() if holder else None
        except OSError:
            return None

    def build(self, name: str, version: str, out: Path) -> Path:
        """Build the archive of a version in the folder `out` (see `build_archive`). Raises ServingError."""
        holder = self.holder(name, version)
        if holder is None:
            raise ServingError(self._unknown(name, version))
        return build_archive(holder.parents[1], name, version, out)

    def _unknown(self, name: str, version: str) -> str:
        known = ", ".join(self.versions(name)) or "none"
        return f"There is no {name} {version} in {self.place}; versions of {name} there: {known}."
