"""Plots of measurements. matplotlib is loaded when one is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

DOTS_PER_INCH = 150
COLOURS = "tab10"


def _figure(rows: int, columns: int, size: tuple[float, float]) -> tuple[Any, Any]:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")


def bars(path: Path, panels: Mapping[str, Mapping[str, Sequence[float]]], *, axis: str, title: str) -> None:
    """Draw horizontal bars, a panel for each condition: medians of the values by subject, with lowest and highest."""
    import statistics

    most = max(len(subjects) for subjects in panels.values())
    figure, axes = _figure(len(panels), 1, (9, 0.9 + len(panels) * (0.9 + 0.32 * most)))
    names = list(dict.fromkeys(name for subjects in panels.values() for name in subjects))
    for panel, (condition, subjects) in zip(axes[:, 0], panels.items(), strict=True):
        shown = list(subjects)[::-1]
        medians = [statistics.median(subjects[name]) for name in shown]
        spread = [
            [median - min(subjects[name]) for name, median in zip(shown, medians, strict=True)],
            [max(subjects[name]) - median for name, median in zip(shown, medians, strict=True)],
        ]
        panel.barh(
            shown, medians, xerr=spread, color=[f"C{names.index(name) % 10}" for name in shown], capsize=3
        )
        for name, median in zip(shown, medians, strict=True):
            panel.annotate(
                f" {median:.3g}",
                (max(subjects[name]), name),
                va="center",
                xytext=(4, 0),
                textcoords="offset points",
            )
        panel.set_title(condition, loc="left", fontsize="medium")
        panel.set_xlabel(axis)
        panel.margins(x=0.12)
        panel.set_xlim(left=0)
        panel.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title)
    _save(figure, path)


def lines(
    path: Path,
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    axes_titles: tuple[str, str],
    title: str,
) -> None:
    """Draw curves by name, each with its x and y values, on axes that begin at zero."""
    figure, axes = _figure(1, 1, (9, 4.5))
    panel = axes[0, 0]
    for name, (along, values) in curves.items():
        panel.plot(along, values, label=name, linewidth=1.2)
    panel.set_xlabel(axes_titles[0])
    panel.set_ylabel(axes_titles[1])
    panel.set_ylim(bottom=0)
    panel.set_xlim(left=0)
    panel.grid(alpha=0.3)
    panel.legend()
    panel.set_title(title)
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    from matplotlib import pyplot

    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DOTS_PER_INCH)
    pyplot.close(figure)
