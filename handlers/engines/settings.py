"""The settings of engines, and their environment variables. Free of torch, for the program that starts workers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

AUTO, COMPILED, OPENVINO, EAGER = "auto", "compiled", "openvino", "eager"
INT8, AUTO_INT8 = "int8", "auto-int8"
"""`auto-int8` is `auto` that tries int8 first."""
WITHOUT_WAITING = {COMPILED: AUTO, INT8: AUTO_INT8}
"""By an engine whose network is compiled, the setting that takes it, and lets another one answer until it is made."""
ENGINE_VARIABLE, CACHE_VARIABLE, BATCH_VARIABLE, REPORTS_VARIABLE = (
    "RETINOTE_ENGINE",
    "RETINOTE_ENGINE_CACHE",
    "RETINOTE_MAX_BATCH",
    "RETINOTE_ENGINE_REPORTS",
)
DEFAULT_MAX_BATCH = 8
COMPILED_SUFFIX = ".pt2"
"""Ending of the files in the cache folder."""


@dataclass(frozen=True)
class EngineSettings:
    """The engine to use, the largest batch, and the folder that keeps compiled networks (None: no folder).

    With `interim`, another engine answers while a network still has to be compiled, unless a certain one is asked for.
    `reports` is the folder in which a process says which engine answers (see `reports.py`).
    """

    engine: str = AUTO
    cache: Path | None = None
    max_batch: int = DEFAULT_MAX_BATCH
    interim: bool = False
    reports: Path | None = None

    @classmethod
    def from_environment(cls, variables: Mapping[str, str] = os.environ) -> EngineSettings:
        """The settings in RETINOTE_ENGINE, RETINOTE_ENGINE_CACHE, RETINOTE_MAX_BATCH and RETINOTE_ENGINE_REPORTS."""
        cache, reports = variables.get(CACHE_VARIABLE), variables.get(REPORTS_VARIABLE)
        return cls(
            engine=variables.get(ENGINE_VARIABLE) or AUTO,
            cache=Path(cache) if cache else None,
            max_batch=int(variables.get(BATCH_VARIABLE) or DEFAULT_MAX_BATCH),
            reports=Path(reports) if reports else None,
        )
