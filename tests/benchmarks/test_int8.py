"""The int8 network of `bench int8`: its answers and heat maps are those of the network that it was made of, nearly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.int8_network import Int8Pointwise, int8_network, pointwise_layers
from benchmarks.models import make_model
from handlers.engines.engine import Forward
from handlers.engines.serving_network import ServingNetwork
from handlers.gradcam import HeadGradCam
from handlers.network import load_network
from tests.stacks import retinote

VNNI = torch.cpu.get_capabilities().get("avx512_vnni")


@pytest.mark.skipif(not VNNI, reason="without VNNI sums of int8 products may saturate")
@pytest.mark.parametrize("architecture", ["convnext_atto", "convnext_tiny"])
def test_int8_gives_nearly_the_same_logits_and_heat_maps(tmp_path: Path, architecture: str) -> None:
    folder = make_model(tmp_path, architecture=architecture)
    card, network = load_network(folder)
    coarse = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    pixels = (255 * torch.nn.functional.interpolate(coarse, size=(224, 224), mode="bilinear")).to(torch.uint8)
    with torch.inference_mode():
        expected = Forward.of(ServingNetwork(load_network(folder)[1], card.input, torch.float32)(pixels))
    names = set(pointwise_layers(network))

    small = int8_network(network, card.input, torch.float32, [pixels])
    with torch.inference_mode():
        ours = Forward.of(small(pixels))

    assert names == {name for name, each in network.named_modules() if isinstance(each, Int8Pointwise)}
    assert ours.features is not None and ours.features.dtype is torch.float32
    assert (ours.logits - expected.logits).abs().max() < 0.1 * expected.logits.abs().max()
    explainer = HeadGradCam(network.get_submodule("head"))
    first, second = (explainer.explain(each, range(4), [0] * 4).ravel() for each in (ours, expected))
    assert np.corrcoef(first, second)[0, 1] > 0.95


def test_no_rounds_are_refused() -> None:
    refused = retinote("bench", "int8", "--rounds", "0")

    assert refused.returncode == 2
    assert "--rounds, --threads and --batches: at least 1 is needed." in refused.stderr
