"""Answers a batch of requests with one forward: decode, predict, explain, encode. Knows nothing of TorchServe."""

from __future__ import annotations

import base64
import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from handlers import heatmap, overlay
from handlers.answer import (
    Answer,
    Explanation,
    ExplanationAnswer,
    ImageFacts,
    Prediction,
    Timing,
    caveats,
    model_facts,
)
from handlers.card import ModelCard
from handlers.decoding import decode
from handlers.errors import RequestError
from handlers.gradcam import grad_cam
from handlers.network import load_network
from handlers.pixels import Picture
from handlers.preprocessing import to_tensor
from handlers.quality import quality
from handlers.request import Options, Request

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Done = TypeVar("Done")
Scores = npt.NDArray[np.float32]

PROBABILITY_DIGITS = 6
TIMING_DIGITS = 2


class UnexpectedError(RequestError):
    """A fault of ours with one image."""

    code = "internal_error"
    status = 500


@dataclass(frozen=True)
class _Loaded:
    """A request whose image is ready for the network."""

    request: Request
    picture: Picture
    tensor: torch.Tensor
    decode_ms: float


@dataclass(frozen=True)
class _Predicted:
    """A request with its probabilities (labels,) and, if wanted, the label explained and its map."""

    loaded: _Loaded
    scores: Scores
    explained: tuple[str, npt.NDArray[np.float32]] | None
    forward_ms: float
    explain_ms: float


Outcome = Answer | ExplanationAnswer | RequestError


class Predictor:
    """A loaded model that answers batches; one call at a time."""

    def __init__(self, card: ModelCard, network: nn.Module, device: torch.device | None = None) -> None:
        self.card = card
        self._device = device or torch.device("cpu")
        self._grad_cam = grad_cam(network.to(self._device))
        self._pool = ThreadPoolExecutor(max_workers=max(1, torch.get_num_threads()))

    @classmethod
    def load(cls, folder: Path, device: torch.device | None = None) -> Predictor:
        """Load the model in `folder`; raises CardError or NetworkError."""
        return cls(*load_network(folder), device)

    def answer(self, requests: Sequence[Request]) -> list[Outcome]:
        """An answer or an error for each request, in order; what is wrong with one doesn't touch the others."""
        loaded = self._each(self._load, requests)
        good = [item for item in loaded if isinstance(item, _Loaded)]
        finished = iter(self._each(self._finish, self._predict(good)) if good else ())
        return [next(finished) if isinstance(item, _Loaded) else item for item in loaded]

    def _load(self, request: Request) -> _Loaded:
        started = time.perf_counter()
        picture = decode(request.content, request.declared_type)
        tensor = to_tensor(picture.pixels, self.card.input)
        return _Loaded(request, picture, tensor, _since(started))

    def _predict(self, items: Sequence[_Loaded]) -> list[_Predicted]:
        """One forward for all, then the maps of those that want one."""
        started = time.perf_counter()
        forward = self._grad_cam.forward(torch.stack([item.tensor for item in items]).to(self._device))
        scores = (forward.logits.float() / self.card.temperature).softmax(1).cpu().numpy()
        forward_ms = _since(started)

        started = time.perf_counter()
        wanted = [index for index, item in enumerate(items) if item.request.options.explain]
        labels = [self._label(items[index].request, scores[index]) for index in wanted]
        maps = self._grad_cam.explain(forward, wanted, labels) if wanted else ()
        explained = {
            index: (self.card.labels[label], cam)
            for index, label, cam in zip(wanted, labels, maps, strict=True)
        }
        explain_ms = _since(started)
        return [
            _Predicted(item, scores[index], explained.get(index), forward_ms, explain_ms)
            for index, item in enumerate(items)
        ]

    def _label(self, request: Request, scores: Scores) -> int:
        """Index of the label to explain."""
        asked = request.options.label
        return int(scores.argmax()) if asked is None else self.card.labels.index(asked)

    def _finish(self, item: _Predicted) -> Answer | ExplanationAnswer:
        started = time.perf_counter()
        request, picture = item.loaded.request, item.loaded.picture
        gradcam = _explanation(picture, *item.explained, request.options) if item.explained else None
        if gradcam and request.explanation_only:
            return ExplanationAnswer(model=model_facts(self.card), gradcam=gradcam)
        probabilities = {
            label: round(float(score), PROBABILITY_DIGITS)
            for label, score in zip(self.card.labels, item.scores, strict=True)
        }
        first = self.card.labels[int(item.scores.argmax())]
        answer = Answer(
            model=model_facts(self.card),
            prediction=Prediction(label=first, confidence=probabilities[first]),
            probabilities=probabilities,
            caveats=caveats(self.card, first, probabilities),
            quality=quality(picture.pixels),
            image=ImageFacts(
                width=picture.width,
                height=picture.height,
                sha256=hashlib.sha256(request.content).hexdigest(),
            ),
            timing_ms=Timing(
                decode=item.loaded.decode_ms,
                forward=item.forward_ms,
                explain=item.explain_ms,
                encode=_since(started),
            ),
        )
        if gradcam:
            answer["gradcam"] = gradcam
        return answer

    def _each(self, step: Callable[[Item], Done], items: Sequence[Item]) -> list[Done | RequestError]:
        """`step` of each item, in threads when there are several; errors take the place of results."""

        def guarded(item: Item) -> Done | RequestError:
            try:
                return step(item)
            except RequestError as error:
                return error
            except Exception:
                logger.exception("%s failed for one request of a batch", step.__name__)
                return UnexpectedError("The model server failed on this image; its log says why.")

        return [guarded(items[0])] if len(items) == 1 else list(self._pool.map(guarded, items))


def _explanation(picture: Picture, label: str, cam: npt.NDArray[np.float32], options: Options) -> Explanation:
    heat = heatmap.heat(cam, picture.width, picture.height)
    drawn, media_type = overlay.encode_overlay(overlay.draw(picture.pixels, heat), options.overlay_format)
    return Explanation(
        label=label,
        media_type=media_type,
        overlay=base64.b64encode(drawn).decode(),
        heatmap=base64.b64encode(overlay.encode_heat(heat)).decode(),
        regions=heatmap.regions(heat),
    )


def _since(started: float) -> float:
    """Milliseconds since a reading of the performance counter."""
    return round((time.perf_counter() - started) * 1000, TIMING_DIGITS)
