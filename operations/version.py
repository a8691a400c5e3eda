"""Which version of Retinote this is."""

import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
UNKNOWN = "0"


def installed_version() -> str:
    """The version that pyproject.toml names; "0" where only the code is."""
    try:
        return str(tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["version"])
    except (OSError, KeyError):
        return UNKNOWN
