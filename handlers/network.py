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
from handlers.card_findings import FINDINGS_NAME
from handlers.card_statistics import STATISTICS_NAME
from handlers.findings import FindingsDecoder
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
    _refuse_others(folder / WEIGHTS_NAME, _whose(card), network, weights)
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


def load_decoder(folder: Path, card: ModelCard, network: nn.Module) -> FindingsDecoder | None:
    """The decoder of findings of the model in `folder`, float32; None when its card promises no map of findings.

    Raises NetworkError when the file is missing, not the one of the card, or doesn't fit the network.
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


def is_staged(network: nn.Module) -> bool:
    """Whether its features are just stem, stages and norm_pre, as those of timm's ConvNeXt are."""
    return all(isinstance(getattr(network, part, None), nn.Module) for part in ("stem", "stages", "norm_pre"))


def stage_channels(network: nn.Module) -> list[int]:
    """How many channels the feature map of each stage of a staged network has, finest first."""
    return [int(stage["num_chs"]) for stage in network.feature_info]  # type: ignore[union-attr]


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
    """Raise CardError or NetworkError as `load_network` and its neighbours do, without making a network.

    A card may name a huge one.
    """
    card, weights = _read(folder)
    with torch.device("meta"):
        network = build_network(card.architecture, len(card.labels))
    _refuse_others(folder / WEIGHTS_NAME, _whose(card), network, weights)
    load_statistics(folder, card, network)
    load_decoder(folder, card, network)


def _read(folder: Path) -> tuple[ModelCard, dict[str, torch.Tensor]]:
    """The card, and the weights that it names, as they are stored."""
    card = ModelCard.load(folder / CARD_NAME)
    return card, _tensors(folder / WEIGHTS_NAME, card.weights_sha256, "weights")


def _tensors(file: Path, sha256: str, what: str) -> dict[str, torch.Tensor]:
    """The tensors in a file, as they are stored. Raises NetworkError when it is not the one with that hash."""
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
    """Raise NetworkError, naming the first of them, when tensors are missing, too many, or of another shape."""
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
    """Half-precision storage as float32, everything else as it is."""
    return values.float() if values.is_floating_point() else values
