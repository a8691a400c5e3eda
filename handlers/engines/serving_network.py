"""The network as it is served: from uint8 squares to logits and features, in the precision the hardware is fast at."""

from __future__ import annotations

import torch
from torch import nn

from handlers.card import InputSpec


class ServingNetwork(nn.Module):
    """A timm network with normalisation in front, and its stages in `precision`.

    The stem and the head stay in float32: they are a hundredth of the work, and in bfloat16 they cause most of the
    error (on 2,909 real scans the probabilities of the bundled model then differ by up to 0.023 instead of 0.007).
    """

    scale: torch.Tensor
    shift: torch.Tensor

    def __init__(self, network: nn.Module, spec: InputSpec, precision: torch.dtype) -> None:
        super().__init__()
        self.network = network.eval().to(memory_format=torch.channels_last)
        self.precision = precision
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (spec.mean, spec.std))
        # (x / 255 − mean) / std in one multiplication and one addition.
        self.register_buffer("scale", 1 / (255 * std))
        self.register_buffer("shift", -mean / std)

    def cast_once(self) -> None:
        """Keep the stages' weights in `precision`: autocast would cast them anew in each run. For runs by PyTorch alone."""
        if self.precision is torch.float32 or not _is_staged(self.network):
            return
        for layer in self.network.stages.modules():  # type: ignore[union-attr]
            if isinstance(layer, nn.Conv2d | nn.Linear):
                layer.to(self.precision)

    def forward(self, squares: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits and the last feature map, float32, of squares, uint8 (batch, 3, size, size)."""
        images = (squares.float() * self.scale + self.shift).contiguous(memory_format=torch.channels_last)
        features = self._features(images).float()
        logits: torch.Tensor = self.network.forward_head(features)  # type: ignore[operator]
        return logits, features

    def _features(self, images: torch.Tensor) -> torch.Tensor:
        network = self.network
        if self.precision is torch.float32:
            return network.forward_features(images)  # type: ignore[operator,no-any-return]
        if not _is_staged(network):
            with torch.autocast(images.device.type, self.precision):
                return network.forward_features(images)  # type: ignore[operator,no-any-return]
        images = network.stem(images)  # type: ignore[operator]
        with torch.autocast(images.device.type, self.precision):
            return network.norm_pre(network.stages(images))  # type: ignore[operator,no-any-return]


def fast_precision(device: torch.device) -> torch.dtype:
    """The lowest precision that the device computes in hardware; float32 where there is none."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    capabilities = torch.cpu.get_capabilities()
    fast = capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") or capabilities.get("bf16")
    return torch.bfloat16 if fast else torch.float32


def precision_name(precision: torch.dtype) -> str:
    """How people write it: fp32, bf16, fp16."""
    return {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}[precision]


def _is_staged(network: nn.Module) -> bool:
    """Whether its features are just stem, stages and norm_pre, as those of timm's ConvNeXt are."""
    return all(isinstance(getattr(network, part, None), nn.Module) for part in ("stem", "stages", "norm_pre"))
