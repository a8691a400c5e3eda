"""The figures of a candidate, by the code of `./retinote evaluate` and `./retinote explain`; they get into its card."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from handlers.card import CARD_NAME, ModelCard
from training.data.manifest import DataError, Scan
from training.evaluation.commands import add_evaluate_arguments, evaluate
from training.explanation.commands import add_explanations_arguments, explanations

MAPS_PER_LABEL, MAPS_WITH_CURVES = 6, 12


def on_test_set(model: Path, data_set: Path, out: Path, cache: Path, seed: int) -> dict[str, Any]:
    """Measure on the data set's test scans, with a report in the folder `out`; returns the main figures."""
    words = ["--model", model, "--data", data_set, "--split", "test", "--out", out, "--store", "test"]
    words += ["--overwrite", "--cache", cache, "--seed", seed]
    evaluate(_parsed(add_evaluate_arguments, words))
    measured = ModelCard.load(model / CARD_NAME).metrics["test"]
    return {
        **{key: measured[key] for key in ("scans", "accuracy", "macro_f1", "calibration_error")},
        "note": f"macro F1 {measured['macro_f1']:.3f} on {measured['scans']} test scans",
    }


def of_heat_maps(model: Path, masked: Sequence[Scan], out: Path, seed: int) -> dict[str, Any]:
    """Measure heat maps on scans with masks, with pictures in the folder `out`; returns the main figures."""
    manifests = sorted({str(manifest_of(scan)) for scan in masked})
    words = ["--model", model, "--data", *manifests, "--methods", "grad-cam", "--store", "--out", out]
    words += ["--count", MAPS_PER_LABEL, "--curves-on", MAPS_WITH_CURVES, "--seed", seed]
    explanations(_parsed(add_explanations_arguments, words))
    measured = ModelCard.load(model / CARD_NAME).metrics["explanations"]
    return {
        "pointing_game": measured["pointing_game"],
        "scans": measured["scans"],
        "note": f"pointing game {measured['pointing_game']:.2f} on {measured['scans']} scans",
    }


def manifest_of(scan: Scan) -> Path:
    """The manifest that lists a scan: that of the nearest folder above it."""
    for folder in scan.path.parents:
        if (folder / "manifest.csv").is_file():
            return folder / "manifest.csv"
    raise DataError(f"{scan.path} is in no folder with a manifest")


def _parsed(
    declare: Callable[[argparse.ArgumentParser], None], words: Sequence[object]
) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    declare(parser)
    return parser.parse_args([str(word) for word in words])
