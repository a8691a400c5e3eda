"""Fits a decoder's temperature and thresholds on validation scans, and tells how far each kind holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from handlers.card import InputSpec
from handlers.findings import FindingsDecoder
from handlers.preprocessing import normalise
from training.explanation.measures import energy, pointing_game
from training.findings.kinds import KINDS
from training.findings.learning import Stages
from training.hardware import Hardware

BATCH = 32
LEAST_SHARE = 0.002
"""A finding covers at least this share of the picture: 6 positions of 56 by 56."""
THRESHOLDS = tuple(round(0.3 + 0.05 * step, 2) for step in range(13))
MOST_FALSE = 0.03
"""Share of real healthy validation scans in which a kind may be found."""
LEAST_POINTING = 0.6
LEAST_FOUND = 0.6
LEAST_SCANS = 10
TEMPERATURES = torch.logspace(-0.7, 0.7, 57)

Maps = npt.NDArray[np.float32]


@dataclass(frozen=True)
class KindMetrics:
    """How far a kind holds: shares of scans, and Dice of all positions at the threshold.

    `pointing` and `energy` are of masked scans that show it, `found` the share of these in which it is found,
    `false` the share of real healthy scans in which it is found, too.
    """

    scans: int
    threshold: float
    pointing: float
    energy: float
    found: float
    dice: float
    false: float

    @property
    def holds(self) -> bool:
        """Whether a model may name the kind."""
        return (
            self.scans >= LEAST_SCANS
            and self.pointing >= LEAST_POINTING
            and self.found >= LEAST_FOUND
            and self.false <= MOST_FALSE
        )


@torch.no_grad()
def logits_of(
    network: nn.Module, decoder: FindingsDecoder, spec: InputSpec, pixels: npt.NDArray[np.uint8]
) -> torch.Tensor:
    """Logits (scans, channels, rows, columns) of squares, uint8 (scans, 1 or 3, size, size)."""
    stages = Stages(network, Hardware.detect())
    found = []
    for first in range(0, len(pixels), BATCH):
        part = torch.from_numpy(np.array(pixels[first : first + BATCH]))
        inputs = normalise(part, spec).expand(-1, 3, -1, -1)
        found.append(decoder(stages(inputs)).float().cpu())
    return torch.cat(found)


def fit_temperature(logits: torch.Tensor, shares: torch.Tensor) -> float:
    """By which logits are divided so that their probabilities fit masks best; `shares` as the decoder learnt them."""
    losses = [
        -(shares * (logits / temperature).log_softmax(1)).sum(1).mean().item() for temperature in TEMPERATURES
    ]
    return round(float(TEMPERATURES[int(np.argmin(losses))]), 3)


def measure(
    masked: torch.Tensor,
    marks: npt.NDArray[np.uint8],
    healthy: torch.Tensor,
    kinds: Sequence[str] = KINDS,
) -> dict[str, KindMetrics]:
    """By kind, from probabilities (scans, 1 + kinds, rows, columns) of masked and of real healthy scans.

    `marks` (scans, side, side) are the masks, numbered as `KINDS` are. The threshold is the lowest at which few healthy
    scans show the kind.
    """
    side = marks.shape[1]
    found: dict[str, KindMetrics] = {}
    for channel, kind in enumerate(kinds, 1):
        here = marks == KINDS.index(kind) + 1
        shown = here.mean((1, 2)) >= LEAST_SHARE / 2
        maps = _enlarged(masked[:, channel], side)
        threshold = next((at for at in THRESHOLDS if _share_with(healthy, channel, at) <= MOST_FALSE), None)
        threshold = THRESHOLDS[-1] if threshold is None else threshold
        seen = (maps >= threshold) & _leading(masked, channel, side)
        both = float((seen & here).sum())
        found[kind] = KindMetrics(
            scans=int(shown.sum()),
            threshold=threshold,
            pointing=_mean(pointing_game(maps[shown], here[shown], 0.0)),
            energy=_mean(energy(maps[shown], here[shown])),
            found=_mean((seen & here)[shown].any((1, 2)).astype(np.float64)),
            dice=round(2 * both / max(float(seen.sum() + here.sum()), 1.0), 3),
            false=_share_with(healthy, channel, threshold),
        )
    return found


def _leading(probabilities: torch.Tensor, channel: int, side: int) -> npt.NDArray[np.bool_]:
    """Where a kind is more probable than every other."""
    first = (probabilities[:, 1:].argmax(1) + 1 == channel).float()
    return _enlarged(first, side) > 0.5


def _share_with(probabilities: torch.Tensor, channel: int, threshold: float) -> float:
    """The share of scans in which a kind covers enough to be told."""
    seen = (probabilities[:, channel] >= threshold) & (probabilities[:, 1:].argmax(1) + 1 == channel)
    return round(float((seen.float().mean((1, 2)) >= LEAST_SHARE).float().mean()), 4)


def _enlarged(maps: torch.Tensor, side: int) -> Maps:
    large = functional.interpolate(maps.unsqueeze(1), size=(side, side), mode="bilinear")
    return np.asarray(large[:, 0].numpy(), np.float32)


def _mean(values: npt.NDArray[np.float64]) -> float:
    return round(float(values.mean()), 3) if len(values) else 0.0


def as_metrics(measured: dict[str, KindMetrics], healthy: Sequence[object]) -> dict[str, object]:
    """What the card says of all kinds, those that don't hold included."""
    return {"healthy_scans": len(healthy), "kinds": {kind: asdict(row) for kind, row in measured.items()}}
