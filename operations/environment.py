"""The environment: taken out are variables of other projects for programs which Retinote runs, too; files are read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, MutableMapping
from pathlib import Path

from operations.errors import OperationsError

FOREIGN_PREFIXES = ("CELERY_", "DJANGO_", "GUNICORN_", "TS_")
"""Prefixes of such variables: another project's broker, settings, port or configuration of the same library."""
FOREIGN = frozenset(
    {
        *("MONGODB_URI", "WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS"),  # gunicorn reads the last two
        *("CLASSPATH", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"),
        *("NODE_ENV", "NODE_OPTIONS", "NODE_PATH"),
        "PROMETHEUS_MULTIPROC_DIR",
    }
)
NO_HOME = "/proc/none"
"""Replaces a home that is no folder. It is missing and can't be made, which libraries handle well. ReportLab fails for
a file in its place (/dev/null), and other libraries would make a missing folder."""
HERE = ("localhost", "127.0.0.1", "::1")
NO_PROXY = ("no_proxy", "NO_PROXY")
ADDRESSES = ("RETINOTE_MONGODB_URI", "RETINOTE_BROKER_URL")
"""Addresses that commands use themselves, and not the web app alone."""
IN_FILES = ("RETINOTE_SECRET_KEY", *ADDRESSES, "RETINOTE_CACHE_URL")
"""Variables whose value may be in a file instead; NAME_FILE is its path. The file comes before the variable."""
FILE = "_FILE"


def clean(variables: MutableMapping[str, str]) -> list[str]:
    """Remove other projects' variables from an environment in place. Returns their names.

    A home that is no folder becomes `NO_HOME`. The user's proxy stays, for packages and npm's registry, but this
    machine is reached without it.
    """
    foreign = [name for name in variables if name in FOREIGN or name.startswith(FOREIGN_PREFIXES)]
    for name in foreign:
        del variables[name]
    if "HOME" in variables and not os.path.isdir(variables["HOME"]):
        variables["HOME"] = NO_HOME
    if any(name.lower().endswith("_proxy") for name in variables):
        given = [word.strip() for name in NO_PROXY for word in variables.get(name, "").split(",")]
        for name in NO_PROXY:
            variables[name] = ",".join(_each_once([*given, *HERE]))
    return foreign


def in_files(variables: Mapping[str, str], names: Iterable[str] = IN_FILES) -> dict[str, str]:
    """The values of the variables that are in files. Raises OperationsError for a file that can't be read."""
    return {name: _content(name, path) for name in names if (path := variables.get(f"{name}{FILE}"))}


def take_addresses(variables: MutableMapping[str, str]) -> None:
    """Replace the files of addresses by the addresses, in place, for this command and all that it starts.

    The other files are left to the web app. Raises OperationsError for a file that can't be read.
    """
    for name, address in in_files(variables, ADDRESSES).items():
        variables[name] = address
        del variables[f"{name}{FILE}"]


def _content(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise OperationsError(f"{name}{FILE}: {path} can't be read ({error}).") from error


def _each_once(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(word for word in words if word))
