"""Where models lie: the repository's model store and, for those made on this machine, the data folder's."""

import json
from collections.abc import Iterable
from pathlib import Path

from serving.archive import CARD, build_archive, version_key, versions
from serving.errors import ServingError


class ModelStores:
    """Model stores searched in order: the first that has a version gives it."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self.folders = tuple(folders)

    def names(self) -> list[str]:
        """Models of which there is at least one version."""
        return sorted(
            {card.parents[1].name for folder in self.folders for card in folder.glob(f"*/*/{CARD}")}
        )

    def versions(self, name: str) -> list[str]:
        """Versions of a model in all stores, lowest first."""
        found = {version for folder in self.folders for version in versions(folder, name)}
        return sorted(found, key=version_key)

    def weights_sha256(self, name: str, version: str) -> str:
        """What the card of a version says of its weights; empty when no store has a readable one."""
        for folder in self.folders:
            try:
                card = json.loads((folder / name / version / CARD).read_text(encoding="utf-8"))
                return str(card["weights_sha256"])
            except (OSError, ValueError, KeyError, TypeError):
                continue
        return ""

    def build(self, name: str, version: str, out: Path) -> Path:
        """Build the archive of a version (see `build_archive`). Raises ServingError when no store has it."""
        holder = next((folder for folder in self.folders if version in versions(folder, name)), None)
        if holder is None:
            known = ", ".join(self.versions(name)) or "none"
            places = " and ".join(str(folder) for folder in self.folders)
            raise ServingError(
                f"There is no {name} {version} in {places}; versions of {name} there: {known}."
            )
        return build_archive(holder, name, version, out)
