"""What the source of a scan is: a public data set with its licence, or the project's own simulator."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from training.data.manifest import Scan

SIMULATED = "simulator"
GRAFTED = "grafted-"
"""Prefix of the source of real scans into which lesions were drawn."""


def is_simulated(scan: Scan) -> bool:
    """Whether the simulator drew the lesions, in a whole scan of its own or in a real one."""
    return scan.source == SIMULATED or scan.source.startswith(GRAFTED)


def describe(source: str) -> dict[str, Any]:
    """Name and licence of a source, and how to cite it where sources.toml says so."""
    known: dict[str, dict[str, Any]] = tomllib.loads(
        Path(__file__).with_name("sources.toml").read_text(encoding="utf-8")
    )
    if source == SIMULATED:
        return {"name": "Retinote's simulator", "licence": "made by this project, no patient data"}
    if source.startswith(GRAFTED):
        real = describe(source.removeprefix(GRAFTED))
        return {**real, "name": f"{real['name']}, healthy scans with simulated lesions"}
    return known.get(source, {"name": source or "unnamed", "licence": "not stated"})
