"""The kinds of finding that a decoder learns, and which of them a label allows."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from training.data.manifest import DataError
from training.simulator.findings import Finding

LABELS_FILE = Path(__file__).with_name("labels.toml")
KINDS: tuple[str, ...] = tuple(
    finding.name.lower() for finding in Finding if finding not in (Finding.NONE, Finding.OTHER)
)
"""In the order of the decoder's channels; the channel before them is "none"."""


@dataclass(frozen=True)
class LabelFindings:
    """What a label says of a scan's findings, by channel.

    A scan may show the kinds in `goes_with` and no others, and shows at least one of those in `needs`, if any.
    """

    goes_with: tuple[int, ...]
    needs: tuple[int, ...]

    @property
    def excludes(self) -> tuple[int, ...]:
        """The channels of the kinds that such a scan doesn't show."""
        return tuple(channel for channel in range(1, len(KINDS) + 1) if channel not in self.goes_with)


def read_label_findings(file: Path = LABELS_FILE) -> dict[str, LabelFindings]:
    """What each label says of a scan's findings. Raises DataError with the file, and the label that is wrong."""
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{file}: can't be read ({error})") from error
    return {label: _findings_of(file, label, given) for label, given in content.items()}


def _findings_of(file: Path, label: str, given: Mapping[str, list[str]]) -> LabelFindings:
    channels = {}
    for key in ("goes_with", "needs"):
        for kind in given.get(key, []):
            if kind not in KINDS:
                raise DataError(f"{file}: {label}.{key} names {kind!r}; kinds are {', '.join(KINDS)}")
        channels[key] = tuple(KINDS.index(kind) + 1 for kind in given.get(key, []))
    return LabelFindings(**channels)
