"""Builds a model's network and loads its weights. They are safetensors, so loading them can't run code."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import nn

from handlers import timm_parts as timm
from handlers.card import CARD_NAME, ModelCard
from handlers.card_findings import FINDINGS_NAME
from handlers.card_int8 import INT8_NAME
from handlers.card_statistics import STATISTICS_NAME
from handlers.findings import FindingsDecoder
from handlers.int8_ranges import Ranges, RangesError, from_tensors
from handlers.load_errors import one_line
from handlers.statistics import Statistics, StatisticsError

WEIGHTS_NAME = "weights.safetensors"


class NetworkError(Exception):
    """A network that can't be built or loaded; the message names the file or architecture."""


def build_network(architecture: str, label_count: int, **options: Any) -> nn.Module:
    """A network by its timm name, with random weights, RGB input and a logit per label; `options` are timm's.

    Raises NetworkError if timm doesn't know the name.
    """
    if not timm.is_model(architecture):
        raise NetworkError(f"timm {timm.__version__} knows no architecture {architecture!r}")
    network: nn.Module = timm.create_model(architecture, pretrained=False, num_classes=label_count, **options)
    return network


def fit_to(network: nn.Module, size: int) -> None:
    """Let a network whose input has a fixed size, as a vision transformer's, take squares of `size` pixels.

    What it knows of places is brought to the new grid. Other networks take every size anyway. Raises NetworkError for a
    size that the network can't have.
    """
    embedding, change = getattr(network, "patch_embed", None), getattr(network, "set_input_size", None)
    if not callable(change) or getattr(embedding, "img_size", None) in (None, (size, size)):
        return
    try:
        change(img_size=(size, size))
    except (ArithmeticError, AssertionError, RuntimeError, TypeError, ValueError) as error:
        raise NetworkError(
            f"{type(network).__name__} can't be made for squares of {size} pixels ({one_line(error)})"
        ) from error


def load_network(folder: Path) -> tuple[ModelCard, nn.Module]:
    """The card and the network, float32 and in evaluation mode, of the model in `folder`.

    Raises CardError, or NetworkError if the weights are missing, not those of the card, or don't fit.
    """
    card, weights = _read(folder)
    network = _made_for(card)
    _refuse_others(folder / WEIGHTS_NAME, _whose(card), network, weights)
    network.load_state_dict({name: _widened(values) for name, values in weights.items()})
    return card, network.eval()


def load_statistics(folder: Path, card: ModelCard, network: nn.Module) -> Statistics | None:
    """The statistics of the model in `folder`; None if its card names none.

    Raises NetworkError if the statistics are missing, not those of the card, or of another network.
    """
    try:
        statistics = Statistics.load(folder, card)
    except StatisticsError as error:
        raise NetworkError(str(error)) from error
    if statistics is not None and statistics.channels != (channels := pooled_channels(network)):
        raise NetworkError(
            f"{folder / STATISTICS_NAME}: the statistics are of {statistics.channels} channels, and "
            + (f"{card.architecture} has {channels}" if channels else f"{card.architecture} can't have any")
        )
    return statistics


def load_decoder(folder: Path, card: ModelCard, network: nn.Module) -> FindingsDecoder | None:
    """The decoder of findings of the model in `folder`, float32; None if its card names none.

    Raises NetworkError if the file is missing, not the one of the card, or doesn't fit the network.
    """
    if card.findings is None:
        return None
    file = folder / FINDINGS_NAME
    if not is_staged(network):
        raise NetworkError(
            f"{file}: {card.architecture} can't have a map of findings, as it has no stem and stages whose feature maps "
            "could be read; a ConvNeXt has"
        )
    kinds = card.findings.kinds
    decoder = FindingsDecoder(stage_channels(network), len(kinds) + 1)
    tensors = _tensors(file, card.findings.sha256, "findings")
    _refuse_others(
        file, f"{card.architecture} and {len(kinds)} kinds of finding", decoder, tensors, "tensors"
    )
    decoder.load_state_dict({name: _widened(values) for name, values in tensors.items()})
    return decoder.eval()


