"""Makes a model's map of findings: findings.safetensors beside its weights, and its part of the card."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save
from torch import nn
from torch.nn import functional

from handlers.card import CARD_NAME, ModelCard
from handlers.card_findings import FINDINGS_NAME
from handlers.findings import FindingsDecoder
from handlers.user_cache import user_cache
from training.augmentation import Augmentation
from training.cache import cached_pixels
from training.data.manifest import DataError, Scan
from training.data.sources import is_simulated
from training.findings.batches import CHANNELS, STRIDE, FindingsBatches, read_marks
from training.findings.kinds import KINDS, LabelFindings, read_label_findings
from training.findings.learning import Plan, learn
from training.findings.measuring import (
    LEAST_SHARE,
    KindMetrics,
    as_metrics,
    fit_temperature,
    logits_of,
    measure,
)
from training.recipe import load_recipe
from training.simulator.findings import Finding

HEALTHY = "NORMAL"
CONTRADICTING = ("fluid_within", "fluid_below", "hole")
"""Kinds that contradict NORMAL; the others do not, as healthy eyes may show drusen and bright material."""
LOOKS: dict[str, Any] = {
    "rotation_degrees": 10,
    "crop_smallest": 0.45,
    "crop_ratio": 1.5,
    "jitter": 0.3,
    "gamma": 0.4,
    "speckle": 0.15,
    "noise": 0.05,
    "blur": 0.3,
    "blur_width": 2.0,
    "haze": 0.15,
    "erase": 0.0,
    "histogram": 0.2,
    "waves": 0.2,
    "motion": 0.1,
    "bend": 0.04,
    "cuts": 0.15,
    "marks": 0.2,
}
"""Changes of the recipe `modern`, by which scans look as if other devices had taken them."""


@dataclass(frozen=True)
class FindingsScans:
    """The scans that a decoder learns from, and those of the val split that it is measured on."""

    masked: list[Scan]
    labelled: list[Scan]
    masked_validation: list[Scan]
    healthy_validation: list[Scan]


def sort_scans(scans: Sequence[Scan], label_findings: dict[str, LabelFindings]) -> FindingsScans:
    """Sort scans by what they teach. Raises DataError when there are none of a needed sort."""
    masked = [scan for scan in scans if scan.mask is not None]
    real = [scan for scan in scans if scan.mask is None and not is_simulated(scan)]
    chosen = FindingsScans(
        [scan for scan in masked if scan.split == "train"],
        [scan for scan in real if scan.split == "train" and scan.label in label_findings],
        [scan for scan in masked if scan.split == "val"],
        [scan for scan in real if scan.split == "val" and scan.label == HEALTHY],
    )
    for what, sorted_scans, how in (
        ("scans with masks in the split train", chosen.masked, "data simulate` and `data graft` make some"),
        (
            "scans with masks in the split val",
            chosen.masked_validation,
            "data split` divides simulated ones",
        ),
        (
            f"real scans of {HEALTHY} in the split val",
            chosen.healthy_validation,
            "data split` divides real ones",
        ),
    ):
        if not sorted_scans:
            raise DataError(f"the data have no {what}; `./retinote {how}")
    return chosen


def make_findings(
    folder: Path, card: ModelCard, network: nn.Module, scans: Sequence[Scan], plan: Plan, cache: Path | None
) -> dict[str, KindMetrics]:
    """Teach and measure a decoder, write its file and then the card; returns the metrics of each kind.

    Raises DataError, and writes nothing, when needed scans are missing or when no kind is good enough.
    """
    label_findings = read_label_findings()
    chosen = sort_scans(scans, label_findings)
    cache = cache or user_cache()
    size = card.input.size
    batches = FindingsBatches(
        chosen.masked,
        chosen.labelled,
        label_findings,
        Augmentation(load_recipe("modern", LOOKS), size),
        size,
        plan.seed,
        cache,
    )
    decoder = learn(network, card.input, batches, plan)
    marks = np.stack([read_marks(scan, size) for scan in chosen.masked_validation])
    masked = logits_of(
        network, decoder, card.input, cached_pixels(chosen.masked_validation, size, cache)[:, :1]
    )
    healthy = logits_of(
        network, decoder, card.input, cached_pixels(chosen.healthy_validation, size, cache)[:, :1]
    )
    kept, measured = list(KINDS), dict[str, KindMetrics]()
    while kept:
        temperature, now = _measured(masked, marks, healthy, kept)
        measured |= now
        holding = [kind for kind in kept if now[kind].holds]
        if holding == kept:
            break
        kept = holding
    else:
        raise DataError(
            "no kind of finding is good enough on validation scans; the model gets no map of findings"
        )
    content = save({name: values.contiguous() for name, values in _only(decoder, kept).items()})
    facts = {
        "sha256": hashlib.sha256(content).hexdigest(),
        "kinds": kept,
        "temperature": temperature,
        "thresholds": {kind: measured[kind].threshold for kind in kept},
        "least_share": LEAST_SHARE,
        "excluded": _excluded(card, label_findings, kept),
        "metrics": as_metrics(measured, chosen.healthy_validation),
    }
    (folder / FINDINGS_NAME).write_bytes(content)
    _into_card(folder / CARD_NAME, facts)
    return measured


def _measured(
    masked: torch.Tensor, marks: npt.NDArray[np.uint8], healthy: torch.Tensor, kept: Sequence[str]
) -> tuple[float, dict[str, KindMetrics]]:
    """Temperature and metrics of a decoder with these kinds alone; logits have a channel for each of `KINDS`."""
    channels = _channels(kept)
    masked, healthy = masked[:, channels], healthy[:, channels]
    temperature = fit_temperature(masked, _shares(marks)[:, channels])
    probabilities = [(logits / temperature).softmax(1) for logits in (masked, healthy)]
    return temperature, measure(probabilities[0], marks, probabilities[1], kept)


def _shares(marks: npt.NDArray[np.uint8]) -> torch.Tensor:
    kinds = functional.one_hot(torch.from_numpy(marks).long(), Finding.OTHER + 1).permute(0, 3, 1, 2)
    return functional.avg_pool2d(kinds.float(), STRIDE)[:, :CHANNELS]


def _channels(kept: Sequence[str]) -> list[int]:
    return [0, *(KINDS.index(kind) + 1 for kind in kept)]


def _only(decoder: FindingsDecoder, kept: Sequence[str]) -> dict[str, torch.Tensor]:
    """The decoder's tensors with the channels of these kinds alone."""
    channels = _channels(kept)
    state = decoder.state_dict()
    return {name: values[channels] if name.startswith("kinds.") else values for name, values in state.items()}


def _excluded(
    card: ModelCard, label_findings: dict[str, LabelFindings], kept: Sequence[str]
) -> dict[str, list[str]]:
    """The kinds that contradict each label; only for healthy eyes is that certain enough."""
    if HEALTHY not in card.labels:
        return {}
    excludes = label_findings[HEALTHY].excludes
    return {HEALTHY: [kind for kind in CONTRADICTING if kind in kept and KINDS.index(kind) + 1 in excludes]}


def _into_card(file: Path, facts: dict[str, Any]) -> None:
    content = json.loads(file.read_text(encoding="utf-8"))
    content["findings"] = facts
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
