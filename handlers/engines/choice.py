"""Chooses the engine that runs a model: the one that was asked for, or the next best that works here."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from handlers.card import InputSpec, ModelCard
from handlers.engines.compiled import load_compiled
from handlers.engines.eager import EagerEngine
from handlers.engines.engine import Engine, EngineUnavailable, Forward
from handlers.engines.openvino import OpenVinoEngine
from handlers.engines.settings import AUTO, CACHE_VARIABLE, COMPILED, OPENVINO, EngineSettings
from handlers.findings import FindingsDecoder

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
    says why. The last one to try is PyTorch itself.
    """

    def compiled() -> Engine:
        if settings.cache is None:
            raise EngineUnavailable(f"no folder for compiled networks is set ({CACHE_VARIABLE})")
        return load_compiled(folder, card, settings.cache, settings.max_batch)

    makers: dict[str, Callable[[], Engine]] = {
        COMPILED: compiled,
        OPENVINO: lambda: OpenVinoEngine(network, card.input, decoder),
    }
    order = _order(settings.engine, device)
    if order:
        trial = _trial(card.input.size)
        expected = EagerEngine(network, card.input, torch.device("cpu"), torch.float32, decoder)(trial)
    for name in order:
        try:
            started = time.perf_counter()
            if device.type != "cpu":
                raise EngineUnavailable(f"it is for processors, and the network runs on {device}")
            engine = makers[name]()
            _compare(engine(trial), expected, card)
            warm(engine, card.input, settings.max_batch)
            logger.info("engine %s, ready after %.1f s", engine.description, time.perf_counter() - started)
            return engine
        except EngineUnavailable as reason:
            logger.warning("engine %s is passed over: %s", name, reason)
        except Exception:  # no failure of an engine may keep the model from being served
            logger.exception("engine %s is passed over: it failed", name)
    engine = EagerEngine(network, card.input, device, decoder=decoder)
    warm(engine, card.input, settings.max_batch)
    logger.info("engine %s", engine.description)
    return engine


def warm(engine: Callable[[torch.Tensor], Forward], spec: InputSpec, max_batch: int) -> None:
    """Run each batch size once, as the first run of a size takes longer."""
    for count in range(1, max_batch + 1):
        engine(torch.zeros(count, 3, spec.size, spec.size, dtype=torch.uint8))


def _order(wanted: str, device: torch.device) -> tuple[str, ...]:
    """The engines to try before PyTorch itself."""
    if wanted == AUTO:
        return (COMPILED, OPENVINO) if device.type == "cpu" else ()
    return (wanted,) if wanted in (COMPILED, OPENVINO) else ()


def _trial(size: int) -> torch.Tensor:
    """Two images of smooth noise, the same each time, uint8 (2, 3, size, size)."""
    coarse = torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    smooth = nn.functional.interpolate(coarse, size=(size, size), mode="bicubic").clamp(0, 1)
    return (255 * smooth).to(torch.uint8).repeat(1, 3, 1, 1)


def _compare(forward: Forward, expected: Forward, card: ModelCard) -> None:
    """Raise EngineUnavailable if an engine's probabilities differ from float32's.

    Of the findings' probabilities the mean difference counts: at the border of a finding a small shift makes a large
    difference.
    """
    difference = float(_difference(forward.logits.cpu(), expected.logits, card.temperature).max())
    if not difference <= MAX_DIFFERENCE:  # so that NaN is refused, too
        raise EngineUnavailable(f"its probabilities differ from float32's by {difference:.3f}")
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
