"""Answers a batch of requests with one forward: decode, predict, explain, encode. Knows nothing of TorchServe."""

from __future__ import annotations

import base64
import copy
import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from handlers import heatmap, overlay
from handlers.answer import (
    Answer,
    Explanation,
    ExplanationAnswer,
    ImageFacts,
    Prediction,
    Quality,
    Timing,
    caveats,
    model_facts,
)
from handlers.card import ModelCard
from handlers.decoding import Examined, examine
from handlers.engines.choice import load_engine
from handlers.engines.eager import AutogradEngine
from handlers.engines.engine import Engine
from handlers.engines.settings import EngineSettings
from handlers.errors import Busy, RequestError, UnexpectedError
from handlers.gradcam import AutogradGradCam, Explainer, HeadGradCam
from handlers.network import load_network
from handlers.pixels import Picture
from handlers.preprocessing import to_square
from handlers.quality import quality
from handlers.request import Request
from handlers.turns import Turns, is_large

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Done = TypeVar("Done")
Scores = npt.NDArray[np.float32]

PROBABILITY_DIGITS = 6
TIMING_DIGITS = 2
AT_ONCE = 32
"""Images that are in memory together: as many as the largest batch of requests that is of use. Some bring several."""
BUSY = "Large pictures are answered when nobody else waits. Try again in some seconds, or send a smaller one."


@dataclass(frozen=True)
class _Looked:
    """A request whose image has been looked at and not yet decoded."""

    request: Request
    examined: Examined
    examine_ms: float


@dataclass(frozen=True)
class _Loaded:
    """A request whose image is ready for the network: `square` is uint8 (3, size, size)."""

    request: Request
    picture: Picture
    square: torch.Tensor
    decode_ms: float


@dataclass(frozen=True)
class _Predicted:
    """A request with its probabilities (labels,) and, if wanted, the label explained and its map."""

    loaded: _Loaded
    scores: Scores
    explained: tuple[str, npt.NDArray[np.float32]] | None
    forward_ms: float
    explain_ms: float


@dataclass(frozen=True)
class _Timed(Generic[Done]):
    """What a step made, and when it began and ended by the performance counter."""

    made: Done
    began: float
    ended: float


Outcome = Answer | ExplanationAnswer | RequestError


