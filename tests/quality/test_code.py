"""The checks that keep the code readable: format, lint, types and the import rules."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import scale

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).relative_to(ROOT)
TOOLS = Path(sys.executable).parent
BANDIT = ("bandit", "--quiet", "--configfile", "pyproject.toml", "--recursive")


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["ruff", "check", "."], id="lint"),
        pytest.param(["ruff", "format", "--check", "."], id="format"),
        # What it knows of a file is true for every checkout in which the file and what it imports are the same.
        pytest.param(["mypy", "--cache-dir", str(scale.kept("mypy"))], id="types"),
        pytest.param(["lint-imports"], id="import-rules"),
        pytest.param(
            [*BANDIT, "cli.py", "docs", "handlers", "imaging", "operations", "serving", "webapp"],
            id="security",
        ),
        # Here random numbers choose scans and starting weights, by a seed that makes a run repeatable.
        pytest.param([*BANDIT, "--skip", "B311", "benchmarks", "training"], id="security-of-training"),
    ],
)
def test_the_code_passes(command: list[str]) -> None:
    run = subprocess.run(
        [TOOLS / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_web_app_never_loads_torch() -> None:
    script = "import django, sys; django.setup(); import webapp.urls; sys.exit('torch' in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "webapp.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, "importing the web app imports torch\n" + run.stderr


def test_associations_are_asked_for_in_one_way() -> None:
    """pynetdicom's own `associate` loses an answer now and then; imaging/dicom/associating.py says why."""
    by_themselves = subprocess.run(
        ["git", "grep", "-nF", ".associate(", "--", "*.py", ":!imaging/dicom/associating.py", f":!{HERE}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert by_themselves.stdout == ""
