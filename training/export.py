"""What a training leaves behind: weights as safetensors, the model card, the figures of every epoch."""

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

from handlers.card import InputSpec, ModelCard
from training.data.manifest import SPLITS, Scan, of_split
from training.data.sources import describe

WEIGHTS_NAME = "weights.safetensors"
CARD_NAME = "model.json"
# Fewer patients than this and a label's figures say little.
FEW_PATIENTS = 30
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
    metrics: dict[str, Any],
    limits: Sequence[str],
    made_with: dict[str, Any],
) -> ModelCard:
    """Write weights (stored in float16) and card to `out`; the card last, so that a card means a whole model."""
    out.mkdir(parents=True, exist_ok=True)
    weights = save(
        {
            key: (value.half() if value.is_floating_point() else value).cpu().contiguous()
            for key, value in network.state_dict().items()
        }
    )
    _replace(out / WEIGHTS_NAME, weights)
    card = ModelCard(
        name=name,
        version=version,
        architecture=architecture,
        labels=tuple(labels),
        input=spec,
        temperature=round(temperature, 4),
        weights_sha256=hashlib.sha256(weights).hexdigest(),
        data=describe_data(scans),
        metrics=metrics,
        limits=(*limits, *data_limits(scans)),
        made_with=made_with,
    )
    card.save(out / CARD_NAME)
    return card


def _replace(file: Path, content: bytes) -> None:
    """Write a file, complete or not at all."""
    partial = file.with_name(f"{file.name}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def describe_data(scans: Sequence[Scan]) -> dict[str, Any]:
    """Sources with their licences, and the counts of scans and patients per split and label."""
    return {
        "sources": [
            {"scans": count, **describe(source)}
            for source, count in sorted(Counter(scan.source for scan in scans).items())
        ],
        "counts": {
            split: {
                label: {
                    "scans": count,
                    "patients": len({scan.patient for scan in part if scan.label == label and scan.patient}),
                }
                for label, count in sorted(Counter(scan.label for scan in part).items())
            }
            for split in SPLITS
            if (part := of_split(scans, split))
        },
    }


def data_limits(scans: Sequence[Scan]) -> list[str]:
    """What the make-up of the data forbids to conclude, as sentences."""
    limits = []
    sources = {scan.source for scan in scans}
    for label in sorted({scan.label for scan in scans}):
        of_label = [scan for scan in scans if scan.label == label]
        patients = {scan.patient for scan in of_label if scan.patient}
        if patients and len(patients) < FEW_PATIENTS:
            limits.append(f"{label}: only {len(patients)} patients; its figures are uncertain.")
        own = {scan.source for scan in of_label}
        if len(sources) > 1 and len(own) == 1:
            limits.append(
                f"{label}: every scan comes from {own.pop()}; device and disease can't be told apart."
            )
    if not all(scan.patient for scan in scans):
        limits.append("Patients are not known for every scan; the splits may share some.")
    return limits


def environment() -> dict[str, Any]:
    """Versions of Python and of the packages that decide the result, and the kind of processor."""
    versions = {package: importlib.metadata.version(package) for package in NAMED_PACKAGES}
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU ({platform.machine()})"
    return {"versions": {"python": platform.python_version(), **versions}, "device": device}
