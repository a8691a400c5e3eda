"""What a network answers for scans, and how far two networks' answers lie apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm

from handlers.card import ModelCard
from handlers.card_int8 import Int8Checks
from handlers.engines.engine import Forward
from handlers.engines.serving_network import ServingNetwork
from handlers.gradcam import HeadGradCam, Maps
from handlers.statistics import Statistics
from training.data.manifest import Scan
from training.evaluation.answers import predict_answers
from training.evaluation.metrics import DIGITS
from training.explanation.measures import Masks, pointing_game
from training.statistics.features import Embedded

BATCH = 16
NEARLY_ALL = 0.99
"""Share of the scans for which a difference is reported; single scans may lie beyond."""
Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scanned:
    """Scans, their pixels, uint8 (scans, 1 or 3, size, size), and the labels that their heat maps explain, as the model
    counts them; None: each scan's most probable one."""

    scans: Sequence[Scan]
    pixels: npt.NDArray[np.uint8]
    labels: Sequence[int] | None = None


@dataclass(frozen=True)
class Answers:
    """What a network gives for scans: logits (scans, labels), pooled features (scans, channels), heat maps of a few
    cells (scans, rows, columns) of `labels`, and the most probable kind of finding at each position (scans, rows,
    columns), None without a map of findings.
    """

    logits: torch.Tensor
    pooled: npt.NDArray[np.float32]
    maps: Maps
    labels: list[int]
    kinds: npt.NDArray[np.uint8] | None


@torch.inference_mode()
def answers(serving: ServingNetwork, head: HeadGradCam, scanned: Scanned, task: str) -> Answers:
    """Run a network on scans; `task` names that for people."""
    given = scanned.labels
    parts: list[Forward] = []
    maps: list[Maps] = []
    labels: list[int] = []
    count = len(scanned.pixels)
    for first in tqdm(range(0, count, BATCH), task, leave=False, disable=None):
        pixels = torch.from_numpy(np.array(scanned.pixels[first : first + BATCH]))
        forward = Forward.of(serving(pixels.expand(-1, 3, -1, -1)))
        explained = forward.logits.argmax(1).tolist() if given is None else list(given[first : first + BATCH])
        maps.append(head.explain(forward, range(len(explained)), explained))
        labels += explained
        assert forward.pooled is not None
        kinds = None if forward.findings is None else forward.findings.argmax(1).to(torch.uint8)
        parts.append(Forward(forward.logits, classified=forward.pooled, findings=kinds))
    kinds_of = [part.findings for part in parts if part.findings is not None]
    return Answers(
        torch.cat([part.logits for part in parts]),
        np.asarray(torch.cat([part.classified for part in parts if part.classified is not None]), np.float32),
        np.concatenate(maps),
        labels,
        torch.cat(kinds_of).numpy() if kinds_of else None,
    )


def checks(
    card: ModelCard, exact: Answers, ours: Answers, masks: Masks, exact_masked: Answers, ours_masked: Answers
) -> Int8Checks:
    """The figures that decide, of scans, and of others with masks (scans, side, side)."""
    first, second = (probabilities(card, each) for each in (exact, ours))
    correlations = [correlation(*pair) for pair in zip(ours.maps, exact.maps, strict=True)]
    game = [
        float(pointing_game(enlarged(each.maps, masks), masks).mean()) for each in (exact_masked, ours_masked)
    ]
    return Int8Checks(
        scans=len(first),
        other_labels=round(float((first.argmax(1) != second.argmax(1)).mean()), 6),
        difference=round(float(np.quantile(np.abs(first - second).max(1), NEARLY_ALL)), 6),
        correlation=round(float(np.mean(correlations)), 6),
        masked_scans=len(masks),
        pointing=round(game[0], DIGITS),
        pointing_int8=round(game[1], DIGITS),
    )


def further(
    card: ModelCard, statistics: Statistics | None, scans: Sequence[Scan], exact: Answers, ours: Answers
) -> dict[str, Any]:
    """Figures that decide nothing: the scans that lie furthest apart, and what follows from the same forward pass."""
    first, second = (probabilities(card, each) for each in (exact, ours))
    correlations = [correlation(*pair) for pair in zip(ours.maps, exact.maps, strict=True)]
    found: dict[str, Any] = {
        "largest_difference": round(float(np.abs(first - second).max()), 6),
        "least_correlation": round(float(np.min(correlations)), 6),
    }
    if exact.kinds is not None and ours.kinds is not None:
        found["positions_of_another_finding"] = round(float((exact.kinds != ours.kinds).mean()), 6)
    if statistics is None:
        return found
    judged = [
        predict_answers(card, Embedded(scans, each.pooled, each.logits), statistics) for each in (exact, ours)
    ]
    pairs = list(zip(*judged, strict=True))
    familiarity = [abs((one.familiarity or 0) - (other.familiarity or 0)) for one, other in pairs]
    return found | {
        "familiarity_difference": round(float(np.quantile(familiarity, NEARLY_ALL)), 6),
        "other_states": round(float(np.mean([a.decision.state != b.decision.state for a, b in pairs])), 6),
        "other_sets": round(float(np.mean([a.labels != b.labels for a, b in pairs])), 6),
    }


def probabilities(card: ModelCard, given: Answers) -> Values:
    """The probabilities (scans, labels) of answers."""
    return np.asarray((given.logits / card.temperature).softmax(1).numpy(), np.float64)


def correlation(ours: npt.NDArray[np.float32], expected: npt.NDArray[np.float32]) -> float:
    """Pearson's correlation of two maps; of maps without any contrast it is 1 if both are so, else 0."""
    if not ours.std() or not expected.std():
        return float(ours.std() == expected.std())
    return float(np.corrcoef(ours.ravel(), expected.ravel())[0, 1])


def enlarged(maps: Maps, masks: Masks) -> Maps:
    """Maps of a few cells, enlarged to the size of masks as heat maps are."""
    height, width = masks.shape[1:]
    lowest = maps.min((1, 2), keepdims=True)
    return np.stack(
        [cv2.resize(one, (width, height), interpolation=cv2.INTER_LINEAR) for one in maps - lowest]
    )
