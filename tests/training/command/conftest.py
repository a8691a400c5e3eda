"""`train` in this process, with a small network and a cache of its own."""

import argparse
from pathlib import Path

import pytest

from training.commands import add_train_arguments, train

SMALL = ["--arch", "convnext_atto", "--no-pretrained", "--ls-init-value", 1, "--size", 32]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def run(*options: object) -> int:
    parser = argparse.ArgumentParser()
    add_train_arguments(parser)
    return train(parser.parse_args([str(option) for option in options]))
