"""Where a network runs, and in which precision."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class Hardware:
    """Where to train and in which precision the forward pass runs."""

    device: torch.device
    autocast: torch.dtype | None

    @classmethod
    def detect(cls) -> Hardware:
        """CUDA when there is one, else the CPU; bf16 where the hardware has it."""
        if torch.cuda.is_available():
            # Emulated bf16, on GPUs before Ampere, is slower than fp16.
            supported = torch.cuda.is_bf16_supported(including_emulation=False)
            return cls(torch.device("cuda"), torch.bfloat16 if supported else torch.float16)
        supported = bool(torch.cpu.get_capabilities().get("avx512_bf16"))
        return cls(torch.device("cpu"), torch.bfloat16 if supported else None)

    def forward(self, network: nn.Module, images: torch.Tensor) -> torch.Tensor:
        """Logits in float32 of images (batch, 3, size, size)."""
        images = images.to(self.device, non_blocking=True, memory_format=torch.channels_last)
        with torch.autocast(self.device.type, dtype=self.autocast, enabled=self.autocast is not None):
            logits: torch.Tensor = network(images)
        return logits.float()
