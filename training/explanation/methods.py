"""Methods that make heat maps, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytorch_grad_cam
import torch
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import nn

from handlers.gradcam import features_of, grad_cam

Maps = npt.NDArray[np.float32]
Method = Callable[[torch.Tensor, Sequence[int]], Maps]
"""Takes normalised images (count, 3, side, side) and the number of a label for each; returns maps (count, side, side).

The values of a map are 0 or more.
"""

OURS = "grad-cam"
"""The method of the model server."""
LAST, BEFORE, BOTH = (-1,), (-2,), (-2, -1)
"""Indices of timm's feature maps: the last one, the one before, both."""
OTHERS = {
    "grad-cam++": ("GradCAMPlusPlus", LAST),
    "layer-cam": ("LayerCAM", LAST),
    "eigen-cam": ("EigenCAM", LAST),
    "hires-cam": ("HiResCAM", LAST),
    "grad-cam, stage before": ("GradCAM", BEFORE),
    "layer-cam, stage before": ("LayerCAM", BEFORE),
    "grad-cam, both stages": ("GradCAM", BOTH),
    "layer-cam, both stages": ("LayerCAM", BOTH),
}
BASELINES = ("the centre", "brightness")
"""Maps that don't depend on the model, to compare the methods with."""
NAMES = (OURS, *OTHERS, *BASELINES)


def make_method(name: str, network: nn.Module) -> Method:
    """The method of that name for a timm network; raises KeyError for an unknown name."""
    if name == OURS:
        return _ours(network)
    if name == "the centre":
        return _centre
    if name == "brightness":
        return _brightness
    kind, where = OTHERS[name]
    return _from_library(getattr(pytorch_grad_cam, kind), network, where)


def _ours(network: nn.Module) -> Method:
    explainer = grad_cam(network)

    def maps(images: torch.Tensor, labels: Sequence[int]) -> Maps:
        cams = explainer.explain(explainer.forward(images), range(len(images)), labels)
        # The lowest value becomes 0, as in the model server's overlays and in pytorch-grad-cam.
        return _enlarged(cams - cams.min((1, 2), keepdims=True), images.shape[-1])

    return maps


def _from_library(kind: Any, network: nn.Module, stages: Sequence[int]) -> Method:
    places = [features_of(network, stage) for stage in stages]
    layers, as_map = [layer for layer, _ in places], places[-1][1]

    def maps(images: torch.Tensor, labels: Sequence[int]) -> Maps:
        with torch.enable_grad(), kind(network, layers, reshape_transform=as_map) as cam:
            cams = cam(images.clone(), [ClassifierOutputTarget(label) for label in labels])
        return np.asarray(np.maximum(np.nan_to_num(cams), 0), np.float32)

    return maps


def _centre(images: torch.Tensor, labels: Sequence[int]) -> Maps:
    line = torch.linspace(-1, 1, images.shape[-1])
    bell = torch.exp(-4 * (line.view(-1, 1) ** 2 + line**2))
    return np.asarray(bell.expand(len(labels), -1, -1).numpy().copy(), np.float32)


def _brightness(images: torch.Tensor, labels: Sequence[int]) -> Maps:
    grey = images.mean(1)
    return np.asarray((grey - grey.amin((1, 2), keepdim=True)).numpy(), np.float32)


def _enlarged(maps: Maps, side: int) -> Maps:
    return np.stack([cv2.resize(one, (side, side), interpolation=cv2.INTER_LINEAR) for one in maps])
