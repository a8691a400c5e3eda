"""Loading a model's network from its folder."""

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save

from handlers.card import CARD_NAME, ModelCard
from handlers.card_statistics import STATISTICS_NAME
from handlers.gradcam import grad_cam
from handlers.network import (
    WEIGHTS_NAME,
    NetworkError,
    build_network,
    fit_to,
    load_network,
    load_statistics,
    refuse_misfit,
)
from handlers.predictor import Predictor
from tests.models import give_statistics, make_model


def test_a_loaded_network_is_whole_and_ready(tmp_path: Path) -> None:
    card, network = load_network(make_model(tmp_path))
    assert not network.training
    assert {values.dtype for values in network.state_dict().values()} == {torch.float32}
    with torch.inference_mode():
        logits = network(torch.zeros(2, 3, card.input.size, card.input.size))
    assert logits.shape == (2, len(card.labels))
    assert torch.isfinite(logits).all()


def test_weights_are_the_stored_ones(tmp_path: Path) -> None:
    folder = make_model(tmp_path, seed=1)
    _, first = load_network(folder)
    _, again = load_network(folder)
    _, other = load_network(make_model(tmp_path, version="2.0.0", seed=2))
    image = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.equal(first(image), again(image))
        assert not torch.allclose(first(image), other(image))


def test_changed_weights_are_refused(tmp_path: Path) -> None:
    folder = make_model(tmp_path)
    weights = folder / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    with pytest.raises(NetworkError, match="sha256"):
        load_network(folder)


def test_missing_weights_are_named(tmp_path: Path) -> None:
    folder = make_model(tmp_path)
    (folder / "weights.safetensors").unlink()
    with pytest.raises(
        NetworkError,
        match="weights.safetensors: the weights that model.json beside it promises can't be read",
    ):
        load_network(folder)


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    folder = make_model(tmp_path)
    card = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(card | {"architecture": "convnext_femto"}))
    with pytest.raises(NetworkError, match="don't fit convnext_femto"):
        load_network(folder)


def test_statistics_come_with_the_model(tmp_path: Path) -> None:
    folder = make_model(tmp_path)
    card, network = load_network(folder)
    assert load_statistics(folder, card, network) is None
    give_statistics(folder)
    refuse_misfit(folder)
    assert load_statistics(folder, ModelCard.load(folder / CARD_NAME), network) is not None


@pytest.mark.parametrize("fault", ["missing", "other", "channels"])
def test_statistics_that_the_card_promises_and_are_not_there_are_refused(tmp_path: Path, fault: str) -> None:
    folder = make_model(tmp_path)
    give_statistics(folder, home=None if fault != "channels" else np.eye(40, 12, dtype=np.float32))
    file = folder / STATISTICS_NAME
    if fault == "missing":
        file.unlink()
    elif fault == "other":
        file.write_bytes(file.read_bytes()[:-1])
    told = {
        "missing": "the statistics that model.json beside it promises can't be read",
        "other": r"not the statistics that model.json beside it names \(sha256 differs\)",
        "channels": "the statistics are of 12 channels, and convnext_atto has 320",
    }[fault]
    for load in (refuse_misfit, Predictor.load):
        with pytest.raises(NetworkError, match=f"{STATISTICS_NAME}: {told}"):
            load(folder)


def test_an_unknown_architecture_is_named() -> None:
    with pytest.raises(NetworkError, match="'convnext_huge_typo'"):
        build_network("convnext_huge_typo", 6)


def test_a_network_of_a_fixed_size_is_served_at_the_size_of_its_card(tmp_path: Path) -> None:
    """A vision transformer knows a place for each patch of 224 x 224 pixels, and was trained for 64 x 64."""
    folder = make_model(tmp_path, architecture="vit_tiny_patch16_224")
    card, network = load_network(folder)
    fit_to(network, 64)
    weights = save({name: values.half().contiguous() for name, values in network.state_dict().items()})
    (folder / WEIGHTS_NAME).write_bytes(weights)
    replace(
        card, input=replace(card.input, size=64), weights_sha256=hashlib.sha256(weights).hexdigest()
    ).save(folder / CARD_NAME)

    refuse_misfit(folder)

    _, loaded = load_network(folder)
    images = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        assert torch.allclose(loaded(images), network.half().float()(images), atol=1e-4)
    assert grad_cam(loaded).explain(grad_cam(loaded).forward(images), [0, 1], [0, 1]).shape[1:] == (4, 4)


def test_a_size_that_a_network_can_not_have_is_named() -> None:
    with pytest.raises(NetworkError, match="VisionTransformer can't be made for squares of 8 pixels"):
        fit_to(build_network("vit_tiny_patch16_224", 3), 8)


def test_a_network_is_served_without_importing_what_it_does_not_need(tmp_path: Path) -> None:
    """It would be half of a model worker's start; what needs it still gets it."""
    folder = make_model(tmp_path)
    code = f"""
import sys, pathlib, torch
import handlers.torchserve_handler
from handlers.network import build_network, load_network
_, network = load_network(pathlib.Path({str(folder)!r}))
network(torch.zeros(1, 3, 64, 64))
left_out = ("torch._dynamo", "torchvision", "huggingface_hub", "timm.models.resnet", "timm.data")
assert not [name for name in left_out if name in sys.modules]
import torchvision
torchvision.ops.roi_align(torch.zeros(1, 3, 8, 8), [torch.zeros(1, 4)], 2)
torchvision.ops.roi_align.__globals__["is_compile_supported"]("cpu")
assert "torch._dynamo" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_all_of_timm_is_there_for_who_needs_it() -> None:
    code = """
import torch
from handlers.gradcam import HeadGradCam
from handlers.network import build_network
convnext = build_network("convnext_atto", 3)
assert HeadGradCam.fits(convnext)
resnet = build_network("resnet18", 3)
import timm, timm.data, torchvision
from timm.models import load_state_dict
assert len(timm.list_models()) > 1000
assert timm.data.resolve_model_data_config(convnext)["input_size"] == (3, 224, 224)
assert isinstance(convnext, timm.models.convnext.ConvNeXt)
assert isinstance(build_network("convnext_atto", 3), timm.models.convnext.ConvNeXt)

from timm.layers import norm_act
frozen = torchvision.ops.misc.FrozenBatchNorm2d(3)
assert isinstance(frozen, norm_act.FrozenBatchNorm2d) and not isinstance(resnet, norm_act.FrozenBatchNorm2d)
assert type(norm_act.FrozenBatchNorm2d(3)) is type(frozen)
norm_act.convert_sync_batchnorm(resnet)
from timm.layers import create_feature_extractor
assert create_feature_extractor(resnet, ["layer4"])(torch.zeros(2, 3, 32, 32))["layer4"].shape[1] == 512
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("first", ["import timm", "import timm.models", "import training.networks"])
def test_who_has_imported_timm_already_keeps_it(first: str) -> None:
    code = f"""
{first}
from handlers.network import build_network
build_network("resnet18", 3)
import timm
assert len(timm.list_models()) > 1000
"""
    subprocess.run([sys.executable, "-c", code], check=True)
