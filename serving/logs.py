"""TorchServe's logs: their configuration (log4j2.xml), and the reason why a model was not loaded."""

import os
import re
from pathlib import Path

from handlers.load_errors import NOT_LOADED

PATTERN = "%d{ISO8601} [%-5p] %t %c - %m%n"
MAX_FILE_SIZE, OLD_FILES = "10 MB", 3
END_BYTES = 64 * 2**10
"""Bytes at the end of a log that are searched."""
QUIET = {"MODEL_METRICS": "off", "TS_METRICS": "off", "io.netty": "error", "org.apache": "off"}
"""Loggers with a level of their own. Prometheus reads the metrics, and the rest is of no use to an operator."""


def to_files() -> str:
    """A configuration with files in LOG_LOCATION for the server, the workers and the requests. They rotate by size."""
    files = {"server": "torchserve", "worker": "torchserve-worker", "access": "torchserve-access"}
    return _configuration(
        "".join(_file(appender, name) for appender, name in files.items()),
        loggers=_logger("ACCESS_LOG", "access") + _logger("MODEL_LOG", "worker"),
        root="server",
    )


def to_console() -> str:
    """A configuration with all logs on standard output, as containers need it."""
    console = f"""
    <Console name="console"><PatternLayout pattern="{PATTERN}"/></Console>"""
    return _configuration(console, loggers="", root="console")


def why_not_loaded(log: Path, name: str, version: str) -> str | None:
    """Why a version's worker did not load its model, by the handler's line in the workers' log; None without one."""
    line = re.compile(rf"-{re.escape(f'{name}_{version}')}-\S+ MODEL_LOG - .*{NOT_LOADED} (.+)")
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - END_BYTES))
            reasons = line.findall(file.read().decode("utf-8", "replace"))
    except OSError:
        return None
    return str(reasons[-1]).strip() if reasons else None


def _configuration(appenders: str, loggers: str, root: str) -> str:
    quiet = "".join(
        f"""
    <Logger name="{name}" level="{level}"/>"""
        for name, level in QUIET.items()
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Configuration>
  <Appenders>{appenders}
  </Appenders>
  <Loggers>{loggers}{quiet}
    <Root level="info"><AppenderRef ref="{root}"/></Root>
  </Loggers>
</Configuration>
"""


def _logger(name: str, appender: str) -> str:
    return f"""
    <Logger name="{name}" level="info" additivity="false"><AppenderRef ref="{appender}"/></Logger>"""


def _file(appender: str, name: str) -> str:
    return f"""
    <RollingFile name="{appender}" fileName="${{env:LOG_LOCATION}}/{name}.log"
                 filePattern="${{env:LOG_LOCATION}}/{name}.%i.log">
      <PatternLayout pattern="{PATTERN}"/>
      <Policies><SizeBasedTriggeringPolicy size="{MAX_FILE_SIZE}"/></Policies>
      <DefaultRolloverStrategy max="{OLD_FILES}"/>
    </RollingFile>"""
