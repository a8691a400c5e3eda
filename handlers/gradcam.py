"""Grad-CAM: where in the image the network saw what speaks for a label.

R. R. Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV 2017.
A map is relu(Σ_k w_k·A_k), where A is the last feature map and w_k the mean gradient of the label's logit by A_k.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from handlers.engines.engine import Forward
from handlers.network import NetworkError
from handlers.networks_of_timm import LayerNorm2d, NormMlpClassifierHead

Maps = npt.NDArray[np.float32]
"""Maps (count, height, width) at the resolution of the last feature map, 0 or greater."""


class Explainer(Protocol):
    """Explains what a forward found."""

    def explain(self, forward: Forward, items: Sequence[int], labels: Sequence[int]) -> Maps:
        """A map per entry of `items`, indices into the batch; the entry of `labels` beside it says what to explain."""


class GradCam(Explainer, Protocol):
    """A network that can explain itself."""

    def forward(self, images: torch.Tensor) -> Forward:
        """Run the network on normalised images (batch, 3, size, size), without gradients."""


def grad_cam(network: nn.Module) -> GradCam:
    """The fastest explainer that fits the network; raises NetworkError when none does."""
    if ClosedFormGradCam.fits(network):
        return ClosedFormGradCam(network)
    return AutogradGradCam(network)


class HeadGradCam:
    """Grad-CAM without a backward pass, for a head of average pooling, LayerNorm and one linear layer.

    The pooling makes the gradient the same at every position, and those of the other two layers are known: with p the
    pooled features, x̂ = (p − μ)·rs their normalised form and v = W[label]·γ,
    w = rs·(v − mean(v) − x̂·mean(v·x̂)) / (H·W).

    It needs the last feature map and nothing of the network before it, so any engine may have run that.
    """

    def __init__(self, head: nn.Module) -> None:
        self._head = head

    @staticmethod
    def fits(network: nn.Module) -> bool:
        """Whether the network is a timm ConvNeXt or alike whose head has just these layers."""
        head = getattr(network, "head", None)
        return (
            isinstance(head, NormMlpClassifierHead)
            and head.global_pool.pool_type == "avg"
            and isinstance(head.norm, LayerNorm2d)
            and isinstance(head.pre_logits, nn.Identity)
            and isinstance(head.fc, nn.Linear)
        )

    @torch.inference_mode()
    def explain(self, forward: Forward, items: Sequence[int], labels: Sequence[int]) -> Maps:
        assert forward.features is not None
        head = self._head
        features = forward.features[list(items)].float()
        height, width = features.shape[-2:]
        pooled = features.mean((2, 3))
        variance, mean = torch.var_mean(pooled, dim=1, correction=0, keepdim=True)
        scale = torch.rsqrt(variance + head.norm.eps)  # type: ignore[union-attr,operator]
        normalised = (pooled - mean) * scale
        upstream = head.fc.weight[list(labels)].float()  # type: ignore[union-attr,index]
        if head.norm.weight is not None:  # type: ignore[union-attr]
            upstream = upstream * head.norm.weight.float()  # type: ignore[union-attr,operator]
        weights = upstream - upstream.mean(1, keepdim=True)
        weights = weights - normalised * (upstream * normalised).mean(1, keepdim=True)
        weights = weights * scale / (height * width)
        maps = torch.einsum("nk,nkhw->nhw", weights, features).relu()
        return np.asarray(maps.cpu().numpy(), np.float32)


class ClosedFormGradCam(HeadGradCam):
    """`HeadGradCam` with its network, run by PyTorch in float32."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__(network.head)  # type: ignore[arg-type]
        self._network = network.eval()

    @torch.inference_mode()
    def forward(self, images: torch.Tensor) -> Forward:
        features = self._network.forward_features(images)  # type: ignore[operator]
        return Forward(self._network.forward_head(features), features)  # type: ignore[operator]


class AutogradGradCam:
    """Grad-CAM by pytorch-grad-cam, for any other timm network whose last feature map has rows and columns.

    It keeps state on the network while it runs, so that only one thread may use the network at a time.
    """

    def __init__(self, network: nn.Module) -> None:
        self._network = network.eval()
        self._lock = threading.Lock()
        self._layer, self._channels_last = _last_feature_map(network)

    def forward(self, images: torch.Tensor) -> Forward:
        with self._lock, torch.inference_mode():
            return Forward(self._network(images), images=images)

    def explain(self, forward: Forward, items: Sequence[int], labels: Sequence[int]) -> Maps:
        assert forward.images is not None
        # Imported here: it takes a second and matplotlib, which the closed form doesn't need.
        from pytorch_grad_cam import GradCAM
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

        class RawGradCAM(GradCAM):  # type: ignore[misc]
            """Stops before pytorch-grad-cam scales the maps."""

            def compute_cam_per_layer(self, input_tensor, targets, eigen_smooth):  # type: ignore[no-untyped-def]
                features, gradients = (
                    self.activations_and_grads.activations,
                    self.activations_and_grads.gradients,
                )
                layer = self.target_layers[0]
                found = self.get_cam_image(
                    input_tensor, layer, targets, features[0].numpy(), gradients[0].numpy(), eigen_smooth
                )
                return np.maximum(found, 0)

            def aggregate_multi_layers(self, cam_per_target_layer):  # type: ignore[no-untyped-def]
                return cam_per_target_layer

        reshape = (lambda features: features.permute(0, 3, 1, 2)) if self._channels_last else None
        with self._lock, torch.inference_mode(False), torch.enable_grad():
            images = forward.images[list(items)].clone()
            with RawGradCAM(self._network, [self._layer], reshape_transform=reshape) as cam:
                maps = cam(images, [ClassifierOutputTarget(label) for label in labels])
            self._network.zero_grad()
        return np.asarray(maps, np.float32)


def _last_feature_map(network: nn.Module) -> tuple[nn.Module, bool]:
    """The layer that timm calls the network's last feature map, and whether its channels come last."""
    described = getattr(network, "feature_info", None)
    name, channels = (described[-1]["module"], described[-1]["num_chs"]) if described else ("", 0)
    layer = dict(network.named_modules()).get(name)
    shapes: list[tuple[int, ...]] = []
    if layer is not None and name:
        hook = layer.register_forward_hook(
            lambda _module, _inputs, output: shapes.append(tuple(output.shape))
        )
        size = getattr(network, "default_cfg", {}).get("input_size", (3, 224, 224))
        device = next(network.parameters()).device
        with torch.inference_mode():
            network(torch.zeros(1, *size, device=device))
        hook.remove()
    if layer is None or not shapes or len(shapes[0]) != 4 or channels not in (shapes[0][1], shapes[0][3]):
        raise NetworkError(
            f"Grad-CAM doesn't know {type(network).__name__}: it has no last map with rows and columns"
        )
    return layer, shapes[0][1] != channels
