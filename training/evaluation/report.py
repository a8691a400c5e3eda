"""The report of an evaluation: one HTML page that needs nothing else, every number as JSON, a row per scan as CSV."""

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
    """Write the page. `assessment` is what `assess` gave, `explanations` what `measure` of training.explanation gave."""
    numbers = assessment["figures"]
    page = _environment().get_template(TEMPLATE)
    text = page.render(
        title=title,
        data=data,
        model=card,
        headline=headline(assessment),
        gallery=gallery,
        explanations=explanations,
        plots={
            "confusion": plots.confusion(numbers["confusion_matrix"], card.labels),
            "curves": plots.curves(outputs, card.labels, card.temperature),
            "reliability": plots.reliability_diagram(numbers["reliability"]),
            "risk_coverage": plots.risk_coverage(assessment["risk_coverage"]),
            "training": plots.training_course(epochs),
        },
        **assessment,
    )
    _replace(out / REPORT_NAME, text)


def write_numbers(out: Path, content: dict[str, Any]) -> None:
    """Write every number as JSON; NaN would be no JSON and is refused."""
    _replace(out / NUMBERS_NAME, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def file_names(data: Sequence[Path], scans: Sequence[Scan]) -> list[str]:
    """What the scans of these data sets are called in a report.

    As in the manifest or from the folder that was given; of several data sets, from the folder that holds them all.
    """
    folders = [os.path.abspath(path if path.is_dir() else path.parent) for path in data]
    base = os.path.commonpath(folders)
    return [Path(os.path.relpath(scan.path, base)).as_posix() for scan in scans]


def write_predictions(
    out: Path, card: ModelCard, names: Sequence[str], scans: Sequence[Scan], outputs: Outputs
) -> None:
    """Write a row per scan, by its name: what is true, what was said, and every label's probability."""
    probabilities = (outputs.logits / card.temperature).softmax(1).tolist()
    partial = out / f"{PREDICTIONS_NAME}.partial"
    with partial.open("w", newline="", encoding="utf-8") as lines:
        writer = TableWriter(lines)
        writer.write_row(["file", "patient_id", "source", "label", "predicted", *card.labels])
        for name, scan, row in zip(names, scans, probabilities, strict=True):
            said = card.labels[row.index(max(row))]
            values = [f"{value:.5f}" for value in row]
            writer.write_row([name, scan.patient, scan.source, scan.label, said, *values])
    partial.replace(out / PREDICTIONS_NAME)


def headline(assessment: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The figures that come first: name, value, interval."""
    numbers, between = assessment["figures"], assessment["intervals"]
    shown = [
        ("accuracy", numbers["accuracy"], between["accuracy"]),
        ("macro F1", numbers["macro_f1"], between["macro_f1"]),
        ("calibration error", numbers["calibration_error"], between["calibration_error"]),
        ("macro ROC-AUC", numbers["macro_roc_auc"], None),
        ("scans", numbers["scans"], None),
    ]
    return [
        (name, str(value) if name == "scans" else figure(value), interval(pair))
        for name, value, pair in shown
    ]


def figure(value: float | None) -> str:
    """A figure with three digits, a dash for none."""
    return "–" if value is None else f"{value:.3f}"


def interval(pair: Sequence[float | None] | None) -> str:
    """An interval in brackets, empty for none."""
    return "" if pair is None or pair[0] is None else f"[{pair[0]:.3f}, {pair[1]:.3f}]"


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"figure": figure, "between": interval}
    return environment


def _replace(file: Path, text: str) -> None:
    partial = file.with_name(f"{file.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(file)
