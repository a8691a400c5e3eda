"""What the `source` of a scan means: a public data set with its licence, or the project's own simulator."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from training.data.manifest import Scan

SIMULATED = "simulator"
GRAFTED = "grafted-"
"""Lesions drawn into real scans: the prefix before the real scans' source."""


def is_simulated(scan: Scan) -> bool:
    """Whether what the label says was drawn by the simulator, wholly or into a real scan."""
    return scan.source == SIMULATED or scan.source.startswith(GRAFTED)


def describe(source: str) -> dict[str, Any]:
    """Name, licence and citation of a source."""
    known: dict[str, dict[str, Any]] = tomllib.loads(
        Path(__file__).with_name("sources.toml").read_text(encoding="utf-8")
    )
    if source == SIMULATED:
        return {"name": "Retinote's simulator", "licence": "made by this project, no patient data"}
    if source.startswith(GRAFTED):
        real = describe(source.removeprefix(GRAFTED))
        return {**real, "name": f"{real['name']}, healthy scans with simulated lesions"}
    return known.get(source, {"name": source or "unnamed", "licence": "not stated"})
