"""The checks of the page: format, types, its own tests, and that its types are those of the API."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from operations import page

ROOT = Path(__file__).parents[2]
SCHEMA = page.FOLDER / "src" / "api" / "schema.ts"
Npx = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def npx() -> Npx:
    """Runs one of the page's tools in its folder."""
    page.install()

    def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            page.node_command("npx", *map(str, command)),
            cwd=page.FOLDER,
            env=page.environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.xdist_group("node")
@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["prettier", "--check", "."], id="format"),
        pytest.param(["tsc", "--noEmit"], id="types"),
        pytest.param(["vitest", "run"], id="tests"),
    ],
)
def test_the_page_passes(npx: Npx, command: list[str]) -> None:
    done = npx(*command)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.xdist_group("node")
def test_the_types_of_the_page_are_those_of_the_api(npx: Npx, tmp_path: Path) -> None:
    described, made = tmp_path / "openapi.json", tmp_path / "schema.ts"
    subprocess.run(
        [sys.executable, "-m", "django", "spectacular", "--settings", "webapp.settings"]
        + ["--format", "openapi-json", "--file", described],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=True,
    )

    done = npx("openapi-typescript", described, "-o", made)

    assert done.returncode == 0, done.stdout + done.stderr
    assert made.read_text() == SCHEMA.read_text(), "make it anew, as docs/development.md says"
