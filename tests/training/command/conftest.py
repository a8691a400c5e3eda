"""`train` in this process, with a small network and a cache of its own."""

import argparse
import hashlib
import json
from pathlib import Path

import pytest

from tests.training.tables import read_table, write_table
from training.commands import add_train_arguments, train
from training.data.frozen import ABOUT_NAME, content_sha256

SMALL = ["--arch", "convnext_atto", "--no-pretrained", "--ls-init-value", 1, "--size", 32]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def run(*options: object) -> int:
    parser = argparse.ArgumentParser()
    add_train_arguments(parser)
    return train(parser.parse_args([str(option) for option in options]))


def freeze(data: Path) -> Path:
    """Make a folder with a manifest a frozen data set, as `./retinote learn export` would; returns it."""
    rows = read_table(data / "manifest.csv")
    frozen = [
        {**row, "sha256": hashlib.sha256((data / row["file"]).read_bytes()).hexdigest()} for row in rows
    ]
    write_table(data / "manifest.csv", frozen)
    about = {"number": 1, "name": "retina-oct", "made": "2026-11-29", "held_out_sha256": "ab" * 32}
    (data / ABOUT_NAME).write_text(json.dumps({"sha256": content_sha256(frozen), **about}))
    return data
