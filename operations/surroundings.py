"""What of the surroundings must not reach us: variables by which other projects steer the programs that we run, too."""

from __future__ import annotations

import os
from collections.abc import Iterable, MutableMapping

FOREIGN_PREFIXES = ("CELERY_", "DJANGO_", "GUNICORN_", "TS_")
"""A broker, settings, a port, a configuration of another project that uses the same library."""
FOREIGN = frozenset(
    {
        *("MONGODB_URI", "WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS"),  # gunicorn reads the last two
        *("CLASSPATH", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"),
        *("NODE_ENV", "NODE_OPTIONS", "NODE_PATH"),
        "PROMETHEUS_MULTIPROC_DIR",
    }
)
NO_HOME = "/proc/none"
"""For a home that is no folder. It is missing and can't be made, which libraries take well; ReportLab, for one, ends at a
file in place of a folder (/dev/null), and others make what is missing."""
HERE = ("localhost", "127.0.0.1", "::1")
NO_PROXY = ("no_proxy", "NO_PROXY")


def clean(variables: MutableMapping[str, str]) -> list[str]:
    """Take other projects' variables out of an environment, and this machine out of what goes through a proxy.

    A home that is no folder is one that can't be made.

    The user's own proxy stays for the networks beyond: packages and npm's registry come through it. Returns the names
    of what was taken out.
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


def _each_once(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(word for word in words if word))
