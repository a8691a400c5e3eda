"""The files of an evaluation: the report as one HTML file, all numbers as JSON, a row for each scan as CSV."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2

from handlers.card import ModelCard
from handlers.tables import TableWriter
from training.data.manifest import Scan
from training.evaluation import plots
from training.evaluation.gallery import Case
from training.prediction import Outputs

REPORT_NAME = "report.html"
NUMBERS_NAME = "evaluation.json"
PREDICTIONS_NAME = "predictions.csv"
TEMPLATE = "report.html.j2"


def write_report(
    out: Path,
    title: str,
    data: str,
    card: ModelCard,
    assessment: dict[str, Any],
    outputs: Outputs,
    gallery: dict[str, list[Case]],
    epochs: Path,
    explanations: dict[str, Any] | None = None,
) -> None:
    """Write the report to the folder `out`.

    `assessment` comes from `assess`, `gallery` from `cases`, `explanations` from `training.explanation.measuring`;
    `epochs` is the training's epochs.csv, which need not exist.
    """
    metrics = assessment["figures"]
    text = (
        _environment()
        .get_template(TEMPLATE)
        .render(
            title=title,
            data=data,
            model=card,
            headline=headline(assessment),
            gallery=gallery,
            explanations=explanations,
            plots={
                "confusion": plots.confusion(metrics["confusion_matrix"], card.labels),
                "curves": plots.curves(outputs, card.labels, card.temperature),
                "reliability": plots.reliability_diagram(metrics["reliability"]),
                "risk_coverage": plots.risk_coverage(assessment["risk_coverage"]),
                "training": plots.training_course(epochs),
            },
            **assessment,
        )
    )
    _replace(out / REPORT_NAME, text)


def write_numbers(out: Path, content: dict[str, Any]) -> None:
    """Write all numbers as JSON. Raises ValueError for NaN, which JSON doesn't have."""
    _replace(out / NUMBERS_NAME, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def file_names(data: Sequence[Path], scans: Sequence[Scan]) -> list[str]:
    """The scans' names in a report: paths from the folder of the data set, or from one that holds all data sets."""
    folders = [os.path.abspath(path if path.is_dir() else path.parent) for path in data]
    base = os.path.commonpath(folders)
    return [Path(os.path.relpath(scan.path, base)).as_posix() for scan in scans]


def write_predictions(
    out: Path, card: ModelCard, names: Sequence[str], scans: Sequence[Scan], outputs: Outputs
) -> None:
    """Write a row for each scan: its name, its true and its predicted label, and every label's probability."""
    probabilities = (outputs.logits / card.temperature).softmax(1).tolist()
    partial = out / f"{PREDICTIONS_NAME}.partial"
    with partial.open("w", newline="", encoding="utf-8") as lines:
        writer = TableWriter(lines)
        writer.write_row(["file", "patient_id", "source", "label", "predicted", *card.labels])
        for name, scan, row in zip(names, scans, probabilities, strict=True):
            predicted = card.labels[row.index(max(row))]
            values = [f"{value:.5f}" for value in row]
            writer.write_row([name, scan.patient, scan.source, scan.label, predicted, *values])
    partial.replace(out / PREDICTIONS_NAME)


def headline(assessment: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The main metrics, each as name, value and interval."""
    metrics, intervals = assessment["figures"], assessment["intervals"]
    shown = [
        ("accuracy", metrics["accuracy"], intervals["accuracy"]),
        ("macro F1", metrics["macro_f1"], intervals["macro_f1"]),
        ("calibration error", metrics["calibration_error"], intervals["calibration_error"]),
        ("macro ROC-AUC", metrics["macro_roc_auc"], None),
        ("scans", metrics["scans"], None),
    ]
    return [
        (name, str(value) if name == "scans" else format_metric(value), format_interval(pair))
        for name, value, pair in shown
    ]


def format_metric(value: float | None) -> str:
    """A metric with three decimals, a dash for None."""
    return "–" if value is None else f"{value:.3f}"


def format_interval(pair: Sequence[float | None] | None) -> str:
    """An interval in brackets, empty for None."""
    return "" if pair is None or pair[0] is None else f"[{pair[0]:.3f}, {pair[1]:.3f}]"


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"metric": format_metric, "interval": format_interval}
    return environment


def _replace(file: Path, text: str) -> None:
    partial = file.with_name(f"{file.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(file)
