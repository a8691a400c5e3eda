"""Commands find documents and images where the running stack has them, or the last one had them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from operations.stack.folder import DataFolder, running_state, write_private
from operations.stack.managing import running_environment
from operations.stack.state import ADDRESS_VARIABLE, State, surroundings, was_on_another_server

FACTS: dict[str, Any] = {
    "inference_url": "http://127.0.0.1:8080",
    "management_url": "http://127.0.0.1:8081",
    "key_file": "/key",
    "metrics_socket": "/metrics",
    "model_stores": [],
}


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DataFolder]:
    """The folder of a stack that was started with images in S3 and a database of another name."""
    data = DataFolder(tmp_path / "var")
    data.make()
    write_private(data.mongodb_address, "mongodb://h/")
    lock = data.hold(print)
    with monkeypatch.context() as shell:
        shell.setenv("RETINOTE_MEDIA", "s3://clinic/images")
        shell.setenv("RETINOTE_DATABASE", "oct")
        shell.setenv(ADDRESS_VARIABLE, "mongodb://user:opkestrel@h/")
        State(data, FACTS).became_ready()
    for name in ("RETINOTE_MEDIA", "RETINOTE_DATABASE", ADDRESS_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    yield data
    os.close(lock)


def test_another_shell_finds_them(stack: DataFolder) -> None:
    variables = running_environment(stack, running_state(stack))

    assert (variables["RETINOTE_MEDIA"], variables["RETINOTE_DATABASE"]) == ("s3://clinic/images", "oct")
    assert variables["RETINOTE_BROKER_URL"] == "mongodb://h/oct_broker"
    assert surroundings(stack)["RETINOTE_MEDIA"] == "s3://clinic/images"


def test_a_shell_that_names_others_finds_the_stacks(
    stack: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETINOTE_MEDIA", "s3://another")

    assert running_environment(stack, running_state(stack))["RETINOTE_MEDIA"] == "s3://clinic/images"


def test_beside_a_stack_of_an_earlier_version_and_without_one_the_shell_says_where(
    stack: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETINOTE_MEDIA", "s3://another")
    earlier = {name: value for name, value in running_state(stack).items() if name != "where"}

    assert running_environment(stack, earlier)["RETINOTE_MEDIA"] == "s3://another"
    assert surroundings(DataFolder(tmp_path / "stopped"))["RETINOTE_MEDIA"] == "s3://another"


def test_once_the_stack_has_ended_they_are_where_it_had_them(
    stack: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.state.unlink()

    assert surroundings(stack)["RETINOTE_MEDIA"] == "s3://clinic/images"
    assert surroundings(stack)["RETINOTE_DATABASE"] == "oct"
    assert was_on_another_server(stack)

    monkeypatch.setenv("RETINOTE_DATABASE", "another")
    assert surroundings(stack)["RETINOTE_DATABASE"] == "another", "what is named now comes first"


def test_what_is_noted_of_them_is_private_and_holds_no_password(stack: DataFolder) -> None:
    assert stat.S_IMODE(stack.where.stat().st_mode) == 0o600
    assert "kestrel" not in stack.where.read_text()
