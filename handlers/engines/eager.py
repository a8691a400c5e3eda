"""The engine that runs everywhere: PyTorch, layer by layer. The others are held to its answer."""

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
    """Runs a network that `gradcam.HeadGradCam` explains, on the CPU or a GPU; takes it over, weights and all."""

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
    def __call__(self, squares: torch.Tensor) -> Forward:
        return Forward.of(self._network(squares.to(self._device)))


class AutogradEngine:
    """Runs a network that pytorch-grad-cam explains, in float32: it runs the network once more, backwards."""

    description = "eager fp32"

    def __init__(self, network: AutogradGradCam, spec: InputSpec, device: torch.device) -> None:
        self._network = network
        self._spec = spec
        self._device = device

    def __call__(self, squares: torch.Tensor) -> Forward:
        return self._network.forward(normalise(squares.to(self._device), self._spec))
