"""Loading a model's network from its folder."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from handlers.network import NetworkError, build_network, load_network
from tests.models import make_model


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
    with pytest.raises(NetworkError, match="weights.safetensors: the weights can't be read"):
        load_network(folder)


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    folder = make_model(tmp_path)
    card = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(card | {"architecture": "convnext_femto"}))
    with pytest.raises(NetworkError, match="don't fit convnext_femto"):
        load_network(folder)


def test_an_unknown_architecture_is_named() -> None:
    with pytest.raises(NetworkError, match="'convnext_huge_typo'"):
        build_network("convnext_huge_typo", 6)


def test_a_network_is_served_without_importing_a_compiler(tmp_path: Path) -> None:
    """It would be a third of a model worker's start; what needs it still gets it."""
    folder = make_model(tmp_path)
    code = f"""
import sys, pathlib, torch
import handlers.torchserve_handler
from handlers.network import load_network
_, network = load_network(pathlib.Path({str(folder)!r}))
network(torch.zeros(1, 3, 64, 64))
assert "torch._dynamo" not in sys.modules
import torchvision
torchvision.ops.roi_align(torch.zeros(1, 3, 8, 8), [torch.zeros(1, 4)], 2)
torchvision.ops.roi_align.__globals__["is_compile_supported"]("cpu")
assert "torch._dynamo" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
