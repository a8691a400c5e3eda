"""What a fine-tuning is to make, and what must stay the same for it to go on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handlers.card import ModelCard
from handlers.network import WEIGHTS_NAME
from training.data.manifest import Scan
from training.recipe import Recipe, load_recipe

RECIPE = Path(__file__).with_name("recipe.toml")
SIMULATED_PER_LABEL = 60


@dataclass(frozen=True)
class Order:
    """What to make: a version of the model in the folder `base` with the number `version`, in the folder `out`.

    `replay` are the data that the version was trained with, where they are here. `threads` bounds what it computes
    with. `run` and `command` are kept in the card. `anew` replaces what an earlier fine-tuning has left in `out`.
    """

    base: Path
    data_set: Path
    replay: Sequence[Path]
    out: Path
    version: str
    seed: int
    threads: int
    cache: Path
    recipe: Recipe
    simulated_per_label: int = SIMULATED_PER_LABEL
    run: str = ""
    command: str = ""
    anew: bool = False


def recipe_for(base: Path, card: ModelCard, seed: int, changes: dict[str, Any] | None = None) -> Recipe:
    """The recipe by which a version is fine-tuned: its own network, weights and input size, and itself as teacher."""
    fixed = {
        "architecture": card.architecture,
        "pretrained_file": str(base / WEIGHTS_NAME),
        "teacher": str(base),
        "size": card.input.size,
        "resize": card.input.resize,
        "seed": seed,
    }
    return load_recipe(str(RECIPE), {**(changes or {}), **fixed})


def plan_of(order: Order, card: ModelCard, data_set: str, replayed: Sequence[Scan]) -> dict[str, Any]:
    """What must stay the same for a run to go on."""
    digest = hashlib.sha256()
    for scan in replayed:
        digest.update(f"{scan.path.name} {scan.label} {scan.split}\n".encode())
    return {
        "version_before": card.version,
        "weights_before": card.weights_sha256,
        "data_set": data_set,
        "replayed_scans": digest.hexdigest() if replayed else "",
        "version": order.version,
        "seed": order.seed,
        "threads": order.threads,
        "simulated_per_label": order.simulated_per_label,
    }
