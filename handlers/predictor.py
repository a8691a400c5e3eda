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
from handlers.engines.reports import EngineReport, write_report
from handlers.engines.settings import EngineSettings
from handlers.errors import UnexpectedError
from handlers.gradcam import AutogradGradCam, Explainer, HeadGradCam
from handlers.limits import Likeness, likenesses
from handlers.local_calibration import LocalCalibration
from handlers.network import NetworkError, load_decoder, load_network, load_ranges, load_statistics
from handlers.preprocessing import to_square
from handlers.request import Request
from handlers.statistics import Statistics
from handlers.turns import Turns, is_large
from imaging.decoding import Examined, examine
from imaging.errors import Busy, CodedError, SeveralImages
from imaging.pixels import Picture

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")
Scores = npt.NDArray[np.float32]

AT_ONCE = 32
"""Images in memory at once: as many as in the largest useful batch. A request may bring several."""
BUSY = "Large pictures are answered when nobody else waits. Try again in some seconds, or send a smaller one."
LARGE_AMONG_SEVERAL = "Large pictures are answered one at a time: send this one with a request of its own."


@dataclass(frozen=True)
class _Queued:
    """A request whose image has been examined but not decoded."""

    request: Request
    examined: Examined
    examine_ms: float


@dataclass(frozen=True)
class _Timed(Generic[Result]):
    """The result of a step, and when it began and ended, in seconds of the performance counter."""

    result: Result
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
        """`calibration` gives the local profile; by default there is none."""
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
        settings = settings or EngineSettings.from_environment()
        card, network = load_network(folder)
        statistics = load_statistics(folder, card, network)
        decoder = load_decoder(folder, card, network)
        load_ranges(
            folder, card, network
        )  # refused here if they are not those of the card, whatever the engine
        calibration = LocalCalibration.from_environment(card)
        if not HeadGradCam.fits(network):
            if decoder is not None:
                raise NetworkError(
                    f"{folder / FINDINGS_NAME}: {card.architecture} can't have a map of findings, as its heat maps need "
                    "gradients and its stages' feature maps are not kept"
                )
            explainer = AutogradGradCam(network.to(device))
            engine: Engine = AutogradEngine(explainer, card.input, device)
            write_report(settings.reports, EngineReport(card.name, card.version, engine.description))
            return cls(card, engine, explainer, statistics, calibration)
        # Copied, so that the rest of the network can be freed if the engine has its own copy.
        head = HeadGradCam(copy.deepcopy(network.get_submodule("head")).to(device))
        engine = load_engine(folder, card, network, device, settings, decoder)
        return cls(card, engine, head, statistics, calibration)

    def answer(self, requests: Sequence[Request]) -> list[Outcome]:
        """An answer or an error for each request, in order. A request that fails does not affect the others.

        Large pictures are answered alone: beside others they get Busy. So do those that come too soon after another
        large one while small ones are asked for (`turns`). Beside others of its own request a large picture would compete
        with itself however often that comes, so it gets SeveralImages.
        """
        started = time.perf_counter()
        admitted = self._take_turns(self._each(_examine, requests))
        queued = [item for item in admitted if isinstance(item, _Queued)]
        parts = [queued[start : start + AT_ONCE] for start in range(0, len(queued), AT_ONCE)]
        outcomes = iter([outcome for part in parts for outcome in self._answer_part(part)])
        if any(is_large(item.examined) for item in queued):
            self._turns.note_large(time.perf_counter() - started)
        return [next(outcomes) if isinstance(item, _Queued) else item for item in admitted]

    def nobody_waits(self) -> None:
        """Say that nobody asks for small pictures any more, so that large ones, one at a time, are answered at once."""
        self._turns.note_nobody()

    def _answer_part(self, queued: Sequence[_Queued]) -> list[Outcome]:
        """Answer requests whose images may be in memory at once."""
        loaded = self._each(self._load, queued)
        good = [item for item in loaded if isinstance(item, Loaded)]
        finished = iter(self._finish(self._predict(good)) if good else ())
        return [next(finished) if isinstance(item, Loaded) else item for item in loaded]

    def _take_turns(self, queued: Sequence[_Queued | CodedError]) -> list[_Queued | CodedError]:
        """Admit all small pictures, or else the first large one if it may be answered now. Others get Busy."""
        large = [isinstance(item, _Queued) and is_large(item.examined) for item in queued]
        has_small = any(
            isinstance(item, _Queued) and not big for item, big in zip(queued, large, strict=True)
        )
        if has_small:
            self._turns.note_small()
        may_answer = any(large) and not has_small and self._turns.may_answer_large()
        first = large.index(True) if may_answer else None
        return [
            Busy(BUSY) if big and index != first else item
            for index, (item, big) in enumerate(zip(queued, large, strict=True))
        ]

    def _load(self, item: _Queued) -> Loaded:
        started = time.perf_counter()
        decoded = item.examined.decode()
        picture = Picture(np.ascontiguousarray(decoded.pixels), decoded.media_type)
        square = to_square(picture.pixels, self.card.input.size, self.card.input.resize)
        return Loaded(item.request, picture, square, round(item.examine_ms + _since(started), TIMING_DIGITS))

    def _predict(self, items: Sequence[Loaded]) -> list[Predicted]:
        """One forward pass for all, then the Grad-CAM maps that were asked for."""
        started = time.perf_counter()
        forward = self.engine(torch.stack([item.square for item in items]))
        profile = self._calibration.profile()
        temperature = profile.temperature if profile else self.card.temperature
        scores = (forward.logits / temperature).softmax(1).cpu().numpy()
        likeness: Sequence[Likeness | None] = [None] * len(items)
        if self.statistics and forward.pooled is not None:
            likeness = likenesses(self.statistics, forward.pooled)
        finding_scores = _finding_scores(self.card.findings, forward)
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
                likeness[index],
                profile,
                explained.get(index),
                None if finding_scores is None else finding_scores[index],
                forward_ms,
                explain_ms,
            )
            for index, item in enumerate(items)
        ]

    def _label(self, request: Request, scores: Scores) -> int:
        """The index of the label to explain."""
        asked = request.options.label
        return int(scores.argmax()) if asked is None else self.card.labels.index(asked)

    def _finish(self, items: Sequence[Predicted]) -> list[Outcome]:
        """Make the answers. Facts and explanation are separate jobs, so that even one request uses two cores."""
        jobs: list[Callable[[], object]] = []
        for item in items:
            jobs.append(partial(composing.facts_of, self.card, item))
            jobs.append(partial(composing.explanation, self.card, item))
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
        gradcam = explanation.result
        if facts.result is None:
            assert gradcam is not None  # see composing.facts_of
            return ExplanationAnswer(model=model_facts(self.card), gradcam=gradcam)
        if not np.isfinite(item.scores).all():
            return UnexpectedError("The model has no finite probabilities for this image.")
        encode_s = max(facts.ended, explanation.ended) - min(facts.began, explanation.began)
        return composing.answer(self.card, item, facts.result, gradcam, encode_s)

    def _each(self, step: Callable[[Item], Result], items: Sequence[Item]) -> list[Result | CodedError]:
        """Run a step for each item, in threads if there are several. An error takes the place of its result."""

        def guarded(item: Item) -> Result | CodedError:
            try:
                return step(item)
            except CodedError as error:
                return error
            except Exception:
                logger.exception("%s failed for one request of a batch", step.__name__)
                return UnexpectedError("The model server failed on this image; its log says why.")

        return [guarded(items[0])] if len(items) == 1 else list(self._pool.map(guarded, items))


def _examine(request: Request) -> _Queued:
    started = time.perf_counter()
    examined = examine(request.content, request.declared_type)
    if not request.is_alone and is_large(examined):
        raise SeveralImages(LARGE_AMONG_SEVERAL)
    return _Queued(request, examined, _since(started))


def _finding_scores(facts: FindingsFacts | None, forward: Forward) -> Scores | None:
    """The probabilities (scans, 1 + kinds, rows, columns) of findings; None without a map of findings."""
    if facts is None or forward.findings is None:
        return None
    return (forward.findings / facts.temperature).softmax(1).cpu().numpy()


def _timed(job: Callable[[], Result]) -> _Timed[Result]:
    began = time.perf_counter()
    result = job()
    return _Timed(result, began, time.perf_counter())


def _since(started: float) -> float:
    """Milliseconds since a reading of the performance counter."""
    return round((time.perf_counter() - started) * 1000, TIMING_DIGITS)
