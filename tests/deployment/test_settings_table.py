"""docs/settings.md names every variable that the code and the compose file read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from webapp.core.environment import Environment

ROOT = Path(__file__).parents[2]
OURS = r"(?:RETINOTE|MONGODB|REDIS|GRAFANA|NGINX|PROMETHEUS)_[A-Z_]+[A-Z]"
TABLE = set(re.findall(OURS, (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")))


def read_by_python() -> set[str]:
    """Variables of the web app, and those that stand as a whole string in the code.

    Longer texts, such as messages, only speak of them.
    """
    fields = {field.alias for field in Environment.model_fields.values() if field.alias}
    return fields | {
        name
        for folder in ("handlers", "imaging", "modalities", "operations", "serving", "webapp")
        for file in (ROOT / folder).rglob("*.py")
        for name in re.findall(rf'"({OURS})"', file.read_text(encoding="utf-8"))
    }


def read_by_containers() -> set[str]:
    files = [
        ROOT / "docker-compose.yml",
        ROOT / "deploy" / "dicom" / "compose.yml",
        ROOT / "deploy" / "modalities" / "compose.yml",
        ROOT / "deploy" / "model-store" / "compose.yml",
        *(ROOT / "deploy").glob("*/start.sh"),
    ]
    return {
        name for file in files for name in re.findall(rf"\$\{{?({OURS})", file.read_text(encoding="utf-8"))
    }


@pytest.mark.parametrize("name", sorted(read_by_python() | read_by_containers()))
def test_a_variable_is_in_the_table(name: str) -> None:
    assert name in TABLE


def test_variables_are_found_at_all() -> None:
    assert {
        "RETINOTE_SECRET_KEY",
        "RETINOTE_MONGODB_URI",
        "RETINOTE_ENGINE",
        "RETINOTE_PROXIES",
    } <= read_by_python()
    assert {"RETINOTE_HOST", "MONGODB_REPLICA_KEY", "RETINOTE_WEB_ADDRESS"} <= read_by_containers()
