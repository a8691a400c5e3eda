"""Makes untrained models, for benchmarks and tests that need a model but not a good one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import numpy as safetensors_of_numpy
from safetensors.torch import save

from handlers.card import CARD_NAME, InputSpec, ModelCard
from handlers.card_findings import FINDINGS_NAME, FindingsFacts
from handlers.card_int8 import INT8_NAME, Int8Checks, Int8Facts
from handlers.card_statistics import BOTH, MAHALANOBIS, NEIGHBOURS, STATISTICS_NAME, SetFacts, StatisticsFacts
from handlers.findings import FindingsDecoder
from handlers.int8_ranges import as_tensors
from handlers.network import WEIGHTS_NAME, build_network, load_network, stage_channels
from handlers.statistics import home_of, mahalanobis, neighbours, rank, unit

LABELS = ("AMD", "CNV", "DME", "DRUSEN", "MH", "NORMAL")
CERTAIN = 50.0
"""Added to the logit of a label, it outweighs what an image changes."""
IMAGENET = InputSpec(size=224, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def make_model(
    store: Path,
    name: str = "retina-oct",
    version: str = "1.0.0",
    architecture: str = "convnext_atto",
    seed: int = 0,
    caveats: dict[str, str] | None = None,
    says: str = "",
) -> Path:
    """Write `store/NAME/VERSION` with random weights (drawn from `seed`) and its card; return that folder.

    With `says` it finds this label most probable in every image: versions that agree, but whose heat maps differ.
    """
    folder = store / name / version
    folder.mkdir(parents=True)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        # A new network of timm gives nearly the same logits for all images. Larger weights of the classifier and the
        # layer scale give different answers for different images, labels and seeds.
        network = build_network(architecture, len(LABELS))
        with torch.no_grad():
            for key, values in network.named_parameters():
                if key.endswith("gamma"):
                    values.fill_(1.0)
                elif key.startswith("head.") and key.endswith("weight") and values.ndim > 1:
                    values.normal_(std=0.3)
                elif key.startswith("head.") and key.endswith("bias") and says and len(values) == len(LABELS):
                    values[LABELS.index(says)] += CERTAIN
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


def give_statistics(
    folder: Path,
    home: npt.NDArray[np.float32] | None = None,
    home_scans: int = 200,
    method: str = MAHALANOBIS,
    least: float = 0.1,
    known_from: float = 0.05,
    nearest: Sequence[str] = (),
    **card_changes: Any,
) -> StatisticsFacts:
    """Give the model in `folder` statistics of home scans: of the features `home` (scans, channels), or made-up ones.

    Each label needs the probability `least` to be in a prediction set. `card_changes` are other fields of the card.
    """
    card = ModelCard.load(folder / CARD_NAME)
    if home is None:
        with torch.device("meta"):
            channels = int(build_network(card.architecture, 2).num_features)  # type: ignore[arg-type]
        home = np.random.default_rng(0).normal(size=(home_scans, channels)).astype(np.float32)
    tensors = statistics_tensors(home, method)
    if nearest:
        tensors["nearest"] = unit(home[: len(nearest)])
    content = safetensors_of_numpy.save(tensors)
    (folder / STATISTICS_NAME).write_bytes(content)
    facts = StatisticsFacts(
        sha256=hashlib.sha256(content).hexdigest(),
        method=method,
        known_from=known_from,
        sets=SetFacts(coverage=0.9, least=dict.fromkeys(card.labels, least)),
        calibrated_on={},
        nearest=tuple(nearest),
    )
    replace(card, statistics=facts, **card_changes).save(folder / CARD_NAME)
    return facts


def give_findings(
    folder: Path,
    kinds: Sequence[str] = ("fluid_within", "material"),
    tensors: Mapping[str, torch.Tensor] | None = None,
    threshold: float = 0.4,
    least_share: float = 0.002,
    **facts: Any,
) -> FindingsFacts:
    """Give the model in `folder` a decoder of findings with these tensors, or with random ones, always the same.

    `facts` are other fields of the card's findings.
    """
    card = ModelCard.load(folder / CARD_NAME)
    if tensors is None:
        with torch.device("meta"):
            channels = stage_channels(build_network(card.architecture, 2))
        with torch.random.fork_rng():
            torch.manual_seed(0)
            tensors = FindingsDecoder(channels, len(kinds) + 1).state_dict()
    content = save({name: values.contiguous() for name, values in tensors.items()})
    (folder / FINDINGS_NAME).write_bytes(content)
    made = FindingsFacts(
        sha256=hashlib.sha256(content).hexdigest(),
        kinds=tuple(kinds),
        temperature=1.0,
        thresholds=dict.fromkeys(kinds, threshold),
        least_share=least_share,
    )
    made = replace(made, **facts)
    replace(card, findings=made).save(folder / CARD_NAME)
    return made


def give_int8(folder: Path, **checks: float) -> Int8Facts:
    """Give the model in `folder` ranges for int8, measured on smooth noise.

    Its card says that all limits are kept, which nobody has checked; `checks` are other figures.
    """
    from training.int8.making import measure_ranges
    from training.int8.measuring import Scanned

    card, network = load_network(folder)
    coarse = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.interpolate(coarse, size=(card.input.size,) * 2, mode="bilinear")
    ranges = measure_ranges(network, card, Scanned([], (255 * smooth).to(torch.uint8).numpy()))
    content = save(as_tensors(ranges))
    (folder / INT8_NAME).write_bytes(content)
    kept: dict[str, Any] = {"scans": 1, "other_labels": 0.0, "difference": 0.0, "correlation": 1.0}
    kept |= {"masked_scans": 1, "pointing": 1.0, "pointing_int8": 1.0}
    made = Int8Facts(
        sha256=hashlib.sha256(content).hexdigest(), blocks=len(ranges), checks=Int8Checks(**kept | checks)
    )
    replace(card, int8=made).save(folder / CARD_NAME)
    return made


def statistics_tensors(home: npt.NDArray[np.float32], method: str) -> dict[str, npt.NDArray[Any]]:
    """The tensors of a method for home scans (scans, channels): one Gaussian, and the first half as references."""
    directions = unit(home)
    mean = directions.mean(axis=0)
    channels = home.shape[1]
    values, vectors = np.linalg.eigh(np.cov(directions, rowvar=False) + 0.1 / channels * np.eye(channels))
    gaussian = (
        mean,
        (vectors / np.sqrt(values)).astype(np.float32),
        np.zeros((1, home.shape[1]), np.float32),
    )
    references = unit(home[: len(home) // 2])
    strange = {MAHALANOBIS: mahalanobis(home, *gaussian), NEIGHBOURS: neighbours(home, references)}
    tensors: dict[str, npt.NDArray[Any]] = {}
    if method != NEIGHBOURS:
        tensors |= dict(zip(("mean", "projection", "centres"), gaussian, strict=True))
    if method != MAHALANOBIS:
        tensors["references"] = references
    if method == BOTH:
        tensors |= {home_of(each): np.sort(values) for each, values in strange.items()}
        strange[BOTH] = np.mean([rank(strange[each], tensors[home_of(each)]) for each in strange], axis=0)
    return tensors | {"home": np.sort(strange[method]).astype(np.float32)}
