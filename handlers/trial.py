"""Tries a loaded model on a made-up scan, as a model that is registered as ready must be able to answer.

python -m handlers.trial FOLDER        exits with 0 if it answers; otherwise a line says why not
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import nn

from handlers.card import CardError, ModelCard
from handlers.engines.engine import Forward
from handlers.engines.settings import EAGER, EngineSettings
from handlers.load_errors import one_line
from handlers.network import NetworkError, refuse_misfit
from handlers.predictor import Predictor
from handlers.request import Request
from imaging.errors import CodedError
from imaging.png import encode_png

SIDE = 160
"""Pixels a side of the made-up scan; it is scaled to the network's input like any other."""
COUNT = 2
"""Scans in the batch, as some networks work for a single scan only."""


class TrialError(Exception):
    """A model that was loaded but can't be served; the message says what is wrong with its answer."""


def try_out(predictor: Predictor) -> None:
    """Have the model answer a batch. Raises TrialError if it fails, or if an answer is not as it must be."""
    card = predictor.card
    size = card.input.size
    pixels = _smooth_noise(size).unsqueeze(1).repeat(1, 3, 1, 1)
    try:
        forward = predictor.engine(pixels)
        if tuple(forward.logits.shape) != (COUNT, len(card.labels)):
            raise TrialError(
                f"for {COUNT} scans and {len(card.labels)} labels the network gives values of the shape "
                f"{tuple(forward.logits.shape)}"
            )
        if not torch.isfinite(forward.logits).all():
            raise TrialError("the network gives probabilities that are no numbers (NaN or infinite)")
        _check_pooled(predictor, forward)
        _check_findings(card, forward)
        maps = torch.from_numpy(predictor.explainer.explain(forward, range(COUNT), [0, 1]))
    except (RuntimeError, ValueError, AssertionError, TypeError) as error:
        raise TrialError(
            f"{card.architecture} can't be run on scans of {size} pixels a side: {one_line(error)}"
        ) from error
    if maps.ndim != 3 or len(maps) != COUNT or not torch.isfinite(maps).all():
        raise TrialError("the network's heat maps hold values that are no numbers")
    for scan in _smooth_noise(SIDE):
        (outcome,) = predictor.answer([Request(encode_png(scan.numpy()))])
        if isinstance(outcome, CodedError):
            raise TrialError(f"a made-up scan was not answered: {outcome.message}")


def _check_pooled(predictor: Predictor, forward: Forward) -> None:
    """Raise TrialError if the model has statistics that don't fit the network's pooled features."""
    if predictor.statistics is None:
        return
    pooled = forward.pooled
    expected = (COUNT, predictor.statistics.channels)
    if pooled is None or tuple(pooled.shape) != expected:
        shape = "none" if pooled is None else f"those of the shape {tuple(pooled.shape)}"
        raise TrialError(
            f"for {COUNT} scans the statistics need pooled features of the shape {expected}, and the network gives "
            f"{shape}"
        )
    if not torch.isfinite(pooled).all():
        raise TrialError("the network gives pooled features that are no numbers (NaN or infinite)")


def _check_findings(card: ModelCard, forward: Forward) -> None:
    """Raise TrialError if the card names a map of findings and the network gives none, or one that doesn't fit."""
    if card.findings is None:
        return
    channels, findings = len(card.findings.kinds) + 1, forward.findings
    if findings is None or findings.ndim != 4 or tuple(findings.shape[:2]) != (COUNT, channels):
        shape = "none" if findings is None else f"one of the shape {tuple(findings.shape)}"
        raise TrialError(
            f"for {COUNT} scans and {channels - 1} kinds the map of findings needs {channels} channels, and the network "
            f"gives {shape}"
        )
    if not torch.isfinite(findings).all():
        raise TrialError("the map of findings holds values that are no numbers (NaN or infinite)")


def _smooth_noise(side: int) -> torch.Tensor:
    """Grey images (COUNT, side, side), uint8, the same each time."""
    coarse = torch.rand(1, COUNT, 16, 16, generator=torch.Generator().manual_seed(1))
    smooth = nn.functional.interpolate(coarse, size=(side, side), mode="bicubic").clamp(0, 1)
    return (255 * smooth[0]).to(torch.uint8)


def main(arguments: list[str]) -> int:
    """Load the model in a folder as a worker does, but without compiling its network, and try it out."""
    folder = Path(arguments[0])
    try:
        refuse_misfit(folder)
        try_out(Predictor.load(folder, settings=EngineSettings(EAGER)))
    except (CardError, NetworkError, TrialError) as error:
        print(one_line(error).replace(f"{folder}/", ""), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
