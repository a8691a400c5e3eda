"""The figures of a candidate, by the code of `./retinote evaluate` and `./retinote explain`; they get into its card."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from handlers.card import CARD_NAME, ModelCard
from handlers.network import load_network
from training.data.manifest import Scan
from training.evaluation.commands import add_evaluate_arguments, evaluate
from training.explanation.measuring import choose, measure, read_masked
from training.explanation.methods import OURS
from training.explanation.results import store, write_results

MAPS_PER_LABEL, MAPS_WITH_CURVES = 6, 12


def on_test_set(model: Path, data_set: Path, out: Path, cache: Path, seed: int) -> dict[str, Any]:
    """Measure on the data set's test scans, with a report in the folder `out`; returns the main figures."""
    words = ["--model", model, "--data", data_set, "--split", "test", "--out", out, "--store", "test"]
    words += ["--overwrite", "--cache", cache, "--seed", seed]
    parser = argparse.ArgumentParser()
    add_evaluate_arguments(parser)
    evaluate(parser.parse_args([str(word) for word in words]))
    measured = ModelCard.load(model / CARD_NAME).metrics["test"]
    return {
        **{key: measured[key] for key in ("scans", "accuracy", "macro_f1", "calibration_error")},
        "note": f"macro F1 {measured['macro_f1']:.3f} on {measured['scans']} test scans",
    }


def of_heat_maps(model: Path, masked: Sequence[Scan], out: Path, seed: int) -> dict[str, Any]:
    """Measure heat maps on some of these scans, with pictures in the folder `out`; returns the main figures.

    Raises DataError when none of the scans has a mask with a lesion, or one can't be read.
    """
    card, network = load_network(model)
    shown = read_masked(card, choose(masked, card.labels, MAPS_PER_LABEL, seed))
    found = measure(card, network, shown, [OURS], MAPS_WITH_CURVES, seed)
    write_results(out, card, network, shown, found)
    measured = store(model, card, found)
    return {
        "pointing_game": measured["pointing_game"],
        "scans": measured["scans"],
        "note": f"pointing game {measured['pointing_game']:.2f} on {measured['scans']} scans",
    }
