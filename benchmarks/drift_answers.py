"""What a model answers on labelled scans, computed once in process and kept, for `bench drift`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.errors import BenchmarkError
from webapp.drift.samples import Value, values_of

AT_ONCE = 16
BLUR_PIXELS, GAMMA = 0.8, 1.3
"""The altered pictures: a Gaussian blur at 256 pixels of the shorter side, and darker midtones."""
AS_IT_IS, BLURRED, DARKER = "as it is", "blurred", "darker"
PROJECTIONS = 8
SPLITS = ("val", "test")

Pixels = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Answered:
    """A scan with the values that drift is noticed by, and its pooled features."""

    label: str
    source: str
    patient: str
    split: str
    values: dict[str, Value]
    features: npt.NDArray[np.float32]


def answers(data: Path, model: Path, folder: Path, altered: str = AS_IT_IS) -> list[Answered]:
    """The answers of a model to the scans of its own labels, from `folder` if they are kept there.

    Raises BenchmarkError where the data have no splits or no sources.
    """
    from handlers.card import CARD_NAME, ModelCard
    from training.data.reading import read_all

    card = ModelCard.load(model / CARD_NAME)
    scans = [
        scan
        for scan in read_all([data], least_labels=1)
        if scan.split in SPLITS and scan.label in card.labels
    ]
    if not scans or len({scan.source for scan in scans}) < 2:
        raise BenchmarkError(
            f"{data}: the manifest needs val and test splits, and scans of two sources or more"
        )
    known = "\n".join([card.weights_sha256, altered, *(f"{scan.path} {scan.sha256}" for scan in scans)])
    kept = folder / f"drift-answers-{hashlib.sha256(known.encode()).hexdigest()[:16]}.npz"
    if not kept.exists():
        folder.mkdir(parents=True, exist_ok=True)
        computed = _compute(model, [scan.path for scan in scans], ALTERATIONS[altered])
        # Through another name, so that an interrupted run leaves no half of a file.
        with (part := kept.with_suffix(".part")).open("wb") as file:
            np.savez(file, allow_pickle=False, **computed)
        part.rename(kept)
    with np.load(kept) as stored:
        rows = {name: stored[name] for name in stored.files}
    return [
        Answered(
            scan.label,
            scan.source,
            scan.patient,
            scan.split,
            _values(card, rows, index),
            rows["features"][index],
        )
        for index, scan in enumerate(scans)
    ]


def _values(card: Any, rows: dict[str, Numbers], index: int) -> dict[str, Value]:
    """The values as the web app has them of the stored scan, but for its size: these files were all made smaller."""
    probabilities = dict(zip(card.labels, rows["probabilities"][index].tolist(), strict=True))
    names = ("black", "median", "white", "sharpness", "layered")
    values = values_of(
        {
            "confidence": max(probabilities.values()),
            "familiarity": float(rows["familiarity"][index]),
            "probabilities": probabilities,
            "state": "",
            "quality": {"measures": dict(zip(names, rows["measures"][index].tolist(), strict=True))},
            "width": 0,
            "height": 0,
        }
    )
    values.pop("size")
    return values


def _compute(model: Path, files: Sequence[Path], altered: Callable[[Pixels], Pixels]) -> dict[str, Numbers]:
    import torch

    from handlers.predictor import Predictor
    from handlers.preprocessing import to_square
    from imaging.decoding import decode
    from imaging.quality import quality

    predictor = Predictor.load(model)
    if predictor.statistics is None:
        raise BenchmarkError(f"{model}: the model has no statistics")
    parts: dict[str, list[Numbers]] = {"probabilities": [], "familiarity": [], "measures": [], "features": []}
    for start in range(0, len(files), AT_ONCE):
        pictures = [altered(decode(file.read_bytes()).pixels) for file in files[start : start + AT_ONCE]]
        squares = torch.stack(
            [to_square(np.ascontiguousarray(one), predictor.card.input.size) for one in pictures]
        )
        forward = predictor.engine(squares)
        assert forward.pooled is not None
        pooled = forward.pooled.float().cpu().numpy()
        scores = (forward.logits / predictor.card.temperature).softmax(1).cpu().numpy()
        parts["probabilities"].append(scores)
        parts["familiarity"].append(predictor.statistics.familiarity(pooled))
        parts["measures"].append(np.array([list(quality(one)["measures"].values()) for one in pictures]))
        parts["features"].append(pooled)
    return {name: np.concatenate(values) for name, values in parts.items()}


def _blurred(pixels: Pixels) -> Pixels:
    import cv2

    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), BLUR_PIXELS * min(pixels.shape[:2]) / 256), np.uint8)


def _darker(pixels: Pixels) -> Pixels:
    return np.asarray(255 * (pixels / 255) ** GAMMA, np.uint8)


ALTERATIONS: dict[str, Callable[[Pixels], Pixels]] = {
    AS_IT_IS: lambda pixels: pixels,
    BLURRED: _blurred,
    DARKER: _darker,
}
