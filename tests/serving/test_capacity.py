"""How many GPUs count: those that nvidia-smi lists, as far as CUDA_VISIBLE_DEVICES shows them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from serving.capacity import gpu_count

LISTED = "GPU 0: NVIDIA A (UUID: GPU-1)\n  MIG 1g.10gb Device 0: (UUID: MIG-1)\nGPU 1: NVIDIA A (UUID: GPU-2)"


@pytest.mark.parametrize(
    ("visible", "expected"),
    [(None, 2), ("", 0), ("-1", 0), ("1", 1), ("0,1", 2), ("GPU-2", 1), ("0,-1,1", 1), ("0,1,2,3", 2)],
)
def test_gpus_that_are_hidden_from_programs_get_no_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, visible: str | None, expected: int
) -> None:
    lister = tmp_path / "nvidia-smi"
    lister.write_text(f"#!/bin/sh\ncat <<END\n{LISTED}\nEND\n", encoding="utf-8")
    lister.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    assert gpu_count() == expected
