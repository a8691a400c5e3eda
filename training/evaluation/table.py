"""Prints the metrics of an evaluation."""

from __future__ import annotations

from typing import Any

from training.evaluation.report import format_interval, format_metric, headline


def print_table(assessment: dict[str, Any]) -> None:
    """Print the metrics with their intervals; `assessment` comes from `assess`."""
    labels, intervals = assessment["figures"]["labels"], assessment["intervals"]["labels"]
    print(f"{'label':<12}{'precision':>10}{'recall':>8}{'F1':>8}{'95 %':>18}{'ROC-AUC':>9}{'scans':>7}")
    for label, row in labels.items():
        print(
            f"{label:<12}{format_metric(row['precision']):>10}{format_metric(row['recall']):>8}"
            f"{format_metric(row['f1']):>8}"
            f"{format_interval(intervals[label]['f1']):>18}{format_metric(row['roc_auc']):>9}{row['scans']:>7}"
        )
    for name, value, pair in headline(assessment):
        print(f"{name:<18}{value:>8} {pair}")
    for source, row in assessment["sources"].items():
        print(
            f"{source}: accuracy {row['accuracy']:.3f} (the source alone gives {row['source_alone']:.3f}), "
            f"macro F1 {format_metric(row['macro_f1'])} on {row['scans']} scans"
        )
    alone = assessment["baselines"]
    print(f"without looking at the eye: {alone['source']:.3f} by source, {alone['device']:.3f} by device")
    real, merged = assessment["real"], assessment["merged"]
    if real:
        print(
            f"real scans alone: accuracy {real['accuracy']:.3f}, macro F1 {format_metric(real['macro_f1'])}, "
            f"calibration error {real['calibration_error']:.3f} on {real['scans']} scans"
        )
    if merged:
        print(
            f"with {', '.join(merged['labels'])} as one: accuracy {merged['accuracy']:.3f}, "
            f"macro F1 {format_metric(merged['macro_f1'])}"
        )
    if assessment["grouped"]:
        groups = "; ".join(", ".join(members) for members in assessment["grouped"]["groups"].values())
        print(f"with groups as one ({groups}): accuracy {assessment['grouped']['accuracy']:.3f}")
    print_answers(assessment)


def print_answers(assessment: dict[str, Any]) -> None:
    """Print the states of the answers, the prediction sets and the areas under the risk-coverage curves."""
    for name, curves in assessment["risk_coverage"].items():
        exact, grouped = curves["exact"], curves["grouped"]
        print(
            f"AURC by {name}: {exact['aurc']:.3f} (at best {exact['best']:.3f}), with groups {grouped['aurc']:.3f}"
        )
    sets = assessment["sets"]
    if sets is None:
        print("the model has no statistics: it answers every scan")
        return
    print(
        f"prediction sets: {sets['coverage']:.3f} contain the true label, {sets['size']:.2f} labels on average"
    )
    for label, row in sets["labels"].items():
        print(
            f"{label:<12}{format_metric(row['coverage']):>10}{format_metric(row['size']):>8}{row['scans']:>7}"
        )
    for state, row in assessment["states"].items():
        print(
            f"{state:<14}{row['share']:>7.3f} of the scans, accuracy {format_metric(row['accuracy'])}, "
            f"with groups {format_metric(row['accuracy_by_groups'])}"
        )
    for kind, row in assessment["answered"].items():
        print(
            f"answered, {kind}: calibration error {format_metric(row['calibration_error'])}, "
            f"of those with confidence from 0.9 on {format_metric(row['sure_wrong'])} wrong"
        )
    for label, row in (assessment["strangers"] or {}).items():
        print(f"{label}, unknown to the model: {row['answered']:.2f} of {row['scans']} answered as one label")
