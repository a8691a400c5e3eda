"""Known vulnerabilities: of the Python packages by pip-audit, of the page's by npm audit.

Both ask services elsewhere, whose answer changes by the day: so they run where RETINOTE_AUDIT is set, as `.ci/run`
does, and are skipped, with a reason that the summary shows, where the service does not answer. What is found fails.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from operations import page

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements.lock"
TIMEOUT_S = 240
ACCEPTED_PYTHON: dict[str, str] = {}
"""Vulnerabilities that do not concern us, by their id, each with the reason."""
ACCEPTED_NPM: dict[str, str] = {}
"""The same for the page's packages, by the address of the advisory."""

pytestmark = pytest.mark.skipif(
    "RETINOTE_AUDIT" not in os.environ,
    reason="NOT CHECKED for known vulnerabilities: RETINOTE_AUDIT is not set",
)


def run(command: list[str], folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            cwd=folder,
            env=page.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"NOT CHECKED: {command[-1]} had no answer within {TIMEOUT_S} s")


def unknown_python(report: dict[str, Any]) -> list[str]:
    """Packages that the service knows nothing of."""
    return [package["name"] for package in report["dependencies"] if "skip_reason" in package]


def found_python(report: dict[str, Any]) -> list[str]:
    """What pip-audit found, but for what is accepted."""
    return [
        f"{package['name']} {package['version']}: {found['id']}, mended in {', '.join(found['fix_versions']) or '-'}"
        for package in report["dependencies"]
        for found in package.get("vulns", [])
        if not ACCEPTED_PYTHON.keys() & {found["id"], *found.get("aliases", [])}
    ]


def found_npm(report: dict[str, Any]) -> list[str]:
    """What npm audit found, but for what is accepted; packages that are concerned through others are not repeated."""
    return [
        f"{name}: {via['title']} ({via['severity']}), {via['url']}"
        for name, package in report["vulnerabilities"].items()
        for via in package["via"]
        if isinstance(via, dict) and via["url"] not in ACCEPTED_NPM
    ]


def test_no_python_package_has_a_known_vulnerability() -> None:
    audit = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--format", "json"]
    done = run([*audit, "--progress-spinner", "off", "--requirement", str(LOCK)])
    if not done.stdout.strip():
        assert "your network may be blocking this service" in done.stderr, done.stderr
        pytest.skip("NOT CHECKED: the index of Python vulnerabilities does not answer")
    report = json.loads(done.stdout)
    unknown = unknown_python(report)
    if len(unknown) == len(report["dependencies"]):
        pytest.skip(
            "NOT CHECKED: the index of Python packages that is used here has no vulnerability reports"
        )

    assert found_python(report) == []
    assert unknown == [], "these were not checked"


def test_no_package_of_the_page_has_a_known_vulnerability() -> None:
    done = run(page.node_command("npm", "audit", "--package-lock-only", "--json"), page.FOLDER)
    report = json.loads(done.stdout)
    if "vulnerabilities" not in report:
        assert "audit endpoint" in done.stderr or "message" in report, done.stderr
        pytest.skip("NOT CHECKED: npm's registry as it is used here does not answer audits")

    assert found_npm(report) == []
