"""Methods of pytorch-grad-cam on networks whose features are no maps with their channels first."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pytorch_grad_cam import HiResCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

from handlers.network import build_network
from training.explanation.methods import NAMES, make_method


def images() -> torch.Tensor:
    return torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("name", NAMES)
def test_a_vision_transformer_gets_maps_by_every_method(name: str) -> None:
    network = build_network("vit_tiny_patch16_224", 4).eval()

    maps = make_method(name, network)(images(), [0, 3])

    assert maps.shape == (2, 224, 224)
    assert np.isfinite(maps).all()
    assert (maps >= 0).all()


def test_channels_that_come_last_are_not_taken_for_rows() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = build_network("swin_tiny_patch4_window7_224", 4).eval()

    found = make_method("hires-cam", network)(images(), [1, 2])

    layer = network.layers[-1]  # type: ignore[index]
    with HiResCAM(network, [layer], reshape_transform=lambda values: values.permute(0, 3, 1, 2)) as cam:
        expected = cam(images(), [ClassifierOutputTarget(1), ClassifierOutputTarget(2)])
    assert expected.max() > 0.5
    assert np.abs(found - expected).max() < 1e-4
