"""Composes the answer to one request from what its stages gave: figures, limits, facts, findings, drawn heat map."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from handlers import findings_map, heatmap
from handlers.answer import (
    Answer,
    Explanation,
    Findings,
    ImageFacts,
    Prediction,
    Timing,
    caveats,
    model_facts,
)
from handlers.card import ModelCard
from handlers.limits import Likeness, limits
from handlers.local_calibration import Profile
from handlers.request import Request
from imaging import overlay
from imaging.pixels import Picture
from imaging.quality import Quality, quality

PROBABILITY_DIGITS = 6
TIMING_DIGITS = 2


@dataclass(frozen=True)
class Loaded:
    """A request whose image is ready for the network: `square` is uint8 (3, size, size)."""

    request: Request
    picture: Picture
    square: torch.Tensor
    decode_ms: float


@dataclass(frozen=True)
class Predicted:
    """A request with its probabilities (labels,) and, if wanted, the label explained and its map.

    `likeness` is None for models without statistics; `profile` is the local one by which all of a batch was answered.
    `seen` are the probabilities (1 + kinds, rows, columns) of what a decoder finds, None for models without one.
    """

    loaded: Loaded
    scores: npt.NDArray[np.float32]
    likeness: Likeness | None
    profile: Profile | None
    explained: tuple[str, npt.NDArray[np.float32]] | None
    seen: npt.NDArray[np.float32] | None
    forward_ms: float
    explain_ms: float


@dataclass(frozen=True)
class Facts:
    """What the answer says of the image itself, and what was found in it (None: the model can't tell)."""

    quality: Quality
    image: ImageFacts
    findings: Findings | None


def facts_of(card: ModelCard, item: Predicted) -> Facts | None:
    """What is told beside the label; nothing where only the explanation was asked for."""
    request, picture = item.loaded.request, item.loaded.picture
    if request.explanation_only and item.explained:
        return None
    found = None
    if card.findings and item.seen is not None:
        found = findings_map.findings(item.seen, card.findings, picture.width, picture.height)
    return Facts(
        quality(picture.pixels),
        ImageFacts(
            width=picture.width,
            height=picture.height,
            sha256=hashlib.sha256(request.content).hexdigest(),
        ),
        found,
    )


def explanation(item: Predicted) -> Explanation | None:
    """The heat map and what is drawn of it, as far as it is wanted."""
    if item.explained is None:
        return None
    (label, cam), picture = item.explained, item.loaded.picture
    heat = heatmap.heat(cam, picture.width, picture.height)
    composed = Explanation(
        label=label,
        heatmap=base64.b64encode(overlay.encode_heat(heat)).decode(),
        regions=heatmap.regions(heat),
    )
    options = item.loaded.request.options
    if options.overlay:
        drawn, media_type = overlay.encode_overlay(overlay.draw(picture.pixels, heat), options.overlay_format)
        composed["media_type"], composed["overlay"] = media_type, base64.b64encode(drawn).decode()
    return composed


def answer(
    card: ModelCard,
    item: Predicted,
    facts: Facts,
    gradcam: Explanation | None,
    encode_s: float,
) -> Answer:
    """The answer, whose scores must be finite."""
    probabilities = {
        label: round(float(score), PROBABILITY_DIGITS)
        for label, score in zip(card.labels, item.scores, strict=True)
    }
    first = card.labels[int(item.scores.argmax())]
    contradicted = None
    if card.findings and facts.findings:
        # Judged whether the caller wants to see them or not: an option changes no answer.
        contradicted = findings_map.contradicts(card.findings, first, facts.findings["regions"])
    composed = Answer(
        model=model_facts(card),
        prediction=Prediction(label=first, confidence=probabilities[first]),
        probabilities=probabilities,
        **limits(  # type: ignore[typeddict-item]  # the others are added below, where they are wanted
            card, item.likeness, item.profile, probabilities, first, facts.quality["acceptable"], contradicted
        ),
        caveats=caveats(card, first, probabilities),
        quality=facts.quality,
        image=facts.image,
        timing_ms=Timing(
            decode=item.loaded.decode_ms,
            forward=item.forward_ms,
            explain=item.explain_ms,
            encode=round(encode_s * 1000, TIMING_DIGITS),
        ),
    )
    if gradcam:
        composed["gradcam"] = gradcam
    if item.loaded.request.options.findings:
        composed["findings"] = facts.findings
    return composed
