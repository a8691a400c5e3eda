"""`./retinote models shadow|canary|repredict`: what is handed to the web app, and what is refused before."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest

from operations.errors import OperationsError
from operations.models import rollout
from operations.models.commands import add_models_arguments, models
from operations.models.rollout import duration_s

NAME, VERSION = "retina-oct", "2.0.0"


@pytest.fixture
def handed(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The words that were handed to the web app's management command."""
    told: list[list[str]] = []

    def manage(arguments: argparse.Namespace, words: list[str]) -> int:
        told.append(words)
        return 0

    monkeypatch.setattr(rollout, "_manage", manage)
    return told


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    add_models_arguments(parser)
    return models(parser.parse_args(words))


@pytest.mark.parametrize(
    ("words", "given"),
    [
        (("shadow", NAME, VERSION), ["shadow", NAME, VERSION, "--percent=100.0"]),
        (("shadow", NAME, VERSION, "--share", "0.25"), ["shadow", NAME, VERSION, "--percent=25.0"]),
        (("shadow", NAME, VERSION, "--stop"), ["shadow", NAME, VERSION, "--stop"]),
        (("canary", NAME, VERSION, "--percent", "5"), ["canary", NAME, VERSION, "--percent=5.0"]),
        (
            ("canary", NAME, VERSION, "--stages", "5,25,50,100", "--every", "1h", "--web-app-only"),
            ["canary", NAME, VERSION, "--stages=5,25,50,100", "--every-s=3600", "--web-app-only"],
        ),
        (
            ("canary", NAME, VERSION, "--percent", "5", "--lift-withdrawal"),
            ["canary", NAME, VERSION, "--percent=5.0", "--lift-withdrawal"],
        ),
        (("canary", NAME, VERSION, "--stop"), ["canary", NAME, VERSION, "--stop"]),
        (("trials",), ["list"]),
        (("repredict", NAME), ["repredict", NAME]),
    ],
)
def test_what_is_handed_on(handed: list[list[str]], words: tuple[str, ...], given: list[str]) -> None:
    assert run(*words) == 0
    assert handed == [given]


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("1h", 3600), ("2d", 172_800)])
def test_durations(text: str, seconds: int) -> None:
    assert duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "1", "h", "0h", "-1h", "1.5h", "1 h", "1w", "١h"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is no duration; write it as 90s, 30m, 1h or 2d"):
        duration_s(text)


def test_an_end_with_a_percentage_is_refused(handed: list[list[str]]) -> None:
    with pytest.raises(OperationsError, match="give no percentage beside it"):
        run("canary", NAME, VERSION, "--stop", "--percent", "5")
    assert handed == []


def test_without_a_stack_nothing_can_be_tried(tmp_path: Path) -> None:
    with pytest.raises(OperationsError, match="No stack runs on"):
        run("canary", NAME, VERSION, "--percent", "5", "--data-dir", str(tmp_path))


def test_a_version_that_is_tried_is_not_retired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def manage(data: Any, state: Any, words: list[str]) -> int:
        return int(words == ["rollout", "running", NAME, VERSION])

    monkeypatch.setattr("operations.stack.managing.manage", manage)
    monkeypatch.setattr(rollout, "running_state", lambda data: {})
    data = rollout.DataFolder(tmp_path)
    rollout.refuse_if_tried(data, NAME, VERSION)  # there is no database to ask
    data.mongodb_address.parent.mkdir()
    data.mongodb_address.touch()
    rollout.refuse_if_tried(data, NAME, "1.0.0")

    with pytest.raises(OperationsError, match=f"{NAME} {VERSION} was not retired"):
        rollout.refuse_if_tried(data, NAME, VERSION)
