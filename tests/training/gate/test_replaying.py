"""A candidate answers all scans that are stored, whatever their size."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.images import bscan, encoded
from tests.models import make_model
from training.gate import replaying
from training.gate.replaying import answer_stored


def test_large_scans_are_answered_too_though_small_ones_came_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replaying, "AT_ONCE", 2)
    large, small = encoded(np.zeros((2500, 2500, 3), np.uint8)), encoded(bscan(64, 48))
    contents = {"a": large, "b": large, "c": large, "d": small, "e": large, "f": b"no picture"}
    for key, content in contents.items():
        (tmp_path / key).write_bytes(content)
    listed = [{"scan": key, "image": str(tmp_path / key)} for key in (*contents, "gone")]
    (tmp_path / "stored.jsonl").write_text("".join(json.dumps(line) + "\n" for line in listed))

    model = make_model(tmp_path / "store", architecture="test_convnext")
    answer_stored(model, tmp_path / "stored.jsonl", tmp_path / "answers.jsonl")

    told = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert {line["scan"]: line["answer"] is not None for line in told} == {
        **dict.fromkeys("abcde", True),
        "f": False,
    }
