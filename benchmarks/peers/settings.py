"""The settings of another server, which its process reads from a variable."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

VARIABLE = "RETINOTE_BENCH_PEER"


@dataclass(frozen=True)
class PeerSettings:
    """Settings of one server: its model, its port, its workers, threads and batches."""

    model: str
    """The folder with card and weights."""
    port: int
    workers: int
    threads: int
    batch_size: int
    batch_delay_ms: float
    scratch: str
    """A folder for the server's files."""

    def to_environment(self) -> dict[str, str]:
        """The variable for the server's process."""
        return {VARIABLE: json.dumps(asdict(self))}

    @classmethod
    def from_environment(cls, variables: Mapping[str, str] = os.environ) -> PeerSettings:
        """Read what `to_environment` wrote."""
        return cls(**json.loads(variables[VARIABLE]))

    @property
    def folder(self) -> Path:
        """The model's folder."""
        return Path(self.model)
