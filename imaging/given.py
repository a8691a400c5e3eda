"""What a file's sender says of a volume where the file itself doesn't: the size of its B-scans, or which volume is meant."""

from __future__ import annotations

from dataclasses import dataclass

NUMBERS = ("bscan_width", "bscan_height", "volume_number")


@dataclass(frozen=True)
class Given:
    """What was said with a file; None and "" for what was not."""

    name: str = ""
    """The file's own name. It counts only for formats whose bytes are no more than pixels."""
    bscan_width: int | None = None
    """Of each B-scan, in pixels."""
    bscan_height: int | None = None
    volume_number: int | None = None
    """Which of several volumes in the file, from 1."""
    beside: bytes = b""
    """The text that lies beside a file under the same name."""

    def ends_in(self, endings: tuple[str, ...]) -> bool:
        """Whether the file's name ends in one of these, whatever the case."""
        return self.name.lower().endswith(endings)

    @property
    def numbers(self) -> dict[str, int]:
        """The numbers that were said, by their names."""
        said = {name: getattr(self, name) for name in NUMBERS}
        return {name: value for name, value in said.items() if value is not None}


NOTHING = Given()