def load_ranges(folder: Path, card: ModelCard, network: nn.Module) -> Ranges | None:
    """The ranges by which the model in `folder` can run in int8; None if its card names none.

    Raises NetworkError if the file is missing, not the one of the card, or holds anything but ranges of this network.
    """
    if card.int8 is None:
        return None
    file = folder / INT8_NAME
    tensors = _tensors(file, card.int8.sha256, "ranges")
    try:
        return from_tensors(network, tensors)
    except RangesError as error:
        raise NetworkError(f"{file}: the ranges don't fit {card.architecture}: {error}") from error


def is_staged(network: nn.Module) -> bool:
    """Whether a network consists of stem, stages, norm_pre and a head, as timm's ConvNeXt does."""
    return all(isinstance(getattr(network, part, None), nn.Module) for part in ("stem", "stages", "norm_pre"))


def stage_channels(network: nn.Module) -> list[int]:
    """The channels of each stage's feature map in a staged network, finest first."""
    return [int(stage["num_chs"]) for stage in network.feature_info]  # type: ignore[union-attr]


def pooled_channels(network: nn.Module) -> int | None:
    """The input channels of the layer that gives the logits; None for networks without such a layer."""
    layer = classifier(network)
    return None if layer is None else layer.in_features if isinstance(layer, nn.Linear) else layer.in_channels


def classifier(network: nn.Module) -> nn.Linear | nn.Conv2d | None:
    """The single layer of a timm network that gives the logits; None for networks without such a layer."""
    get = getattr(network, "get_classifier", None)
    layer = get() if callable(get) else None
    return layer if isinstance(layer, nn.Linear | nn.Conv2d) else None


def refuse_misfit(folder: Path) -> None:
    """Raise CardError or NetworkError as the loading functions do, without making the network, which may be huge."""
    card, weights = _read(folder)
    with torch.device("meta"):
        network = _made_for(card)
    _refuse_others(folder / WEIGHTS_NAME, _whose(card), network, weights)
    load_statistics(folder, card, network)
    load_decoder(folder, card, network)
    load_ranges(folder, card, network)


def _made_for(card: ModelCard) -> nn.Module:
    """The card's network with random weights, for inputs of its size. Raises NetworkError."""
    network = build_network(card.architecture, len(card.labels))
    fit_to(network, card.input.size)
    return network


def _read(folder: Path) -> tuple[ModelCard, dict[str, torch.Tensor]]:
    """The card and its weights as they are stored."""
    card = ModelCard.load(folder / CARD_NAME)
    return card, _tensors(folder / WEIGHTS_NAME, card.weights_sha256, "weights")


def _tensors(file: Path, sha256: str, what: str) -> dict[str, torch.Tensor]:
    """The tensors of a file as they are stored. Raises NetworkError if they can't be read or have another hash."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise NetworkError(
            f"{file}: the {what} that {CARD_NAME} beside it promises can't be read ({error.strerror})"
        ) from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise NetworkError(f"{file}: not the {what} that {CARD_NAME} beside it names (sha256 differs)")
    try:
        return load(content)
    except SafetensorError as error:
        raise NetworkError(f"{file}: the {what} are no whole safetensors file ({error})") from error


def _whose(card: ModelCard) -> str:
    return f"{card.architecture} with {len(card.labels)} labels"


def _refuse_others(
    file: Path, whose: str, network: nn.Module, given: Mapping[str, torch.Tensor], what: str = "weights"
) -> None:
    """Raise NetworkError if tensors are missing, too many, or of another shape; it names the first of them."""
    known = network.state_dict()
    differing = [
        f"{name} is missing"
        if name not in given
        else f"{name} is {list(given[name].shape)} and should be {list(values.shape)}"
        for name, values in known.items()
        if name not in given or given[name].shape != values.shape
    ]
    differing += [f"{name} is not of this network" for name in given if name not in known]
    if differing:
        raise NetworkError(
            f"{file}: the {what} don't fit {whose} ({differing[0]}; {len(differing)} such tensors of {len(known)})"
        )


def _widened(values: torch.Tensor) -> torch.Tensor:
    """Floating-point tensors as float32, others unchanged."""
    return values.float() if values.is_floating_point() else values
