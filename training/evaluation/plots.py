"""Plots of an evaluation, as SVG elements for the report."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve, roc_curve

from training.prediction import Outputs

matplotlib.use("Agg")
matplotlib.rcParams.update({"svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9})


def confusion(matrix: Sequence[Sequence[int]], labels: Sequence[str]) -> str:
    """The confusion matrix; the shade is the share of the true label's scans."""
    counts = np.array(matrix, float)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    figure = Figure((5.2, 4.6), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlabel="predicted", ylabel="true")
    for row in range(len(labels)):
        for column in range(len(labels)):
            if counts[row, column]:
                colour = "white" if shares[row, column] > 0.5 else "black"
                axes.text(column, row, f"{int(counts[row, column])}", ha="center", va="center", color=colour)
    return svg(figure)


def curves(outputs: Outputs, labels: Sequence[str], temperature: float) -> str:
    """One-vs-rest ROC and precision-recall curves of every label that scans have."""
    probabilities = (outputs.logits / temperature).softmax(1).numpy()
    figure = Figure((8.6, 4.0), layout="constrained")
    roc, precision_recall = figure.subplots(1, 2)
    for number, label in enumerate(labels):
        own = outputs.targets.numpy() == number
        if not own.any() or own.all():
            continue
        false_positive, true_positive, _ = roc_curve(own, probabilities[:, number])
        roc.plot(false_positive, true_positive, label=label)
        precision, recall, _ = precision_recall_curve(own, probabilities[:, number])
        precision_recall.plot(recall, precision)
    roc.plot([0, 1], [0, 1], ":", color="grey", linewidth=1)
    roc.set(xlabel="1 - specificity", ylabel="sensitivity", title="ROC")
    precision_recall.set(xlabel="recall", ylabel="precision", title="precision and recall", ylim=(0, 1.02))
    roc.legend(frameon=False, fontsize=8)
    return svg(figure)


def reliability_diagram(bins: Sequence[dict[str, Any]]) -> str:
    """Accuracy over confidence, beside the diagonal of perfect calibration; larger dots stand for more scans."""
    figure = Figure((4.2, 4.0), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], ":", color="grey", linewidth=1)
    sizes = np.array([entry["scans"] for entry in bins], float)
    axes.plot([entry["confidence"] for entry in bins], [entry["accuracy"] for entry in bins], linewidth=1)
    axes.scatter(
        [entry["confidence"] for entry in bins],
        [entry["accuracy"] for entry in bins],
        s=15 + 150 * sizes / max(sizes.max(), 1),
    )
    axes.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1.02))
    return svg(figure)


def risk_coverage(curves: Mapping[str, Mapping[str, Any]]) -> str:
    """The share of errors over the share of scans answered, the surest first; `curves` by what orders the scans."""
    figure = Figure((4.2, 4.0), layout="constrained")
    axes = figure.subplots()
    for number, (name, kinds) in enumerate(curves.items()):
        for kind, style in (("exact", "-"), ("grouped", "--")):
            coverage, risk = zip(*kinds[kind]["curve"], strict=True)
            label = f"by {name}" + (", groups as one" if kind == "grouped" else "")
            axes.plot(coverage, risk, style, color=f"C{number}", label=label)
    axes.set(xlabel="share of scans answered", ylabel="share of them wrong", xlim=(0, 1), ylim=(0, None))
    axes.legend(frameon=False, fontsize=8)
    return svg(figure)


def training_course(epochs: Path) -> str | None:
    """Loss and accuracy over the epochs of a training's `epochs.csv`; None when there is no such file."""
    if not epochs.is_file():
        return None
    with epochs.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    numbers = [int(row["number"]) for row in rows]
    figure = Figure((8.6, 3.2), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    for kind in ("training", "validation"):
        loss.plot(numbers, [float(row[f"{kind}_loss"]) for row in rows], label=kind)
        accuracy.plot(numbers, [float(row[f"{kind}_accuracy"]) for row in rows], label=kind)
    loss.set(xlabel="epoch", ylabel="loss")
    accuracy.set(xlabel="epoch", ylabel="accuracy")
    accuracy.legend(frameon=False)
    return svg(figure)


def svg(figure: Figure) -> str:
    """The figure as a transparent SVG element, without XML's preamble."""
    buffer = io.StringIO()
    figure.savefig(
        buffer, format="svg", transparent=True, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type"))
    )
    text = buffer.getvalue()
    return text[text.index("<svg") :]