class Predictor:
    """A loaded model that answers batches; one call at a time."""

    def __init__(self, card: ModelCard, engine: Engine, explainer: Explainer) -> None:
        self.card = card
        self.engine = engine
        self.explainer = explainer
        self._turns = Turns()
        self._pool = ThreadPoolExecutor(max_workers=max(1, torch.get_num_threads()))

    @classmethod
    def load(
        cls, folder: Path, device: torch.device | None = None, settings: EngineSettings | None = None
    ) -> Predictor:
        """Load the model in `folder`, by default with the engine that the environment names.

        Raises CardError or NetworkError.
        """
        device = device or torch.device("cpu")
        card, network = load_network(folder)
        if not HeadGradCam.fits(network):
            slow = AutogradGradCam(network.to(device))
            return cls(card, AutogradEngine(slow, card.input, device), slow)
        settings = settings or EngineSettings.from_environment()
        # Copied, because the rest of the network is not needed where another engine has compiled its own.
        head = HeadGradCam(copy.deepcopy(network.get_submodule("head")).to(device))
        return cls(card, load_engine(folder, card, network, device, settings), head)

    def answer(self, requests: Sequence[Request]) -> list[Outcome]:
        """An answer or an error for each request, in order; what is wrong with one doesn't touch the others.

        Large pictures are answered alone: beside others they get Busy, and so do those that come too soon after
        another while others ask (`turns`).
        """
        started = time.perf_counter()
        taken = self._take_turns(self._each(_look, requests))
        now = [item for item in taken if isinstance(item, _Looked)]
        parts = [now[start : start + AT_ONCE] for start in range(0, len(now), AT_ONCE)]
        outcomes = iter([outcome for part in parts for outcome in self._answer_now(part)])
        if any(is_large(item.examined) for item in now):
            self._turns.gone(time.perf_counter() - started)
        return [next(outcomes) if isinstance(item, _Looked) else item for item in taken]

    def _answer_now(self, looked: Sequence[_Looked]) -> list[Outcome]:
        """Answers for as many as may be in memory at once."""
        loaded = self._each(self._load, looked)
        good = [item for item in loaded if isinstance(item, _Loaded)]
        finished = iter(self._finish(self._predict(good)) if good else ())
        return [next(finished) if isinstance(item, _Loaded) else item for item in loaded]

    def _take_turns(self, looked: Sequence[_Looked | RequestError]) -> list[_Looked | RequestError]:
        """Small pictures as they are, the first large one where it may go now, and for the others why not."""
        large = [isinstance(item, _Looked) and is_large(item.examined) for item in looked]
        small = any(isinstance(item, _Looked) and not big for item, big in zip(looked, large, strict=True))
        if small:
            self._turns.others()
        first = large.index(True) if any(large) and not small and self._turns.may_go() else None
        return [
            Busy(BUSY) if big and index != first else item
            for index, (item, big) in enumerate(zip(looked, large, strict=True))
        ]

    def _load(self, item: _Looked) -> _Loaded:
        started = time.perf_counter()
        decoded = item.examined.decode()
        picture = Picture(np.ascontiguousarray(decoded.pixels), decoded.media_type)
        square = to_square(picture.pixels, self.card.input.size)
        return _Loaded(item.request, picture, square, round(item.examine_ms + _since(started), TIMING_DIGITS))

    def _predict(self, items: Sequence[_Loaded]) -> list[_Predicted]:
        """One forward for all, then the maps of those that want one."""
        started = time.perf_counter()
        forward = self.engine(torch.stack([item.square for item in items]))
        scores = (forward.logits / self.card.temperature).softmax(1).cpu().numpy()
        forward_ms = _since(started)

        started = time.perf_counter()
        wanted = [index for index, item in enumerate(items) if item.request.options.explain]
        labels = [self._label(items[index].request, scores[index]) for index in wanted]
        maps = self.explainer.explain(forward, wanted, labels) if wanted else ()
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

    def _finish(self, items: Sequence[_Predicted]) -> list[Outcome]:
        """Answers from figures and maps. Judging and drawing are separate jobs: even one request keeps two cores busy."""
        jobs: list[Callable[[], object]] = []
        for item in items:
            jobs.append(partial(_facts, item))
            jobs.append(partial(_explanation, item))
        done = self._each(_timed, jobs)
        return [
            self._answer(item, *done[2 * index : 2 * index + 2])  # type: ignore[arg-type]
            for index, item in enumerate(items)
        ]

    def _answer(
        self,
        item: _Predicted,
        facts: _Timed[tuple[Quality, ImageFacts] | None] | RequestError,
        explanation: _Timed[Explanation | None] | RequestError,
    ) -> Outcome:
        if isinstance(facts, RequestError):
            return facts
        if isinstance(explanation, RequestError):
            return explanation
        gradcam = explanation.made
        if facts.made is None:
            assert gradcam is not None  # see _facts
            return ExplanationAnswer(model=model_facts(self.card), gradcam=gradcam)
        if not np.isfinite(item.scores).all():
            return UnexpectedError("The model has no finite probabilities for this image.")
        probabilities = {
            label: round(float(score), PROBABILITY_DIGITS)
            for label, score in zip(self.card.labels, item.scores, strict=True)
        }
        first = self.card.labels[int(item.scores.argmax())]
        encode_s = max(facts.ended, explanation.ended) - min(facts.began, explanation.began)
        answer = Answer(
            model=model_facts(self.card),
            prediction=Prediction(label=first, confidence=probabilities[first]),
            probabilities=probabilities,
            caveats=caveats(self.card, first, probabilities),
            quality=facts.made[0],
            image=facts.made[1],
            timing_ms=Timing(
                decode=item.loaded.decode_ms,
                forward=item.forward_ms,
                explain=item.explain_ms,
                encode=round(encode_s * 1000, TIMING_DIGITS),
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


def _look(request: Request) -> _Looked:
    started = time.perf_counter()
    examined = examine(request.content, request.declared_type)
    return _Looked(request, examined, _since(started))


def _timed(job: Callable[[], Done]) -> _Timed[Done]:
    began = time.perf_counter()
    made = job()
    return _Timed(made, began, time.perf_counter())


def _facts(item: _Predicted) -> tuple[Quality, ImageFacts] | None:
    """What the answer says of the image itself; nothing where only the explanation was asked for."""
    request, picture = item.loaded.request, item.loaded.picture
    if request.explanation_only and item.explained:
        return None
    return quality(picture.pixels), ImageFacts(
        width=picture.width,
        height=picture.height,
        sha256=hashlib.sha256(request.content).hexdigest(),
    )


def _explanation(item: _Predicted) -> Explanation | None:
    """The drawn heat map, if one is wanted."""
    if item.explained is None:
        return None
    (label, cam), picture = item.explained, item.loaded.picture
    heat = heatmap.heat(cam, picture.width, picture.height)
    overlay_format = item.loaded.request.options.overlay_format
    drawn, media_type = overlay.encode_overlay(overlay.draw(picture.pixels, heat), overlay_format)
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
