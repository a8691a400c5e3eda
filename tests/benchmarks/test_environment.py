"""The environment of the other servers: made when it is missing or its lock file has changed."""

import sys
from pathlib import Path

import pytest

from benchmarks.environment import (
    LOCK,
    ROOT,
    STAMP,
    installer_variables,
    is_current,
    peers_python,
    wanted_stamp,
)


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "requirements.lock"
    path.write_text("locust==1 --hash=sha256:00\n")
    return path


@pytest.fixture
def made(tmp_path: Path, lock: Path) -> Path:
    """An environment that looks as if it had been made from the lock file."""
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(sys.executable)
    (venv / STAMP).write_text(wanted_stamp(lock))
    return venv


def test_an_environment_made_from_this_lock_is_used_as_it_is(made: Path, lock: Path) -> None:
    assert is_current(made, lock)
    assert peers_python(made, lock) == made / "bin" / "python"


def test_a_changed_lock_asks_for_a_new_one(made: Path, lock: Path) -> None:
    lock.write_text("locust==2 --hash=sha256:00\n")

    assert not is_current(made, lock)


def test_one_that_was_not_finished_is_made_again(made: Path, lock: Path) -> None:
    (made / STAMP).unlink()

    assert not is_current(made, lock)


def test_one_without_its_python_is_made_again(made: Path, lock: Path) -> None:
    (made / "bin" / "python").unlink()

    assert not is_current(made, lock)


def test_the_index_is_the_one_that_was_named() -> None:
    named = installer_variables({"PIP_INDEX_URL": "https://packages.example/simple"})
    before = installer_variables(
        {"UV_DEFAULT_INDEX": "https://a.example", "PIP_INDEX_URL": "https://b.example"}
    )

    assert named["UV_DEFAULT_INDEX"] == "https://packages.example/simple"
    assert before["UV_DEFAULT_INDEX"] == "https://a.example"


def test_the_lock_holds_the_versions_of_the_project_and_no_address() -> None:
    """The same torch on both sides, or the comparison says nothing."""
    ours, theirs = (_pins(path) for path in (ROOT / "requirements.lock", LOCK))

    for name in (
        "torch",
        "torchvision",
        "timm",
        "grad-cam",
        "opencv-python-headless",
        "pillow",
        "safetensors",
    ):
        assert theirs[name] == ours[name]
    assert "://" not in LOCK.read_text()


def _pins(path: Path) -> dict[str, str]:
    lines = (line.split(";")[0].rstrip(" \\") for line in path.read_text().splitlines() if "==" in line)
    return dict(line.split("==", 1) for line in lines if not line.startswith(" "))
