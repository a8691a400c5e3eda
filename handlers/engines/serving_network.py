"""The network as it is served: from uint8 pixels to logits, features and findings, in the hardware's fast precision."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

from handlers.card import InputSpec
from handlers.findings import FindingsDecoder
from handlers.network import is_staged


class ServingNetwork(nn.Module):
    """A timm network with normalisation in front, and its stages in `precision`.

    Stem, head and the decoder of findings stay in float32. Stem and head are a hundredth of the work but cause most of
    the error in bfloat16: on 2,909 real scans the probabilities of the bundled model would then differ by up to 0.023
    instead of 0.007.
    """

    scale: torch.Tensor
    shift: torch.Tensor

    def __init__(
        self,
        network: nn.Module,
        spec: InputSpec,
        precision: torch.dtype,
        decoder: FindingsDecoder | None = None,
    ) -> None:
        """A decoder needs a network for which `network.is_staged` holds."""
        super().__init__()
        self.network = network.eval().to(memory_format=torch.channels_last)
        self.decoder = None if decoder is None else decoder.eval().to(memory_format=torch.channels_last)
        self.precision = precision
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (spec.mean, spec.std))
        # (x / 255 − mean) / std in one multiplication and one addition.
        self.register_buffer("scale", 1 / (255 * std))
        self.register_buffer("shift", -mean / std)

    def cast_once(self) -> None:
        """Convert the stages' weights to `precision`, as autocast would in each run. Not for compiled networks."""
        if self.precision is torch.float32 or not is_staged(self.network):
            return
        for layer in self.network.stages.modules():  # type: ignore[union-attr]
            if isinstance(layer, nn.Conv2d | nn.Linear):
                layer.to(self.precision)

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """From pixels, uint8 (batch, 3, size, size), to logits, the last feature map and, with a decoder, its logits.

        All are float32.
        """
        images = (pixels.float() * self.scale + self.shift).contiguous(memory_format=torch.channels_last)
        features, stages = self._features(images)
        features = features.float()
        logits: torch.Tensor = self.network.forward_head(features)  # type: ignore[operator]
        return (logits, features) if self.decoder is None else (logits, features, self.decoder(stages))

    def _features(self, images: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """The last feature map and, of staged networks, those of all stages, finest first."""
        network = self.network
        fast: AbstractContextManager[object] = (
            nullcontext()
            if self.precision is torch.float32
            else torch.autocast(images.device.type, self.precision)
        )
        if not is_staged(network):
            with fast:
                return network.forward_features(images), []  # type: ignore[operator]
        stages = []
        images = network.stem(images)  # type: ignore[operator]
        with fast:
            for stage in network.stages:  # type: ignore[union-attr]
                images = stage(images)
                stages.append(images)
            return network.norm_pre(images), stages  # type: ignore[operator]


def fast_precision(device: torch.device) -> torch.dtype:
    """The lowest precision that the device's hardware supports, float32 if it supports none below."""
    if device.type == "cuda":
        # Of this GPU, and without emulation, which is slower than fp16 on GPUs that have no bf16 (before Ampere).
        with torch.cuda.device(device):
            has_bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if has_bf16 else torch.float16
    capabilities = torch.cpu.get_capabilities()
    fast = capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") or capabilities.get("bf16")
    return torch.bfloat16 if fast else torch.float32


def precision_name(precision: torch.dtype) -> str:
    """The short name of a precision: fp32, bf16 or fp16."""
    return {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}[precision]
