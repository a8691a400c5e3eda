"""Chooses the engine that runs a model: the one that was asked for, or the next best that works here."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from handlers.card import InputSpec, ModelCard
from handlers.engines import int8
from handlers.engines.changing import ChangingEngine, coming
from handlers.engines.compiled import compiled_path, load_compiled, must_compile
from handlers.engines.eager import EagerEngine
from handlers.engines.engine import Engine, EngineUnavailable, Forward
from handlers.engines.openvino import OpenVinoEngine
from handlers.engines.reports import EngineReport, write_report
from handlers.engines.settings import (
    AUTO,
    AUTO_INT8,
    CACHE_VARIABLE,
    COMPILED,
    INT8,
    OPENVINO,
    WITHOUT_WAITING,
    EngineSettings,
)
from handlers.findings import FindingsDecoder
from handlers.network import load_decoder, load_network

logger = logging.getLogger(__name__)

MAX_DIFFERENCE = 0.05
"""Greatest difference of a probability from float32's on the trial images. These are noise, whose probabilities differ
more than those of scans (0.007 at most). A network that was compiled wrongly differs far more."""


def load_engine(
    folder: Path,
    card: ModelCard,
    network: nn.Module,
    device: torch.device,
    settings: EngineSettings,
    decoder: FindingsDecoder | None = None,
) -> Engine:
    """A warm engine for the model in `folder`, whose float32 network and decoder of findings are given.

    An engine that can't be loaded, or whose answers differ from float32's, is passed over with a line in the log that
    says why. The last one to try is PyTorch itself. With `settings.interim` another engine answers first if the best one
    still has to be compiled, and gives way to it later: PyTorch, or the compiled network that is there already.
    """
    order = _order(settings.engine, device)
    trial = _Trial.of(network, card, decoder) if order else None
    selection = _Selection(folder, card, device, settings, trial)
    if awaited := selection.to_be_compiled(order):
        return _changing(network, decoder, order, awaited, selection)
    engine = selection.first(order, lambda: (network, decoder))
    if engine is None:
        engine = _eager(network, decoder, selection)
        warm(engine, card.input, settings.max_batch)
        logger.info("engine %s", engine.description)
    selection.report(engine)
    return engine


def _eager(network: nn.Module, decoder: FindingsDecoder | None, selection: _Selection) -> EagerEngine:
    """PyTorch in the hardware's fast precision, or in float32 if the fast one gives other answers.

    fp16, the fast precision of GPUs before Ampere, can't hold every network's values.
    """
    card, device = selection.card, selection.device
    trial = selection.trial or _Trial.of(network, card, decoder)
    engine = EagerEngine(network, card.input, device, decoder=decoder)
    try:
        _compare(engine(trial.pixels), trial.expected, card)
        return engine
    except EngineUnavailable as reason:
        selection.passed_over.append(f"{engine.description}: {reason}")
        logger.warning("engine %s is passed over: %s", engine.description, reason)
    # The given network has been changed.
    network, decoder = selection.load()
    return EagerEngine(network, card.input, device, torch.float32, decoder)


def _changing(
    network: nn.Module,
    decoder: FindingsDecoder | None,
    order: Sequence[str],
    awaited: str,
    selection: _Selection,
) -> ChangingEngine:
    """PyTorch or a network that is compiled already, until the first engine in `order` that can be had has taken over.

    `awaited` is the one in `order` that is expected to be that.
    """
    later = order[order.index(awaited) + 1 :]
    present = None
    if COMPILED in later and selection.is_compiled(COMPILED):
        present = selection.first((COMPILED,), lambda: (network, decoder))
    if present is None:
        present = _eager(network, decoder, selection)
        warm(present, selection.card.input, 1)  # larger batches come, if at all, with their first run
    else:
        order = order[: order.index(COMPILED)]

    def make() -> Engine | None:
        try:
            # PyTorch has changed the network that it was given, so an engine that needs it gets another.
            return selection.first(order, selection.load, background=True)
        except Exception:
            logger.exception("no engine could be made")
            return None

    engine = ChangingEngine(present, awaited, make, changed=lambda: selection.report(engine))
    logger.info("engine %s answers until engine %s is made", present.description, awaited)
    selection.report(engine)
    return engine


@dataclass(frozen=True)
class _Trial:
    """Images, uint8 (2, 3, size, size), and what the network gives for them in float32."""

    pixels: torch.Tensor
    expected: Forward

    @classmethod
    def of(cls, network: nn.Module, card: ModelCard, decoder: FindingsDecoder | None) -> _Trial:
        pixels = _smooth_noise(card.input.size)
        forward = EagerEngine(network, card.input, torch.device("cpu"), torch.float32, decoder)(pixels)
        return cls(pixels, forward)


@dataclass(frozen=True)
class _Selection:
    """Makes the engines of one model in turn, until one shows that it is right."""

    folder: Path
    card: ModelCard
    device: torch.device
    settings: EngineSettings
    trial: _Trial | None
    passed_over: list[str] = field(default_factory=list)

    def to_be_compiled(self, order: Sequence[str]) -> str | None:
        """The first engine to be had whose network has still to be compiled, if another one may answer meanwhile."""
        if not self.settings.interim or self.settings.engine not in WITHOUT_WAITING.values():
            return None
        for name in order:
            if name not in WITHOUT_WAITING or (name == INT8 and int8.why_not(self.card)):
                continue
            if self.is_compiled(name):
                return None
            if (package := self._package(name)) is not None and must_compile(package):
                return name
        return None

    def is_compiled(self, name: str) -> bool:
        """Whether the network is compiled for an engine."""
        package = self._package(name)
        return package is not None and package.exists()

    def _package(self, name: str) -> Path | None:
        """The file of the network that is compiled for an engine; None without a folder for such files."""
        if self.settings.cache is None:
            return None
        return compiled_path(self.card, self.settings.cache, self.settings.max_batch, name)

    def first(
        self,
        order: Sequence[str],
        network: Callable[[], tuple[nn.Module, FindingsDecoder | None]],
        *,
        background: bool = False,
    ) -> Engine | None:
        """The first engine that is right, warm; None if none is. `network` gives the float32 network if needed."""
        for name in order:
            try:
                started = time.perf_counter()
                if self.device.type != "cpu":
                    raise EngineUnavailable(f"it is for processors, and the network runs on {self.device}")
                engine = self._make(name, network, background=background)
                assert self.trial is not None
                _compare(engine(self.trial.pixels), self.trial.expected, self.card)
                warm(engine, self.card.input, self.settings.max_batch)
                logger.info(
                    "engine %s, ready after %.1f s", engine.description, time.perf_counter() - started
                )
                return engine
            except EngineUnavailable as reason:
                self.passed_over.append(f"{name}: {reason}")
                logger.warning("engine %s is passed over: %s", name, reason)
            except Exception as error:  # no failure of an engine may keep the model from being served
                self.passed_over.append(f"{name}: it failed ({type(error).__name__})")
                logger.exception("engine %s is passed over: it failed", name)
        return None

    def load(self) -> tuple[nn.Module, FindingsDecoder | None]:
        """The network and its decoder, anew."""
        card, network = load_network(self.folder)
        return network, load_decoder(self.folder, card, network)

    def report(self, engine: Engine) -> None:
        """Say which engine answers."""
        report = EngineReport(
            self.card.name, self.card.version, engine.description, coming(engine), self.passed_over
        )
        write_report(self.settings.reports, report)

    def _make(
        self,
        name: str,
        network: Callable[[], tuple[nn.Module, FindingsDecoder | None]],
        *,
        background: bool,
    ) -> Engine:
        if name == OPENVINO:
            given, decoder = network()
            return OpenVinoEngine(given, self.card.input, decoder)
        if name == INT8 and (reason := int8.why_not(self.card)):
            raise EngineUnavailable(reason)
        package = self._package(name)
        if package is None:
            raise EngineUnavailable(f"no folder for compiled networks is set ({CACHE_VARIABLE})")
        batch = self.settings.max_batch
        return load_compiled(self.folder, package, batch, background=background, engine=name)


def warm(engine: Callable[[torch.Tensor], Forward], spec: InputSpec, max_batch: int) -> None:
    """Run the smallest and the largest batch once, as the first run takes longer. That of a size between takes 15 ms
    longer at most, and all sizes together as long as dozens of scans."""
    for count in sorted({1, max_batch}):
        engine(torch.zeros(count, 3, spec.size, spec.size, dtype=torch.uint8))


def _order(wanted: str, device: torch.device) -> tuple[str, ...]:
    """The engines to try before PyTorch itself."""
    if wanted in (AUTO, AUTO_INT8) and device.type != "cpu":
        return ()
    if wanted in (INT8, AUTO_INT8):
        return (INT8, COMPILED, OPENVINO)
    if wanted == AUTO:
        return (COMPILED, OPENVINO)
    return (wanted,) if wanted in (COMPILED, OPENVINO) else ()


def _smooth_noise(size: int) -> torch.Tensor:
    """Two images of smooth noise, the same each time, uint8 (2, 3, size, size)."""
    coarse = torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    smooth = nn.functional.interpolate(coarse, size=(size, size), mode="bicubic").clamp(0, 1)
    return (255 * smooth).to(torch.uint8).repeat(1, 3, 1, 1)


def _compare(forward: Forward, expected: Forward, card: ModelCard) -> None:
    """Raise EngineUnavailable if an engine's probabilities differ from float32's, or it gives no usable feature map.

    Of the findings' probabilities the mean difference counts: at the border of a finding a small shift makes a large
    difference.
    """
    difference = float(_difference(forward.logits.cpu(), expected.logits, card.temperature).max())
    if not difference <= MAX_DIFFERENCE:  # so that NaN is refused, too
        raise EngineUnavailable(f"its probabilities differ from float32's by {difference:.3f}")
    features, wanted = forward.features, expected.features
    if wanted is not None and (
        features is None or features.shape != wanted.shape or not torch.isfinite(features).all()
    ):
        raise EngineUnavailable("it gives no feature map, or not one of numbers like float32's")
    if card.findings is None or expected.findings is None:
        return
    if forward.findings is None or forward.findings.shape != expected.findings.shape:
        raise EngineUnavailable("it gives no findings, or not as many as float32")
    difference = float(
        _difference(forward.findings.cpu(), expected.findings, card.findings.temperature).mean()
    )
    if not difference <= MAX_DIFFERENCE:
        raise EngineUnavailable(
            f"its findings' probabilities differ from float32's by {difference:.3f} on average"
        )


def _difference(logits: torch.Tensor, expected: torch.Tensor, temperature: float) -> torch.Tensor:
    ours, theirs = ((values / temperature).softmax(1) for values in (logits, expected))
    return (ours - theirs).abs()
