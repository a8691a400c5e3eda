"""The comparison as one HTML file: the table, macro F1 over milliseconds, the courses of the trainings."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from matplotlib.figure import Figure

from training.evaluation.plots import svg
from training.evaluation.report import format_interval, format_metric
from training.logs import EPOCHS_NAME

PAGE_NAME = "comparison.html"


def write_page(
    out: Path, rows: Sequence[Mapping[str, Any]], failures: Mapping[str, str], split: str, threads: int
) -> None:
    """Write the HTML to the folder `out`.

    `rows` are those of the comparison, `failures` say why a model is missing, `threads` how many torch used.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"metric": format_metric, "interval": format_interval}
    text = environment.get_template("comparison.html.j2").render(
        rows=rows,
        failures=failures,
        split=split,
        threads=threads,
        bubbles=bubbles(rows),
        courses=courses(rows),
    )
    partial = out / f"{PAGE_NAME}.partial"
    partial.write_text(text, encoding="utf-8")
    partial.replace(out / PAGE_NAME)


def bubbles(rows: Sequence[Mapping[str, Any]]) -> str:
    """Macro F1 over milliseconds as SVG; the area of a dot grows with the count of weights."""
    plot = Figure((6.4, 4.2), layout="constrained")
    axes = plot.subplots()
    for row in rows:
        across = row["cpu_milliseconds"]["median"]
        axes.scatter(across, row["macro_f1"], s=20 + 6 * row["parameters"] / 1e6, alpha=0.6)
        axes.annotate(row["name"], (across, row["macro_f1"]), textcoords="offset points", xytext=(6, 6))
    axes.set(xlabel="CPU milliseconds a scan", ylabel="macro F1", xscale="log")
    axes.grid(alpha=0.3)
    return svg(plot)


def courses(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Validation accuracy over the epochs as SVG, for models with an epochs.csv; None without any."""
    plot = Figure((6.4, 3.6), layout="constrained")
    axes = plot.subplots()
    drawn = False
    for row in rows:
        epochs = Path(row["folder"]) / EPOCHS_NAME
        if epochs.is_file():
            with epochs.open(newline="", encoding="utf-8") as lines:
                course = list(csv.DictReader(lines))
            numbers = [int(epoch["number"]) for epoch in course]
            axes.plot(
                numbers, [float(epoch["validation_accuracy"]) for epoch in course], ".-", label=row["name"]
            )
            drawn = True
    axes.set(xlabel="epoch", ylabel="validation accuracy")
    if not drawn:
        return None
    axes.legend(frameon=False, fontsize=8)
    return svg(plot)
