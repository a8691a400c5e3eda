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


def refuse_misfit(folder: Path) -> None:
    """Raise CardError or NetworkError as `load_network` does, without making a network: a card may name a huge one."""
    card, weights = _read(folder)
    with torch.device("meta"):
        network = build_network(card.architecture, len(card.labels))
    _refuse_others(folder, card, network, weights)


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
