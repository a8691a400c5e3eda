"""Answers a batch of requests with one forward: decode, predict, explain, encode. Knows nothing of TorchServe."""

from __future__ import annotations

import copy
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

from handlers import composing
from handlers.answer import Answer, Explanation, ExplanationAnswer, model_facts
from handlers.card import ModelCard
from handlers.card_findings import FINDINGS_NAME, FindingsFacts
from handlers.composing import TIMING_DIGITS, Facts, Loaded, Predicted
from handlers.engines.choice import load_engine
from handlers.engines.eager import AutogradEngine
from handlers.engines.engine import Engine, Forward
from handlers.engines.settings import EngineSettings
from handlers.errors import UnexpectedError
from handlers.gradcam import AutogradGradCam, Explainer, HeadGradCam
from handlers.limits import Likeness, likenesses
from handlers.local_calibration import LocalCalibration
from handlers.network import NetworkError, load_decoder, load_network, load_statistics
from handlers.preprocessing import to_square
from handlers.request import Request
from handlers.statistics import Statistics
from handlers.turns import Turns, is_large
from imaging.decoding import Examined, examine
from imaging.errors import Busy, CodedError
from imaging.pixels import Picture

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Done = TypeVar("Done")
Scores = npt.NDArray[np.float32]

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
class _Timed(Generic[Done]):
    """What a step made, and when it began and ended by the performance counter."""

    made: Done
    began: float
    ended: float


Outcome = Answer | ExplanationAnswer | CodedError


class Predictor:
    """A loaded model that answers batches; one call at a time."""

    def __init__(
        self,
        card: ModelCard,
        engine: Engine,
        explainer: Explainer,
        statistics: Statistics | None = None,
        calibration: LocalCalibration | None = None,
    ) -> None:
        """`calibration` looks for the installation's own profile; by default there is none."""
        self.card = card
        self.engine = engine
        self.explainer = explainer
        self.statistics = statistics
        self._calibration = calibration or LocalCalibration(card, None)
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
        statistics = load_statistics(folder, card, network)
        decoder = load_decoder(folder, card, network)
        calibration = LocalCalibration.from_environment(card)
        if not HeadGradCam.fits(network):
            if decoder is not None:
                raise NetworkError(
                    f"{folder / FINDINGS_NAME}: {card.architecture} can't have a map of findings, as its heat maps need "
                    "gradients and its stages' feature maps are not kept"
                )
            slow = AutogradGradCam(network.to(device))
            return cls(card, AutogradEngine(slow, card.input, device), slow, statistics, calibration)
        settings = settings or EngineSettings.from_environment()
        # Copied, because the rest of the network is not needed where another engine has compiled its own.
        head = HeadGradCam(copy.deepcopy(network.get_submodule("head")).to(device))
        engine = load_engine(folder, card, network, device, settings, decoder)
        return cls(card, engine, head, statistics, calibration)

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
        good = [item for item in loaded if isinstance(item, Loaded)]
        finished = iter(self._finish(self._predict(good)) if good else ())
        return [next(finished) if isinstance(item, Loaded) else item for item in loaded]

    def _take_turns(self, looked: Sequence[_Looked | CodedError]) -> list[_Looked | CodedError]:
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

    def _load(self, item: _Looked) -> Loaded:
        started = time.perf_counter()
        decoded = item.examined.decode()
        picture = Picture(np.ascontiguousarray(decoded.pixels), decoded.media_type)
        square = to_square(picture.pixels, self.card.input.size)
        return Loaded(item.request, picture, square, round(item.examine_ms + _since(started), TIMING_DIGITS))

    def _predict(self, items: Sequence[Loaded]) -> list[Predicted]:
        """One forward for all, then the maps of those that want one."""
        started = time.perf_counter()
        forward = self.engine(torch.stack([item.square for item in items]))
        profile = self._calibration.profile()
        temperature = profile.temperature if profile else self.card.temperature
        scores = (forward.logits / temperature).softmax(1).cpu().numpy()
        alike: Sequence[Likeness | None] = [None] * len(items)
        if self.statistics and forward.pooled is not None:
            alike = likenesses(self.statistics, forward.pooled)
        seen = _seen(self.card.findings, forward)
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
            Predicted(
                item,
                scores[index],
                alike[index],
                profile,
                explained.get(index),
                None if seen is None else seen[index],
                forward_ms,
                explain_ms,
            )
            for index, item in enumerate(items)
        ]

    def _label(self, request: Request, scores: Scores) -> int:
        """Index of the label to explain."""
        asked = request.options.label
        return int(scores.argmax()) if asked is None else self.card.labels.index(asked)

    def _finish(self, items: Sequence[Predicted]) -> list[Outcome]:
        """Answers from figures and maps. Judging and drawing are separate jobs: even one request keeps two cores busy."""
        jobs: list[Callable[[], object]] = []
        for item in items:
            jobs.append(partial(composing.facts_of, self.card, item))
            jobs.append(partial(composing.explanation, item))
        done = self._each(_timed, jobs)
        return [
            self._answer(item, *done[2 * index : 2 * index + 2])  # type: ignore[arg-type]
            for index, item in enumerate(items)
        ]

    def _answer(
        self,
        item: Predicted,
        facts: _Timed[Facts | None] | CodedError,
        explanation: _Timed[Explanation | None] | CodedError,
    ) -> Outcome:
        if isinstance(facts, CodedError):
            return facts
        if isinstance(explanation, CodedError):
            return explanation
        gradcam = explanation.made
        if facts.made is None:
            assert gradcam is not None  # see composing.facts_of
            return ExplanationAnswer(model=model_facts(self.card), gradcam=gradcam)
        if not np.isfinite(item.scores).all():
            return UnexpectedError("The model has no finite probabilities for this image.")
        encode_s = max(facts.ended, explanation.ended) - min(facts.began, explanation.began)
        return composing.answer(self.card, item, facts.made, gradcam, encode_s)

    def _each(self, step: Callable[[Item], Done], items: Sequence[Item]) -> list[Done | CodedError]:
        """`step` of each item, in threads when there are several; errors take the place of results."""

        def guarded(item: Item) -> Done | CodedError:
            try:
                return step(item)
            except CodedError as error:
                return error
            except Exception:
                logger.exception("%s failed for one request of a batch", step.__name__)
                return UnexpectedError("The model server failed on this image; its log says why.")

        return [guarded(items[0])] if len(items) == 1 else list(self._pool.map(guarded, items))


def _look(request: Request) -> _Looked:
    started = time.perf_counter()
    examined = examine(request.content, request.declared_type)
    return _Looked(request, examined, _since(started))


def _seen(facts: FindingsFacts | None, forward: Forward) -> Scores | None:
    """The probabilities (scans, 1 + kinds, rows, columns) of what is found where; None without a map of findings."""
    if facts is None or forward.findings is None:
        return None
    return (forward.findings / facts.temperature).softmax(1).cpu().numpy()


def _timed(job: Callable[[], Done]) -> _Timed[Done]:
    began = time.perf_counter()
    made = job()
    return _Timed(made, began, time.perf_counter())


def _since(started: float) -> float:
    """Milliseconds since a reading of the performance counter."""
    return round((time.perf_counter() - started) * 1000, TIMING_DIGITS)
