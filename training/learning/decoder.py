"""The map of findings of a fine-tuned version: the decoder before stays if it still finds as much, else it is refitted."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save
from torch import nn

from handlers.card import CARD_NAME, ModelCard
from handlers.card_findings import FINDINGS_NAME, FindingsFacts
from handlers.findings import FindingsDecoder
from handlers.network import load_decoder, stage_channels
from training.augmentation import Augmentation
from training.cache import cached_pixels
from training.data.manifest import Scan
from training.data.sources import is_simulated
from training.export import replace_file
from training.findings.batches import CHANNELS, FindingsBatches, read_marks
from training.findings.kinds import KINDS, read_label_findings
from training.findings.learning import Plan, learn
from training.findings.making import HEALTHY, LOOKS
from training.findings.measuring import LEAST_SCANS, MOST_FALSE, KindMetrics, as_metrics, logits_of, measure
from training.recipe import load_recipe

MOST_LOST = 0.1
"""Share of the scans with a finding in which a decoder may find or point less than before, before it is refitted."""
REFITTING_STEPS = 150


@dataclass(frozen=True)
class Material:
    """What decoders are measured on: pixels of masked scans with their marks, and of healthy scans."""

    masked: npt.NDArray[np.uint8]
    marks: npt.NDArray[np.uint8]
    healthy: npt.NDArray[np.uint8]


def keep_or_refit(
    base: Path,
    before: tuple[ModelCard, nn.Module],
    folder: Path,
    now: tuple[ModelCard, nn.Module],
    scans: Sequence[Scan],
    seed: int,
    cache: Path,
) -> tuple[ModelCard, str]:
    """Write the decoder for the network in `now` to `folder`, then its card; returns the card and a sentence.

    `scans` are those of train and val; those of val with masks decide. Without any the decoder stays as it is.
    """
    old_card, old_network = before
    card, _ = now
    facts = old_card.findings
    decoder = load_decoder(base, old_card, old_network)
    if facts is None or decoder is None:
        return card, "the version before has no map of findings"
    material = _material(scans, card.input.size, cache)
    if material is None:
        shutil.copyfile(base / FINDINGS_NAME, folder / FINDINGS_NAME)
        return _written(
            folder, card, facts
        ), "kept as it was, and not measured: no validation scan has a mask"
    old = _measured(before, decoder, facts, material)
    if _holds(_measured(now, decoder, facts, material), old):
        shutil.copyfile(base / FINDINGS_NAME, folder / FINDINGS_NAME)
        return _written(folder, card, facts), "kept as it was: it finds as much as before"
    decoder = _refitted(decoder, facts, now, scans, seed, cache)
    measured = _measured(now, decoder, facts, material)
    if not _holds(measured, old):
        return card, "left out: it finds less than before, also after it was refitted"
    content = save({name: values.contiguous() for name, values in decoder.state_dict().items()})
    replace_file(folder / FINDINGS_NAME, content)
    metrics = as_metrics(measured, list(material.healthy))
    facts = replace(facts, sha256=hashlib.sha256(content).hexdigest(), metrics=metrics)
    return _written(folder, card, facts), "refitted to the network"


def _written(folder: Path, card: ModelCard, facts: FindingsFacts) -> ModelCard:
    card = replace(card, findings=facts)
    card.save(folder / CARD_NAME)
    return card


def _material(scans: Sequence[Scan], size: int, cache: Path) -> Material | None:
    """The validation scans that decide; real healthy ones, or simulated ones where none is real."""
    held_out = [scan for scan in scans if scan.split == "val"]
    masked = [scan for scan in held_out if scan.mask is not None and is_simulated(scan)]
    every = [scan for scan in held_out if scan.label == HEALTHY]
    healthy = [scan for scan in every if not is_simulated(scan)] or every
    if not masked or not healthy:
        return None
    return Material(
        cached_pixels(masked, size, cache)[:, :1],
        np.stack([read_marks(scan, size) for scan in masked]),
        cached_pixels(healthy, size, cache)[:, :1],
    )


def _measured(
    model: tuple[ModelCard, nn.Module], decoder: FindingsDecoder, facts: FindingsFacts, material: Material
) -> dict[str, KindMetrics]:
    card, network = model
    masked, healthy = (
        (logits_of(network, decoder, card.input, pixels) / facts.temperature).softmax(1)
        for pixels in (material.masked, material.healthy)
    )
    return measure(masked, material.marks, healthy, facts.kinds)


def _holds(now: Mapping[str, KindMetrics], before: Mapping[str, KindMetrics]) -> bool:
    """Whether each kind that enough scans show is found and pointed at as before, and not in healthy eyes."""
    return all(
        row.pointing >= old.pointing - MOST_LOST
        and row.found >= old.found - MOST_LOST
        and row.false <= max(MOST_FALSE, old.false)
        for kind, row in now.items()
        if (old := before[kind]).scans >= LEAST_SCANS
    )


def _refitted(
    decoder: FindingsDecoder,
    facts: FindingsFacts,
    now: tuple[ModelCard, nn.Module],
    scans: Sequence[Scan],
    seed: int,
    cache: Path,
) -> FindingsDecoder:
    """The decoder after some steps on the new network; kinds that it lacked are learnt beside and dropped again."""
    card, network = now
    label_findings = read_label_findings()
    trained = [scan for scan in scans if scan.split == "train"]
    batches = FindingsBatches(
        [scan for scan in trained if scan.mask is not None and is_simulated(scan)],
        [scan for scan in trained if not is_simulated(scan) and scan.label in label_findings],
        label_findings,
        Augmentation(load_recipe("modern", LOOKS), card.input.size),
        card.input.size,
        seed,
        cache,
    )
    channels = [0, *(KINDS.index(kind) + 1 for kind in facts.kinds)]
    whole = FindingsDecoder(stage_channels(network), CHANNELS)
    state = whole.state_dict()
    for name, values in decoder.state_dict().items():
        if name.startswith("kinds."):
            state[name][channels] = values
        else:
            state[name] = values
    whole.load_state_dict(state)
    torch.manual_seed(seed)
    learnt = learn(network, card.input, batches, Plan(REFITTING_STEPS, seed=seed), whole).state_dict()
    decoder.load_state_dict(
        {name: values[channels] if name.startswith("kinds.") else values for name, values in learnt.items()}
    )
    return decoder.eval()
