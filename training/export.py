"""Writes a trained model: its weights as safetensors, and its card."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import nn

import modalities
from handlers.card import InputSpec, ModelCard
from training import learnt
from training.data.folders import SPLITS
from training.data.manifest import Scan, of_split
from training.data.sources import describe, is_simulated
from training.origin import code, data_sha256, with_hashes_of_files

WEIGHTS_NAME = "weights.safetensors"
CARD_NAME = "model.json"
FEW_PATIENTS = 30
"""With fewer patients than this, metrics of a label say little."""
NAMED_PACKAGES = ("torch", "torchvision", "timm", "numpy", "opencv-python-headless", "safetensors")


def save_model(
    out: Path,
    network: nn.Module,
    *,
    name: str,
    version: str,
    architecture: str,
    labels: Sequence[str],
    spec: InputSpec,
    temperature: float,
    scans: Sequence[Scan],
    outliers: Sequence[Scan] = (),
    metrics: dict[str, Any],
    limits: Sequence[str],
    made_with: dict[str, Any],
) -> ModelCard:
    """Write weights (in float16) and card to `out`; returns the card.

    The card is written last, so that a folder with a card holds a whole model.
    """
    out.mkdir(parents=True, exist_ok=True)
    weights = weights_bytes(network)
    replace_file(out / WEIGHTS_NAME, weights)
    card = ModelCard(
        name=name,
        version=version,
        architecture=architecture,
        labels=tuple(labels),
        input=spec,
        temperature=round(temperature, 4),
        weights_sha256=hashlib.sha256(weights).hexdigest(),
        data=describe_data(scans, outliers),
        metrics=metrics,
        limits=(*limits, *data_limits(scans)),
        made_with={**made_with, learnt.FIELD: learnt.note(_learnt_from(scans, outliers))},
        caveats=label_caveats(scans),
        **_of_modality(name),
    )
    card.save(out / CARD_NAME)
    return card


def _of_modality(name: str) -> dict[str, Any]:
    """The card's fields that the profile of the model's modality decides; none for a model of no modality."""
    found = modalities.of_model(name)
    if found is None:
        return {}
    return {"modality": found.name, "quality": found.quality, "notes": found.notes}


def _learnt_from(scans: Sequence[Scan], outliers: Sequence[Scan]) -> list[Scan]:
    """What weights and thresholds follow from: all but the test split."""
    return with_hashes_of_files([scan for scan in (*scans, *outliers) if scan.split != "test"])


def weights_bytes(network: nn.Module) -> bytes:
    """The content of a weights file: safetensors in float16."""
    return save(
        {
            key: (value.half() if value.is_floating_point() else value).cpu().contiguous()
            for key, value in network.state_dict().items()
        }
    )


def replace_file(file: Path, content: bytes) -> None:
    """Replace a file, as a whole or not at all. Raises OSError when it can't be written."""
    partial = file.with_name(f"{file.name}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def describe_data(scans: Sequence[Scan], outliers: Sequence[Scan] = ()) -> dict[str, Any]:
    """The card's description of the data: a hash, the sources with their licences, and counts by split and label.

    Real scans, their patients and simulated scans are counted apart, and so are `outliers`.
    """
    every = [*scans, *outliers]
    return {
        "sha256": data_sha256(every),
        "sources": [
            {"scans": count, **describe(source)}
            for source, count in sorted(Counter(scan.source for scan in every).items())
        ],
        "counts": {split: _by_label(part) for split in SPLITS if (part := of_split(scans, split))},
        **({"outliers": _by_label(outliers)} if outliers else {}),
    }


def data_limits(scans: Sequence[Scan]) -> list[str]:
    """The limits of a model that follow from its data, as sentences for the card."""
    limits = []
    real = [scan for scan in scans if not is_simulated(scan)]
    sources = {scan.source for scan in real}
    for label in sorted({scan.label for scan in scans}):
        own = {scan.source for scan in _of_label(real, label)}
        if len(sources) > 1 and len(own) == 1:
            limits.append(
                f"{label}: every real scan comes from {own.pop()}; device and disease can't be told apart."
            )
    limits += [f"{label}: {caveat}" for label, caveat in label_caveats(scans).items()]
    if not all(scan.patient for scan in scans):
        limits.append("Patients are not known for every scan; the splits may share some.")
    return limits


def label_caveats(scans: Sequence[Scan]) -> dict[str, str]:
    """A caveat, for people, for each label that was learnt from few real patients or from none."""
    trained = of_split(scans, "train")
    caveats = {}
    for label in sorted({scan.label for scan in trained}):
        real = [scan for scan in _of_label(trained, label) if not is_simulated(scan)]
        patients = {scan.patient for scan in real if scan.patient}
        if not real:
            caveats[label] = "No real scan of this label was trained on; it rests on simulated scans alone."
        elif patients and len(patients) < FEW_PATIENTS:
            caveats[label] = f"Trained on real scans of {len(patients)} patients only; it may well be wrong."
    return caveats


def _of_label(scans: Sequence[Scan], label: str) -> list[Scan]:
    return [scan for scan in scans if scan.label == label]


def _by_label(scans: Sequence[Scan]) -> dict[str, dict[str, int]]:
    return {label: _counts(_of_label(scans, label)) for label in sorted({scan.label for scan in scans})}


def _counts(scans: Sequence[Scan]) -> dict[str, int]:
    real = [scan for scan in scans if not is_simulated(scan)]
    simulated = {"simulated": len(scans) - len(real)} if len(real) < len(scans) else {}
    patients = {scan.patient for scan in real if scan.patient}
    return {"scans": len(real), "patients": len(patients), **simulated}


def describe_weights(weights: Path) -> dict[str, Any]:
    """The hash of a weights file, with architecture and making from a card beside it."""
    origin: dict[str, Any] = {"weights_sha256": hashlib.sha256(weights.read_bytes()).hexdigest()}
    if (weights.parent / CARD_NAME).is_file():
        card = ModelCard.load(weights.parent / CARD_NAME)
        origin |= {"architecture": card.architecture, "made_with": card.made_with}
    return origin


def environment() -> dict[str, Any]:
    """What the training ran on: the code, the versions of Python and of the main packages, the processor or GPU."""
    versions = {package: importlib.metadata.version(package) for package in NAMED_PACKAGES}
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU ({platform.machine()})"
    return {**code(), "versions": {"python": platform.python_version(), **versions}, "device": device}
