"""The versions that should be served beside a default but can't be, noted at each start for `./retinote models`."""

from __future__ import annotations

import json
from pathlib import Path

Reasons = dict[str, dict[str, str]]
"""By model and version, the reason as a sentence."""


class SetAside:
    """The reasons in a JSON file. A broken file counts as empty, as the next start writes it again."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def reasons(self) -> Reasons:
        """All reasons; none if the file can't be read."""
        try:
            reasons: Reasons = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return reasons

    def reason(self, name: str, version: str) -> str | None:
        """Why this version was set aside; None if it wasn't."""
        return self.reasons().get(name, {}).get(version)

    def begin(self) -> None:
        """Delete all reasons, as a start tries every version again."""
        self._path.unlink(missing_ok=True)

    def add(self, name: str, version: str, reason: str) -> None:
        """Note why a version is not served."""
        reasons = self.reasons()
        reasons.setdefault(name, {})[version] = reason
        self._write(reasons)

    def remove(self, name: str, version: str) -> None:
        """Delete the reason of a version that is served now, or gone."""
        reasons = self.reasons()
        if reasons.get(name, {}).pop(version, None) is not None:
            self._write(reasons)

    def _write(self, reasons: Reasons) -> None:
        partial = self._path.with_suffix(".partial")
        partial.write_text(json.dumps(reasons, indent=2) + "\n", encoding="utf-8")
        partial.replace(self._path)
