"""Which engine answers in each process, in files for the program that started them. Free of torch."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EngineReport:
    """The engine with which a process answers for a version of a model.

    `coming` is the engine that is still being made and will take over, None if this one stays. `passed_over` says why
    engines were not taken, in the order in which they were tried.
    """

    model: str
    version: str
    engine: str
    coming: str | None = None
    passed_over: list[str] = field(default_factory=list)
    pid: int = field(default_factory=os.getpid)

    @property
    def title(self) -> str:
        """The version's name for people."""
        return f"{self.model} {self.version}"


def write_report(folder: Path | None, report: EngineReport) -> None:
    """Write this process's report. A full disk must not keep it from answering, so a failure is only logged."""
    if folder is None:
        return
    path = folder / f"{report.pid}.json"
    partial = path.with_suffix(".partial")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial.write_text(json.dumps(asdict(report)), encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        logger.warning(
            "%s can't be written, so nobody is told which engine answers (%s)", path, error.strerror
        )


def read_reports(folder: Path) -> list[EngineReport]:
    """The reports of processes that still run, sorted by model, version and process."""
    reports = []
    for path in folder.glob("*.json"):
        try:
            report = EngineReport(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):  # removed just now, or of another version
            continue
        if Path(f"/proc/{report.pid}").exists():
            reports.append(report)
    return sorted(reports, key=lambda report: (report.model, report.version, report.pid))
