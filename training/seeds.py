"""Seeds as commands take them."""

from __future__ import annotations

from training.data.manifest import DataError


def check_seed(seed: int) -> None:
    """Raise DataError for a negative `--seed`, which NumPy does not take."""
    if seed < 0:
        raise DataError(f"--seed is {seed}; choose a whole number of 0 or more")
