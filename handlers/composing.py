"""Composes the answer to one request from the results of its steps: scores, limits, facts, findings, heat map."""

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
    HeatGrid,
    ImageFacts,
    Prediction,
    Timing,
    caveats,
    model_facts,
)
from handlers.card import ModelCard
from handlers.limits import Likeness, limits
from handlers.local_calibration import Profile
from handlers.preprocessing import seen
from handlers.request import GRID, Request
from imaging import heat, overlay
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
    """A request with its probabilities (labels,) and, if it was asked for, the explained label with its Grad-CAM map.

    `likeness` is None for models without statistics. `profile` is the local one that applies to the whole batch.
    `finding_scores` are the probabilities (1 + kinds, rows, columns) of findings; None without a map of findings.
    """

    loaded: Loaded
    scores: npt.NDArray[np.float32]
    likeness: Likeness | None
    profile: Profile | None
    explained: tuple[str, npt.NDArray[np.float32]] | None
    finding_scores: npt.NDArray[np.float32] | None
    forward_ms: float
    explain_ms: float


@dataclass(frozen=True)
class Facts:
    """Facts about the image itself, and the findings in it; None for models without a map of them."""

    quality: Quality
    image: ImageFacts
    findings: Findings | None


def facts_of(card: ModelCard, item: Predicted) -> Facts | None:
    """The facts about an image, or None if only the explanation was asked for."""
    request, picture = item.loaded.request, item.loaded.picture
    if request.explanation_only and item.explained:
        return None
    findings = None
    if card.findings and item.finding_scores is not None:
        findings = findings_map.findings(item.finding_scores, card.findings, picture.width, picture.height)
    return Facts(
        quality(picture.pixels, card.quality),
        ImageFacts(
            width=picture.width,
            height=picture.height,
            sha256=hashlib.sha256(request.content).hexdigest(),
        ),
        findings,
    )


def explanation(card: ModelCard, item: Predicted) -> Explanation | None:
    """The heat map with its regions and, if it was asked for, the overlay; None without a map to explain."""
    if item.explained is None:
        return None
    (label, cam), picture = item.explained, item.loaded.picture
    part = seen(picture.width, picture.height, card.input.resize)
    cells = heatmap.over_picture(heatmap.cells(cam), part, picture.width, picture.height)
    whole = heat.enlarged(cells, picture.width, picture.height)
    composed = Explanation(label=label, regions=heatmap.regions(whole))
    options = item.loaded.request.options
    if options.heatmap == GRID:
        composed["grid"] = HeatGrid(cells=cells.tolist(), width=picture.width, height=picture.height)
    else:
        composed["heatmap"] = base64.b64encode(heat.encode_heat(whole)).decode()
    if options.overlay:
        drawn, media_type = overlay.encode_overlay(
            overlay.draw(picture.pixels, whole), options.overlay_format
        )
        composed["media_type"], composed["overlay"] = media_type, base64.b64encode(drawn).decode()
    return composed


def answer(
    card: ModelCard,
    item: Predicted,
    facts: Facts,
    gradcam: Explanation | None,
    encode_s: float,
) -> Answer:
    """The answer to a request. Its scores must be finite; `encode_s` is the time that facts and explanation took."""
    probabilities = {
        label: round(float(score), PROBABILITY_DIGITS)
        for label, score in zip(card.labels, item.scores, strict=True)
    }
    first = card.labels[int(item.scores.argmax())]
    contradicted = None
    if card.findings and facts.findings:
        # Findings count even if the caller doesn't ask for them, as an option must not change the answer.
        found = {region["finding"] for region in facts.findings["regions"]}
        contradicted = card.findings.contradicts(first, found)
    composed = Answer(
        model=model_facts(card),
        prediction=Prediction(label=first, confidence=probabilities[first]),
        probabilities=probabilities,
        **limits(  # type: ignore[typeddict-item]  # the optional fields are added below
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
    if card.modality:
        composed["modality"] = card.modality
    if gradcam:
        composed["gradcam"] = gradcam
    if item.loaded.request.options.findings:
        composed["findings"] = facts.findings
    return composed
