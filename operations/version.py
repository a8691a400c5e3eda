"""The version of Retinote."""

import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
UNKNOWN = "0"


def installed_version() -> str:
    """The version in pyproject.toml; "0" if that file is missing."""
    try:
        return str(tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["version"])
    except (OSError, KeyError):
        return UNKNOWN
