"""Grad-CAM: which parts of the image contribute to a label.

R. R. Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV 2017.
A map is relu(Σ_k w_k·A_k), where A is the last feature map and w_k the mean gradient of the label's logit by A_k.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from handlers.engines.engine import Forward
from handlers.network import NetworkError, classifier
from handlers.timm_parts import LayerNorm2d, NormMlpClassifierHead

Maps = npt.NDArray[np.float32]
"""Maps (count, height, width) at the resolution of the last feature map, 0 or greater."""

Reshape = Callable[[torch.Tensor], torch.Tensor]


class Explainer(Protocol):
    """Explains the result of a forward pass."""

    def explain(self, forward: Forward, items: Sequence[int], labels: Sequence[int]) -> Maps:
        """A map for each of `items`, indices into the batch. It explains the label at the same index of `labels`."""


class GradCam(Explainer, Protocol):
    """A network that can explain itself."""

    def forward(self, images: torch.Tensor) -> Forward:
        """Run the network on normalised images (batch, 3, size, size), without gradients."""


def grad_cam(network: nn.Module) -> GradCam:
    """The fastest explainer that fits the network. Raises NetworkError if none does."""
    if ClosedFormGradCam.fits(network):
        return ClosedFormGradCam(network)
    return AutogradGradCam(network)


class HeadGradCam:
    """Grad-CAM without a backward pass, for a head of average pooling, LayerNorm and one linear layer.

    Average pooling makes the gradient the same at every position, and the gradients of the other two layers are known:
    with p the pooled features, x̂ = (p − μ)·rs their normalised form and v = W[label]·γ,
    w = rs·(v − mean(v) − x̂·mean(v·x̂)) / (H·W).

    It needs nothing but the last feature map, so any engine may have run the network.
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
        assert forward.features is not None and forward.pooled is not None
        head = self._head
        features = forward.features[list(items)].float()
        height, width = features.shape[-2:]
        pooled = forward.pooled[list(items)]
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
    """Grad-CAM by pytorch-grad-cam, for any other timm network whose last features have rows and columns.

    These are a map, or the tokens of patches in a grid, as of a vision transformer. pytorch-grad-cam keeps state on the
    network while it runs, so just one thread may use the network at a time.
    """

    def __init__(self, network: nn.Module) -> None:
        self._network = network.eval()
        self._lock = threading.Lock()
        self._layer, self._as_map = features_of(network)
        self._classifier = classifier(network)

    def forward(self, images: torch.Tensor) -> Forward:
        given: list[torch.Tensor] = []
        with self._lock, torch.inference_mode(), self._listening(given):
            logits = self._network(images)
        return Forward(logits, images=images, classified=given[0] if given else None)

    def _listening(self, given: list[torch.Tensor]) -> AbstractContextManager[object]:
        """Within this context, the inputs of the network's last layer are added to `given` as (batch, channels)."""
        layer = self._classifier
        if layer is None:
            return nullcontext()

        def keep(_module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
            (values,) = inputs
            by_place = values.flatten(2).mT if isinstance(layer, nn.Conv2d) else values
            given.append(by_place.reshape(len(values), -1, by_place.shape[-1]).float().mean(1))

        return layer.register_forward_pre_hook(keep)

    def explain(self, forward: Forward, items: Sequence[int], labels: Sequence[int]) -> Maps:
        assert forward.images is not None
        # Imported here, as it takes a second and loads matplotlib; the closed form doesn't need it.
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
                maps = self.get_cam_image(
                    input_tensor, layer, targets, features[0].numpy(), gradients[0].numpy(), eigen_smooth
                )
                return np.maximum(maps, 0)

            def aggregate_multi_layers(self, cam_per_target_layer):  # type: ignore[no-untyped-def]
                return cam_per_target_layer

        with self._lock, torch.inference_mode(False), torch.enable_grad():
            images = forward.images[list(items)].clone()
            with RawGradCAM(self._network, [self._layer], reshape_transform=self._as_map) as cam:
                maps = cam(images, [ClassifierOutputTarget(label) for label in labels])
            self._network.zero_grad()
        return np.asarray(maps, np.float32)


def features_of(network: nn.Module, stage: int = -1) -> tuple[nn.Module, Reshape | None]:
    """The layer to explain, and a function that makes its output a map (batch, channels, rows, columns), if needed.

    It is the layer that timm lists as the feature map of that stage, by default the last. For tokens it is the first
    norm of that block, as pytorch-grad-cam recommends for vision transformers: behind the block's attention the logits
    may depend on the class token alone, and no gradient reaches the patches. Raises NetworkError for networks that
    have neither.
    """
    described = getattr(network, "feature_info", None)
    name, channels = (described[stage]["module"], described[stage]["num_chs"]) if described else ("", 0)
    layer = dict(network.named_modules()).get(name) if name else None
    shape = _output_shape(network, layer) if layer is not None else ()
    if layer is not None and len(shape) == 4 and channels in (shape[1], shape[3]):
        return layer, None if shape[1] == channels else _channels_first
    norm = getattr(layer, "norm1", None)
    rows, columns = getattr(getattr(network, "patch_embed", None), "grid_size", None) or (0, 0)
    before = int(getattr(network, "num_prefix_tokens", 0))
    if isinstance(norm, nn.Module) and _output_shape(network, norm)[1:] == (
        before + rows * columns,
        channels,
    ):

        def grid(tokens: torch.Tensor) -> torch.Tensor:
            return _channels_first(tokens[:, before:].reshape(len(tokens), rows, columns, channels))

        return norm, grid
    raise NetworkError(
        f"Grad-CAM doesn't know {type(network).__name__}: it has no last map with rows and columns, nor a last block "
        "whose tokens form a grid"
    )


def _output_shape(network: nn.Module, layer: nn.Module) -> tuple[int, ...]:
    """The shape of a layer's output for one image of the network's own size; empty if it is no tensor."""
    shapes: list[tuple[int, ...]] = []
    hook = layer.register_forward_hook(
        lambda _module, _inputs, output: shapes.append(tuple(getattr(output, "shape", ())))
    )
    channels, *usual = getattr(network, "default_cfg", {}).get("input_size", (3, 224, 224))
    size = getattr(getattr(network, "patch_embed", None), "img_size", None) or usual
    device = next(network.parameters()).device
    with hook, torch.inference_mode():
        network(torch.zeros(1, channels, *size, device=device))
    return shapes[0] if shapes else ()


def _channels_first(features: torch.Tensor) -> torch.Tensor:
    return features.permute(0, 3, 1, 2)
