"""A network whose pointwise layers run in int8, by oneDNN's kernels in PyTorch; for measurements only.

Nearly all operations of a ConvNeXt are in these layers. Their weights have a scale for each output channel, their
inputs one scale and zero point for all, from the ranges seen on calibration scans. Before that, each channel of an input
is divided by a factor that its weights are multiplied with, so that few large channels don't take the range of the
others (G. Xiao et al., "SmoothQuant", ICML 2023, with a strength of `SMOOTHING`). All else stays as it is served, so
that the last feature map and the closed form of Grad-CAM are float.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import nn

from handlers.card import InputSpec
from handlers.engines.serving_network import ServingNetwork

SMOOTHING = 0.5
LEAST = 1e-6
LARGEST_WEIGHT, LARGEST_INPUT = 127, 255
Pointwise = nn.Linear | nn.Conv2d
Ranges = dict[str, tuple[torch.Tensor, torch.Tensor]]
"""The least and the greatest value (channels,) of each layer's input, by the layer's name."""


class Int8Pointwise(nn.Module):
    """A linear layer or a 1 by 1 convolution with int8 weights; its inputs are quantised to uint8."""

    weight: torch.Tensor
    weight_scale: torch.Tensor
    weight_zero: torch.Tensor
    bias: torch.Tensor
    factor: torch.Tensor

    def __init__(self, layer: Pointwise, least: torch.Tensor, greatest: torch.Tensor) -> None:
        super().__init__()
        self._is_map = isinstance(layer, nn.Conv2d)
        weight = layer.weight.detach().flatten(1)
        reach = torch.maximum(least.abs(), greatest.abs()).clamp(min=LEAST)
        smooth = reach**SMOOTHING / weight.abs().amax(0).clamp(min=LEAST) ** (1 - SMOOTHING)
        low, high = (min(float((least / smooth).min()), 0.0), max(float((greatest / smooth).max()), 0.0))
        self._scale = max(high - low, LEAST) / LARGEST_INPUT
        self._zero = round(-low / self._scale)
        weight = weight * smooth
        scale = weight.abs().amax(1).clamp(min=LEAST) / LARGEST_WEIGHT
        self.register_buffer("weight", (weight / scale[:, None]).round().to(torch.int8))
        self.register_buffer("weight_scale", scale)
        self.register_buffer("weight_zero", torch.zeros(len(scale), dtype=torch.int64))
        assert layer.bias is not None
        self.register_buffer("bias", layer.bias.detach().float().clone())
        self.register_buffer("factor", 1 / (smooth * self._scale))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """The layer's output in bf16, of values (…, channels) or of a map (batch, channels, rows, columns)."""
        last = values.permute(0, 2, 3, 1) if self._is_map else values
        quantised = (last.float() * self.factor + self._zero).round().clamp(0, LARGEST_INPUT).to(torch.uint8)
        flat = self._product(quantised.reshape(-1, last.shape[-1]), self._packed())
        output: torch.Tensor = flat.reshape(*last.shape[:-1], -1)
        return output.permute(0, 3, 1, 2) if self._is_map else output

    def product_of(self, quantised: torch.Tensor) -> Callable[[], torch.Tensor]:
        """A function that does the layer's work alone, on values uint8 (rows, channels), with packed weights."""
        packed = self._packed()
        return lambda: self._product(quantised, packed)

    def _packed(self) -> torch.Tensor:
        """The weights as the kernel reads them; compiling makes a constant of it."""
        packed: torch.Tensor = torch.ops.onednn.qlinear_prepack(self.weight, None)
        return packed

    def _product(self, quantised: torch.Tensor, packed: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = torch.ops.onednn.qlinear_pointwise(
            quantised,
            self._scale,
            self._zero,
            packed,
            self.weight_scale,
            self.weight_zero,
            self.bias,
            1.0,  # scale and zero point of an output in int8
            0,
            torch.bfloat16,
            "none",
            [],
            "",
        )
        return output


def int8_network(
    network: nn.Module, spec: InputSpec, precision: torch.dtype, calibration: Iterable[torch.Tensor]
) -> ServingNetwork:
    """The serving network with int8 in the blocks' pointwise layers, which are replaced in `network`.

    `calibration` are batches of pixels, uint8 (batch, 3, size, size).
    """
    found = ranges(network, spec, calibration)
    for name, (least, greatest) in found.items():
        parent, _, own = name.rpartition(".")
        within = network.get_submodule(parent)
        setattr(within, own, Int8Pointwise(getattr(within, own), least, greatest))
    return ServingNetwork(network, spec, precision).eval()


def pointwise_layers(network: nn.Module) -> dict[str, Pointwise]:
    """The pointwise layers of the blocks, by name: the two of each block's MLP."""
    return {
        name: layer
        for name, layer in network.named_modules()
        if name.startswith("stages.")
        and name.endswith((".mlp.fc1", ".mlp.fc2"))
        and (isinstance(layer, nn.Linear) or (isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1)))
    }


@torch.inference_mode()
def ranges(network: nn.Module, spec: InputSpec, calibration: Iterable[torch.Tensor]) -> Ranges:
    """The range of each channel that goes into a pointwise layer, in float32, on these pixels."""
    found: Ranges = {}

    def keep(name: str, inputs: torch.Tensor) -> None:
        if isinstance(layers[name], nn.Conv2d):
            inputs = inputs.permute(0, 2, 3, 1)
        values = inputs.float().reshape(-1, inputs.shape[-1])
        least, greatest = values.amin(0), values.amax(0)
        if name in found:
            least, greatest = torch.minimum(found[name][0], least), torch.maximum(found[name][1], greatest)
        found[name] = (least, greatest)

    layers = pointwise_layers(network)
    handles = [
        layer.register_forward_pre_hook(lambda _module, inputs, name=name: keep(name, inputs[0]))
        for name, layer in layers.items()
    ]
    serving = ServingNetwork(network, spec, torch.float32).eval()
    for pixels in calibration:
        serving(pixels)
    for handle in handles:
        handle.remove()
    # Inference tensors can't be exported with the network.
    return {name: (least.clone(), greatest.clone()) for name, (least, greatest) in found.items()}
