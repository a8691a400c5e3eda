"""The plot of `bench web`."""

from __future__ import annotations

from pathlib import Path

from benchmarks.lists import ALL, PATHS
from benchmarks.report import Report


def draw(report: Report, path: Path) -> None:
    """Plot the time of a page of the lists over the count of stored scans, median and 95th percentile."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6.4, 4.0), layout="constrained")
    for name, colour in zip(PATHS, ("tab:blue", "tab:orange"), strict=True):
        for metric, style in (("p50", "-"), ("p95", "--")):
            rows = [row for row in report.rows if (row.subject, row.metric) == (f"{name}: {ALL}", metric)]
            sizes = [int(row.condition.split()[0]) for row in rows]
            times = [row.median for row in rows]
            axes.plot(sizes, times, style, color=colour, marker="o", label=f"{name}, {metric}")
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("stored scans")
    axes.set_ylabel("a page of 50, all roles and filters [ms]")
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)
