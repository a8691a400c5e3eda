"""int8: the MLPs of a network's blocks by the processor's instructions for 8-bit products, all else as it is served.

Weights have a scale for each output channel. The inputs of an MLP have one scale and zero point for all channels, and
so have the values between its two layers; they come from the model's ranges (`handlers.int8_ranges`). Before that, each
channel of the inputs is divided by a factor that its weights are multiplied with, so that few large channels don't take
the range of the others (G. Xiao et al., "SmoothQuant", ICML 2023, with a strength of `SMOOTHING`). The last feature
map, from which familiarity, prediction set and heat map come, is float as ever.

The network is compiled as for the compiled engine (`handlers.engines.compiled`); the kernels are oneDNN's.
"""

from __future__ import annotations

import torch
from torch import nn

from handlers.card import ModelCard
from handlers.int8_ranges import ACTIVATIONS, MlpRanges, Ranges
from handlers.timm_parts import Mlp

SMOOTHING = 0.5
TINY = 1e-6
LARGEST_WEIGHT, LARGEST_VALUE = 127, 255
INSTRUCTIONS = ("avx512_vnni", "amx_int8")
"""Without one of these, int8 is no faster, and sums of products may saturate."""


def why_not(card: ModelCard) -> str | None:
    """Why a model can't be served in int8 on this processor; None if it can."""
    if card.int8 is None:
        return "the model has no ranges for it (./retinote int8 measures them)"
    if missed := list(card.int8.checks.misses()):
        return f"by its card it changes the answers too much: {'; '.join(missed)}"
    if not has_instructions():
        return "the processor has no instructions for it (AVX-512 VNNI or AMX)"
    return None


def has_instructions() -> bool:
    """Whether the processor multiplies 8-bit values fast and exactly."""
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name) for name in INSTRUCTIONS)


class Int8Mlp(nn.Module):
    """An MLP with int8 weights. Its inputs, and the values between its layers, are quantised to uint8."""

    weight1: torch.Tensor
    weight2: torch.Tensor
    scales1: torch.Tensor
    scales2: torch.Tensor
    zeros1: torch.Tensor
    zeros2: torch.Tensor
    bias1: torch.Tensor
    bias2: torch.Tensor
    factor: torch.Tensor

    def __init__(self, mlp: Mlp, ranges: MlpRanges, precision: torch.dtype) -> None:
        """`precision` is that of the outputs."""
        super().__init__()
        self._is_map = isinstance(mlp.fc1, nn.Conv2d)
        self._precision = precision
        self._activation = ACTIVATIONS[type(mlp.act)]
        weight = mlp.fc1.weight.detach().flatten(1)
        reach = torch.maximum(ranges.least.abs(), ranges.greatest.abs()).clamp(min=TINY)
        smooth = reach**SMOOTHING / weight.abs().amax(0).clamp(min=TINY) ** (1 - SMOOTHING)
        self._scale, self._zero = _steps((ranges.least / smooth).min(), (ranges.greatest / smooth).max())
        self._hidden_scale, self._hidden_zero = _steps(*ranges.hidden)
        self.register_buffer("factor", 1 / (smooth * self._scale))
        for number, layer, values in ((1, mlp.fc1, weight * smooth), (2, mlp.fc2, mlp.fc2.weight.flatten(1))):
            values = values.detach()
            scales = values.abs().amax(1).clamp(min=TINY) / LARGEST_WEIGHT
            self.register_buffer(f"weight{number}", (values / scales[:, None]).round().to(torch.int8))
            self.register_buffer(f"scales{number}", scales)
            self.register_buffer(f"zeros{number}", torch.zeros(len(scales), dtype=torch.int64))
            assert layer.bias is not None  # see int8_ranges.mlps
            self.register_buffer(f"bias{number}", layer.bias.detach().float().clone())

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """The MLP's output, of values (…, channels) or of a map (batch, channels, rows, columns)."""
        last = values.permute(0, 2, 3, 1) if self._is_map else values
        quantised = (last.float() * self.factor + self._zero).round().clamp(0, LARGEST_VALUE).to(torch.uint8)
        # Compiling makes constants of the packed weights.
        linear, pack = torch.ops.onednn.qlinear_pointwise, torch.ops.onednn.qlinear_prepack
        hidden = linear(
            quantised.reshape(-1, last.shape[-1]),
            *(self._scale, self._zero, pack(self.weight1, None), self.scales1, self.zeros1, self.bias1),
            *(self._hidden_scale, self._hidden_zero, torch.uint8, "gelu", [], self._activation),
        )
        flat = linear(
            hidden,
            *(self._hidden_scale, self._hidden_zero, pack(self.weight2, None)),
            *(self.scales2, self.zeros2, self.bias2),
            *(1.0, 0, self._precision, "none", [], ""),
        )
        output: torch.Tensor = flat.reshape(*last.shape[:-1], -1)
        return output.permute(0, 3, 1, 2) if self._is_map else output


def put_int8(network: nn.Module, ranges: Ranges, precision: torch.dtype) -> None:
    """Replace the MLPs that have ranges in a network, whose weights are float32; `precision` is that of its stages."""
    for name, found in ranges.items():
        parent, _, own = name.rpartition(".")
        part = network.get_submodule(name)
        assert isinstance(part, Mlp)
        setattr(network.get_submodule(parent), own, Int8Mlp(part, found, precision))


def _steps(least: torch.Tensor, greatest: torch.Tensor) -> tuple[float, int]:
    """The scale and the zero point of uint8 for a range, which is widened to hold 0."""
    low, high = min(float(least), 0.0), max(float(greatest), 0.0)
    scale = max(high - low, TINY) / LARGEST_VALUE
    return scale, round(-low / scale)
