"""The manifest of a backup: its first member, which describes the others."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from operations.backup.errors import BackupError
from operations.version import installed_version

FORMAT = 1
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Collection:
    """A collection: the number of its documents, and its indexes and options as MongoDB's extended JSON."""

    name: str
    documents: int
    indexes: str
    options: str


@dataclass(frozen=True)
class Files:
    """The number of files of a kind, and their bytes together."""

    count: int = 0
    total_bytes: int = 0


@dataclass(frozen=True)
class Manifest:
    """The content of a backup by `retinote`, a version. `taken` is when its documents were read (UTC, ISO 8601)."""

    retinote: str
    taken: str
    database: str
    collections: tuple[Collection, ...]
    media: Files
    models: Files
    gates: Files = field(default_factory=Files)
    """Missing in older backups."""
    missing_media: tuple[str, ...] = ()
    """Files that documents name but that were already missing. A scan without its image says so after a restore."""
    all_media_missing: bool = False
    """Whether there are such files, and not one that documents name was there. Missing in older backups."""
    format: int = field(default=FORMAT)

    @property
    def documents(self) -> int:
        """The number of documents in all collections."""
        return sum(collection.documents for collection in self.collections)

    def to_json(self) -> bytes:
        """The manifest as the content of its member."""
        return (json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n").encode()

    @classmethod
    def from_json(cls, text: bytes) -> "Manifest":
        """The manifest that `to_json` wrote. Raises BackupError for one that this Retinote can't restore."""
        try:
            content: dict[str, Any] = json.loads(text)
            backup_format = int(content["format"])
        except (ValueError, KeyError, TypeError) as error:
            raise BackupError(f"This is no backup of Retinote: its {MANIFEST} can't be read.") from error
        if backup_format != FORMAT:
            raise BackupError(
                f"The backup has format {backup_format}, and this Retinote reads format {FORMAT}: restore it with the "
                f"Retinote that made it, {content.get('retinote', 'unknown')}, or a newer one."
            )
        try:
            content["collections"] = tuple(Collection(**each) for each in content["collections"])
            content["media"], content["models"] = Files(**content["media"]), Files(**content["models"])
            content["gates"] = Files(**content.get("gates", {}))
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
