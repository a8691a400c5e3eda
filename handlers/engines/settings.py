"""Which engine is wanted, and the variables that say so. Free of torch: who starts the workers reads it, too."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

AUTO, COMPILED, OPENVINO, EAGER = "auto", "compiled", "openvino", "eager"
ENGINE_VARIABLE, CACHE_VARIABLE, BATCH_VARIABLE = (
    "RETINOTE_ENGINE",
    "RETINOTE_ENGINE_CACHE",
    "RETINOTE_MAX_BATCH",
)
DEFAULT_MAX_BATCH = 8
COMPILED_SUFFIX = ".pt2"
"""Of the files in the cache folder."""


@dataclass(frozen=True)
class EngineSettings:
    """What is wanted: an engine, the largest batch, and the folder in which compiled networks are kept (None: none)."""

    engine: str = AUTO
    cache: Path | None = None
    max_batch: int = DEFAULT_MAX_BATCH

    @classmethod
    def from_environment(cls, variables: Mapping[str, str] = os.environ) -> EngineSettings:
        """As RETINOTE_ENGINE, RETINOTE_ENGINE_CACHE and RETINOTE_MAX_BATCH say."""
        cache = variables.get(CACHE_VARIABLE)
        return cls(
            engine=variables.get(ENGINE_VARIABLE) or AUTO,
            cache=Path(cache) if cache else None,
            max_batch=int(variables.get(BATCH_VARIABLE) or DEFAULT_MAX_BATCH),
        )
