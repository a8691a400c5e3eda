"""What a server of another make is told at its start, by variables: they start in processes of their own."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

VARIABLE = "RETINOTE_BENCH_PEER"


@dataclass(frozen=True)
class PeerSettings:
    """One start of a server: which model, where it listens, how it shares out the machine."""

    model: str
    """The folder with card and weights."""
    port: int
    workers: int
    threads: int
    batch_size: int
    batch_delay_ms: float
    scratch: str
    """A folder for whatever the server writes."""

    def to_environment(self) -> dict[str, str]:
        """The variable that carries them to the server's process."""
        return {VARIABLE: json.dumps(asdict(self))}

    @classmethod
    def from_environment(cls, variables: Mapping[str, str] = os.environ) -> PeerSettings:
        """Those that `to_environment` wrote."""
        return cls(**json.loads(variables[VARIABLE]))

    @property
    def folder(self) -> Path:
        """The model's folder."""
        return Path(self.model)
