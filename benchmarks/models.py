"""Makes untrained models for benchmarks and tests that need a model but not its skill."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from safetensors.torch import save

from handlers.card import CARD_NAME, InputSpec, ModelCard
from handlers.network import WEIGHTS_NAME, build_network

LABELS = ("AMD", "CNV", "DME", "DRUSEN", "MH", "NORMAL")
IMAGENET = InputSpec(size=224, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def make_model(
    store: Path,
    name: str = "retina-oct",
    version: str = "1.0.0",
    architecture: str = "convnext_atto",
    seed: int = 0,
    caveats: dict[str, str] | None = None,
) -> Path:
    """Write `store/NAME/VERSION` with random weights (drawn from `seed`) and its card; return that folder."""
    folder = store / name / version
    folder.mkdir(parents=True)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        # Fresh networks of timm give nearly the same logits for every image; a wider classifier and layer scale
        # make different images, labels and seeds give different answers.
        network = build_network(architecture, len(LABELS))
        with torch.no_grad():
            for key, values in network.named_parameters():
                if key.endswith("gamma"):
                    values.fill_(1.0)
                elif key.startswith("head.") and key.endswith("weight") and values.ndim > 1:
                    values.normal_(std=0.3)
    weights = save({key: values.half().contiguous() for key, values in network.state_dict().items()})
    (folder / WEIGHTS_NAME).write_bytes(weights)
    card = ModelCard(
        name=name,
        version=version,
        architecture=architecture,
        labels=LABELS,
        input=IMAGENET,
        temperature=1.5,
        weights_sha256=hashlib.sha256(weights).hexdigest(),
        data={"sources": [], "counts": {}},
        metrics={},
        limits=("Untrained: for tests and benchmarks only.",),
        made_with={"seed": seed},
        caveats=caveats or {},
    )
    card.save(folder / CARD_NAME)
    return folder
