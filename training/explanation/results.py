"""What a measurement of heat maps leaves: its numbers, a page of examples, and the model's own in its card."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from torch import nn

from handlers.card import CARD_NAME, ModelCard
from training.explanation.measuring import Masked
from training.explanation.methods import OURS
from training.explanation.sheet import write_sheet

NUMBERS_NAME = "explanations.json"
SHEET_NAME = "explanations.html"


def write_results(
    out: Path, card: ModelCard, network: nn.Module, masked: Masked, measured: dict[str, Any]
) -> None:
    """Write explanations.json and explanations.html into the folder `out`; `measured` comes from `measure`."""
    out.mkdir(parents=True, exist_ok=True)
    (out / NUMBERS_NAME).write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")
    write_sheet(out / SHEET_NAME, card, network, masked, measured)


def store(model: Path, card: ModelCard, measured: dict[str, Any]) -> dict[str, Any]:
    """Write the metrics of the model server's method into the card in the folder `model`; returns them."""
    kept = {"scans": measured["scans"], "method": OURS, **measured["methods"][OURS]}
    dataclasses.replace(card, metrics={**card.metrics, "explanations": kept}).save(model / CARD_NAME)
    return kept
