"""The candidate's own ranges for int8, where the version before has some: measured as `./retinote int8` measures them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from handlers.card import CARD_NAME, ModelCard
from handlers.engines.int8 import has_instructions
from training.data.manifest import DataError, Scan
from training.int8.commands import MASKED_PER_LABEL, PER_LABEL, choose_scans
from training.int8.making import Int8Making

MOST_CHECKED = 2000
"""Real scans that answers are compared on: they tell a share of 0.5 % to 0.3 % (95 % interval), in minutes."""


def measure_ranges_anew(
    before: ModelCard, model: Path, scans: Sequence[Scan], seed: int, cache: Path
) -> dict[str, Any]:
    """Give the candidate in the folder `model` its ranges, if they keep its answers; returns the facts of the step.

    `scans` are those that it has learnt from, and simulated ones with masks; those of the test split are left alone.
    """
    if before.int8 is None:
        return {"left_out": f"{before.name} {before.version} has no ranges for int8"}
    if not has_instructions():
        return {
            "left_out": "this processor has no instructions for int8 (AVX-512 VNNI or AMX), without which its answers "
            "can't be checked; ./retinote int8 measures the ranges on one that has"
        }
    card = ModelCard.load(model / CARD_NAME)
    try:
        chosen = choose_scans(card, scans, PER_LABEL, MASKED_PER_LABEL, seed, cache, MOST_CHECKED)
    except DataError as error:  # no scan to measure ranges on, or none with a mask
        return {"left_out": f"ranges for int8 can't be measured: {error}"}
    making = Int8Making(model, card, chosen)
    facts = making.make()
    if missed := list(facts.checks.misses()):
        return {"left_out": f"int8 would change the answers too much: {'; '.join(missed)}"}
    making.write(facts)
    measured = facts.checks
    return {
        "scans": measured.scans,
        "blocks": facts.blocks,
        "other_labels": measured.other_labels,
        "difference": measured.difference,
        "note": f"int8 in {facts.blocks} of {facts.blocks + len(facts.left_out)} blocks; another first label for "
        f"{measured.other_labels:.2%} of {measured.scans} scans",
    }
