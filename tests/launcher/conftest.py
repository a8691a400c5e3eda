"""The launcher in a folder of its own, where nothing can be downloaded."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The launcher with the lock file and a command line that says what it was given."""
    folder = tmp_path / "a checkout"
    folder.mkdir()
    shutil.copy(ROOT / "retinote", folder)
    shutil.copy(ROOT / "requirements.lock", folder)
    (folder / "cli.py").write_text("import sys; print('cli', sys.argv[1:]); sys.exit(5)\n")
    return folder


def launch(checkout: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the launcher to its end, with pip's own settings out of the way."""
    return subprocess.run(
        [checkout / "retinote", *arguments],
        env=offline(environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def offline(environment: dict[str, str]) -> dict[str, str]:
    """An environment in which nothing can be downloaded."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_", "PYTHON"))
    }
    nowhere = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_CACHE_DIR": "1",
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
    }
    return inherited | nowhere | {"PYTHON": sys.executable} | environment


def make_installed(checkout: Path) -> None:
    """An environment that looks as if the launcher had made it from the present lock file."""
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").symlink_to(sys.executable)
    checksum = subprocess.check_output(
        ["cksum"], stdin=(checkout / "requirements.lock").open("rb"), text=True
    )
    (checkout / ".venv" / "installed-from").write_text(f"{checksum.strip()} for Python {VERSION}\n")


def nothing_is_left(checkout: Path) -> bool:
    return not (checkout / ".venv").exists()
