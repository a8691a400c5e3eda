"""What people are told about the engines of model workers: which answers now, and which will take its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from handlers.engines.reports import EngineReport


class EngineNews:
    """Remembers what was told, so that each change is told once."""

    def __init__(self) -> None:
        self._waits: dict[str, str] = {}
        """By the title of a version, the engine that answers until another is made."""

    def lines(self, reports: Sequence[EngineReport]) -> Iterator[str]:
        """Lines about what has changed since the last call. `reports` has those of one version together."""
        for title, group in groupby(reports, key=lambda report: report.title):
            workers = list(group)
            waiting = [report for report in workers if report.coming]
            if waiting and title not in self._waits:
                self._waits[title] = waiting[0].engine
                yield describe(waiting[0])
            elif not waiting and title in self._waits:
                before = self._waits.pop(title)
                last = workers[-1]
                if last.engine == before:
                    yield f"{describe(last)}, as no other engine could be made: {'; '.join(last.passed_over)}"
                else:
                    yield f"{title}: {last.engine} has taken over from {before}"


def describe(report: EngineReport) -> str:
    """Which engine answers for a version, and what comes."""
    if report.coming:
        return f"{report.title} answers by {report.engine} until {report.coming} is made in the background"
    return f"{report.title} answers by {report.engine}"


def summary(reports: Sequence[EngineReport]) -> list[str]:
    """A line for each version, and for each engine of it if its workers have different ones."""
    return list(dict.fromkeys(map(describe, reports)))
