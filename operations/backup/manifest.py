"""What a backup says of itself: its first member, written before anything else and read before anything else."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from operations.backup.errors import BackupError
from operations.version import installed_version

FORMAT = 1
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Collection:
    """A collection: how many documents it has, and what it is made with beside them (MongoDB's extended JSON)."""

    name: str
    documents: int
    indexes: str
    options: str


@dataclass(frozen=True)
class Files:
    """How many files of a kind there are, and their bytes together."""

    count: int = 0
    total_bytes: int = 0


@dataclass(frozen=True)
class Manifest:
    """The content of a backup. `taken` is when its documents were read (UTC, ISO 8601)."""

    retinote: str
    taken: str
    database: str
    collections: tuple[Collection, ...]
    media: Files
    models: Files
    missing_media: tuple[str, ...] = ()
    """Files that documents name and that were gone before; a restored scan without its image says so, too."""
    format: int = field(default=FORMAT)

    @property
    def documents(self) -> int:
        """How many documents there are in all collections."""
        return sum(collection.documents for collection in self.collections)

    def to_json(self) -> bytes:
        """The manifest as its member holds it."""
        return (json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n").encode()

    @classmethod
    def from_json(cls, text: bytes) -> "Manifest":
        """The manifest that `to_json` wrote. Raises BackupError for one that this Retinote can't restore."""
        try:
            content: dict[str, Any] = json.loads(text)
            found = int(content["format"])
        except (ValueError, KeyError, TypeError) as error:
            raise BackupError(f"This is no backup of Retinote: its {MANIFEST} can't be read.") from error
        if found != FORMAT:
            raise BackupError(
                f"The backup has format {found}, and this Retinote reads format {FORMAT}: restore it with the "
                f"Retinote that made it, {content.get('retinote', 'unknown')}, or a newer one."
            )
        try:
            content["collections"] = tuple(Collection(**each) for each in content["collections"])
            content["media"], content["models"] = Files(**content["media"]), Files(**content["models"])
            content["missing_media"] = tuple(content["missing_media"])
            manifest = cls(**content)
        except (KeyError, TypeError, AttributeError) as error:
            raise BackupError(f"The backup's {MANIFEST} is not what its format asks for: {error}.") from error
        if _numbers(manifest.retinote) > _numbers(installed_version()):
            raise BackupError(
                f"The backup was made by Retinote {manifest.retinote}, and this is {installed_version()}: its "
                "documents may have a form that only the newer one knows. Restore it with that version."
            )
        return manifest


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isascii() and part.isdigit())
