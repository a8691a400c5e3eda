"""The number of the next version of a model."""

from __future__ import annotations

from collections.abc import Collection


def next_version(version: str, taken: Collection[str]) -> str:
    """The next minor version that is not taken: 2.2.0 after 2.1.0. Other names get a number behind them."""
    parts = version.split(".")
    numbered = len(parts) >= 2 and all(part.isascii() and part.isdigit() for part in parts[:2])
    for step in range(1, len(taken) + 2):
        new = f"{parts[0]}.{int(parts[1]) + step}.0" if numbered else f"{version}.{step}"
        if new not in taken:
            return new
    raise AssertionError("one of as many versions as there are, and one more, is free")
