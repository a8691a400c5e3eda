"""Writes gates of versions for tests of what reads them; the comparison itself is tested where it is made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from handlers.checks import content_sha256
from serving.gates import GATE_NAME
from serving.stores import ModelStores


def facts(stores: ModelStores, name: str, version: str) -> dict[str, str]:
    """A version as a gate names it."""
    return {
        "name": name,
        "version": version,
        "weights_sha256": stores.weights_sha256(name, version),
        "answering_sha256": stores.answering_sha256(name, version),
    }


def write_gate(
    gates: Path,
    ours: Mapping[str, str],
    theirs: Mapping[str, str],
    tampered: Mapping[str, Any] | None = None,
    /,
    **changes: Any,
) -> Path:
    """Write a gate that is passed, unless `changes` say otherwise, with `tampered` over it; returns its file.

    `ours` and `theirs` are the candidate and the champion as a gate names them.
    """
    content: dict[str, Any] = {
        "passed": True,
        "better": False,
        "made": "2026-11-29T06:00:00+00:00",
        "candidate": dict(ours),
        "champion": dict(theirs),
        "checks": [],
        **changes,
    }
    whole = {**content, "sha256": content_sha256(content), **(tampered or {})}
    path = gates / ours["name"] / ours["version"] / GATE_NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(whole), encoding="utf-8")
    return path
