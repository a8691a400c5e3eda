"""Why versions that should be served beside a default are not: noted at each start, for `./retinote models`."""

from __future__ import annotations

import json
from pathlib import Path

Reasons = dict[str, dict[str, str]]
"""By model and version, a sentence."""


class SetAside:
    """The reasons, in a JSON file. What can't be read is as good as empty: the next start writes it anew."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def reasons(self) -> Reasons:
        """All reasons; none where the file can't be read."""
        try:
            found: Reasons = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found

    def reason(self, name: str, version: str) -> str | None:
        """Why this version is not served, if it was set aside."""
        return self.reasons().get(name, {}).get(version)

    def begin(self) -> None:
        """Forget all: a start tries every version again."""
        self._path.unlink(missing_ok=True)

    def add(self, name: str, version: str, reason: str) -> None:
        """Note why a version is not served."""
        found = self.reasons()
        found.setdefault(name, {})[version] = reason
        self._write(found)

    def remove(self, name: str, version: str) -> None:
        """Forget a version, which is served now, or gone."""
        found = self.reasons()
        if found.get(name, {}).pop(version, None) is not None:
            self._write(found)

    def _write(self, found: Reasons) -> None:
        partial = self._path.with_suffix(".partial")
        partial.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        partial.replace(self._path)
