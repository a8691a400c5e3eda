"""The ranges by which a network's inner values become int8: which parts have some, and the file beside the weights.

Nearly all operations of a ConvNeXt are in its blocks' MLPs, two pointwise layers each with a GELU between them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from handlers.timm_parts import GELU, GELUTanh, Mlp

ACTIVATIONS: dict[type[nn.Module], str] = {GELU: "none", GELUTanh: "tanh"}
"""The activations between two layers in int8, with the kernel's name for how they are computed."""
LEAST, GREATEST, HIDDEN = "least", "greatest", "hidden"


class RangesError(ValueError):
    """Ranges that can't be used; the message says what is wrong."""


@dataclass(frozen=True)
class MlpRanges:
    """What was seen in an MLP: the least and the greatest value of each input channel (channels,), and of all values
    between its two layers, after the activation (2,). All are float32.
    """

    least: torch.Tensor
    greatest: torch.Tensor
    hidden: torch.Tensor


Ranges = dict[str, MlpRanges]
"""By the name of the MLP in the network."""


def mlps(network: nn.Module) -> dict[str, Mlp]:
    """The MLPs of the network's stages that can run in int8, by name; empty for networks without such parts."""
    return {
        name: part
        for name, part in network.named_modules()
        if name.startswith("stages.")
        and type(part) is Mlp
        and type(part.act) in ACTIVATIONS
        and isinstance(part.norm, nn.Identity)
        and all(_is_pointwise(layer) and layer.bias is not None for layer in (part.fc1, part.fc2))
    }


def as_tensors(ranges: Ranges) -> dict[str, torch.Tensor]:
    """The tensors of the file."""
    return {
        f"{name}.{what}": getattr(found, what).contiguous()
        for name, found in ranges.items()
        for what in (LEAST, GREATEST, HIDDEN)
    }


def from_tensors(network: nn.Module, tensors: Mapping[str, torch.Tensor]) -> Ranges:
    """The ranges in the tensors of a file. Raises RangesError if they are none, not of this network, or no ranges."""
    names = dict.fromkeys(name.rpartition(".")[0] for name in tensors)
    if not names:
        raise RangesError("there are none")
    fitting = mlps(network)
    for name in names:
        if name not in fitting:
            raise RangesError(f"{name} is no part of this network that can run in int8")
    shapes = {
        f"{name}.{what}": shape
        for name in names
        for what, shape in (
            (LEAST, [fitting[name].fc1.weight.shape[1]]),
            (GREATEST, [fitting[name].fc1.weight.shape[1]]),
            (HIDDEN, [2]),
        )
    }
    for name, shape in shapes.items():
        if name not in tensors:
            raise RangesError(f"{name} is missing")
        if list(tensors[name].shape) != shape or tensors[name].dtype != torch.float32:
            raise RangesError(
                f"{name} is {tensors[name].dtype}, {list(tensors[name].shape)}, and should be torch.float32, {shape}"
            )
    for name in tensors.keys() - shapes.keys():
        raise RangesError(f"{name} is no range")
    ranges = {
        name: MlpRanges(*(tensors[f"{name}.{what}"] for what in (LEAST, GREATEST, HIDDEN)))
        for name in fitting
        if name in names
    }
    for name, found in ranges.items():
        for low, high in ((found.least, found.greatest), tuple(found.hidden)):
            if not (low.isfinite().all() and high.isfinite().all() and (low <= high).all()):
                raise RangesError(f"{name} has values that are no ranges: numbers, the least of them first")
    return ranges


def _is_pointwise(layer: nn.Module) -> bool:
    return isinstance(layer, nn.Linear) or (isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1))
