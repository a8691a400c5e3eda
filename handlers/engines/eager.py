"""The engine that runs everywhere: PyTorch, layer by layer. The other engines are compared with its answers."""

from __future__ import annotations

import torch
from torch import nn

from handlers.card import InputSpec
from handlers.engines.engine import Forward
from handlers.engines.serving_network import ServingNetwork, fast_precision, precision_name
from handlers.findings import FindingsDecoder
from handlers.gradcam import AutogradGradCam
from handlers.preprocessing import normalise


class EagerEngine:
    """Runs a network that `gradcam.HeadGradCam` explains, on the CPU or a GPU. It changes the given network."""

    def __init__(
        self,
        network: nn.Module,
        spec: InputSpec,
        device: torch.device,
        precision: torch.dtype | None = None,
        decoder: FindingsDecoder | None = None,
    ) -> None:
        self._device = device
        self._precision = precision or fast_precision(device)
        self._network = ServingNetwork(network, spec, self._precision, decoder).to(device)
        self._network.cast_once()

    @property
    def description(self) -> str:
        return f"eager {precision_name(self._precision)}"

    @torch.inference_mode()
    def __call__(self, pixels: torch.Tensor) -> Forward:
        return Forward.of(self._network(pixels.to(self._device)))


class AutogradEngine:
    """Runs a network that pytorch-grad-cam explains, in float32, as the explanation needs gradients."""

    description = "eager fp32"

    def __init__(self, network: AutogradGradCam, spec: InputSpec, device: torch.device) -> None:
        self._network = network
        self._spec = spec
        self._device = device

    def __call__(self, pixels: torch.Tensor) -> Forward:
        return self._network.forward(normalise(pixels.to(self._device), self._spec))
