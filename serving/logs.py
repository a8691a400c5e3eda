"""TorchServe's logs: where they go (log4j2.xml), and what the workers' says of a model that did not load."""

import os
import re
from pathlib import Path

from handlers.load_errors import NOT_LOADED

PATTERN = "%d{ISO8601} [%-5p] %t %c - %m%n"
LARGEST, OLD_FILES = "10 MB", 3
END_BYTES = 64 * 2**10
"""How much of a log's end is looked through."""
# Metrics are read by Prometheus, and what Netty and Apache's client have to say is of no use to an operator.
QUIET = {"MODEL_METRICS": "off", "TS_METRICS": "off", "io.netty": "error", "org.apache": "off"}


def to_files() -> str:
    """Logs of the server, of the workers and of requests in files of LOG_LOCATION, which rotate by size."""
    files = {"server": "torchserve", "worker": "torchserve-worker", "access": "torchserve-access"}
    return _configuration(
        "".join(_file(appender, name) for appender, name in files.items()),
        loggers=_logger("ACCESS_LOG", "access") + _logger("MODEL_LOG", "worker"),
        root="server",
    )


def to_console() -> str:
    """All logs on standard output, where a container's are looked for."""
    console = f"""
    <Console name="console"><PatternLayout pattern="{PATTERN}"/></Console>"""
    return _configuration(console, loggers="", root="console")


def why_not_loaded(log: Path, name: str, version: str) -> str | None:
    """Why a version's worker did not load its model, as the handler wrote it to the workers' log; None where it wrote nothing."""
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
      <Policies><SizeBasedTriggeringPolicy size="{LARGEST}"/></Policies>
      <DefaultRolloverStrategy max="{OLD_FILES}"/>
    </RollingFile>"""
