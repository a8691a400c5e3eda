"""An OCT simulator: B-scans of all eight labels with masks of their lesions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from training.simulator.labels import LABELS

if TYPE_CHECKING:
    from training.simulator.scans import SimulatedScans, simulate

__all__ = ["LABELS", "SimulatedScans", "simulate"]


def __getattr__(name: str) -> Any:
    """Load what draws only when it is asked for: `--help` must not wait for it."""
    if name in {"SimulatedScans", "simulate"}:
        from training.simulator import scans

        return getattr(scans, name)
    raise AttributeError(name)
