"""Builds a model's network and loads its weights, which are safetensors: loading them can't run code."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import nn

from handlers import networks_of_timm as timm
from handlers.card import CARD_NAME, ModelCard
from handlers.card_statistics import STATISTICS_NAME
from handlers.statistics import Statistics, StatisticsError

WEIGHTS_NAME = "weights.safetensors"


class NetworkError(Exception):
    """A network that can't be built or loaded; the message names the file or architecture."""


def build_network(architecture: str, label_count: int, **options: Any) -> nn.Module:
    """A network by its timm name with random weights, RGB input and a logit per label; `options` go to timm.

    Raises NetworkError when timm doesn't know the name.
    """
    if not timm.is_model(architecture):
        raise NetworkError(f"timm {timm.__version__} knows no architecture {architecture!r}")
    network: nn.Module = timm.create_model(architecture, pretrained=False, num_classes=label_count, **options)
    return network


def load_network(folder: Path) -> tuple[ModelCard, nn.Module]:
    """The card and the network, float32 and in evaluation mode, of the model in `folder`.

    Raises CardError, or NetworkError when the weights are missing, not those of the card, or don't fit.
    """
    card, weights = _read(folder)
    network = build_network(card.architecture, len(card.labels))
    _refuse_others(folder, card, network, weights)
    network.load_state_dict({name: _widened(values) for name, values in weights.items()})
    return card, network.eval()


def load_statistics(folder: Path, card: ModelCard, network: nn.Module) -> Statistics | None:
    """What the model in `folder` knows of the scans that it learnt from; None when its card promises nothing.

    Raises NetworkError when the statistics are missing, not those of the card, or of another network.
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


def pooled_channels(network: nn.Module) -> int | None:
    """How many values the one layer takes that gives the logits; None for networks without such a layer."""
    layer = classifier(network)
    return None if layer is None else layer.in_features if isinstance(layer, nn.Linear) else layer.in_channels


def classifier(network: nn.Module) -> nn.Linear | nn.Conv2d | None:
    """The one layer of a timm network that gives the logits; None for networks without such a layer."""
    get = getattr(network, "get_classifier", None)
    layer = get() if callable(get) else None
    return layer if isinstance(layer, nn.Linear | nn.Conv2d) else None


def refuse_misfit(folder: Path) -> None:
    """Raise CardError or NetworkError as `load_network` and `load_statistics` do, without making a network.

    A card may name a huge one.
    """
    card, weights = _read(folder)
    with torch.device("meta"):
        network = build_network(card.architecture, len(card.labels))
    _refuse_others(folder, card, network, weights)
    load_statistics(folder, card, network)


def _read(folder: Path) -> tuple[ModelCard, dict[str, torch.Tensor]]:
    """The card, and the weights that it names, as they are stored."""
    card = ModelCard.load(folder / CARD_NAME)
    file = folder / WEIGHTS_NAME
    try:
        content = file.read_bytes()
    except OSError as error:
        raise NetworkError(f"{file}: the weights can't be read ({error.strerror})") from error
    if hashlib.sha256(content).hexdigest() != card.weights_sha256:
        raise NetworkError(f"{file}: not the weights that {CARD_NAME} beside it names (sha256 differs)")
    try:
        return card, load(content)
    except SafetensorError as error:
        raise NetworkError(f"{file}: the weights are no whole safetensors file ({error})") from error


def _refuse_others(
    folder: Path, card: ModelCard, network: nn.Module, weights: Mapping[str, torch.Tensor]
) -> None:
    """Raise NetworkError, naming the first of them, when weights are missing, too many, or of another shape."""
    known = network.state_dict()
    differing = [
        f"{name} is missing"
        if name not in weights
        else f"{name} is {list(weights[name].shape)} and should be {list(values.shape)}"
        for name, values in known.items()
        if name not in weights or weights[name].shape != values.shape
    ]
    differing += [f"{name} is not of this network" for name in weights if name not in known]
    if differing:
        raise NetworkError(
            f"{folder / WEIGHTS_NAME}: the weights don't fit {card.architecture} with {len(card.labels)} labels "
            f"({differing[0]}; {len(differing)} such tensors of {len(known)})"
        )


def _widened(values: torch.Tensor) -> torch.Tensor:
    """Half-precision storage as float32, everything else as it is."""
    return values.float() if values.is_floating_point() else values
