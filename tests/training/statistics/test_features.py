"""What is looked at here is what the model server looks at."""

from pathlib import Path

import numpy as np
import pytest
import torch

from handlers.card import InputSpec
from handlers.gradcam import grad_cam
from handlers.network import build_network
from handlers.preprocessing import to_tensor
from tests.training.conftest import write_scan
from training.cache import read_pixels
from training.data.manifest import Scan
from training.statistics.features import embed

SPEC = InputSpec(size=64, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))


@pytest.mark.parametrize("architecture", ["convnext_atto", "resnet10t", "mobilenetv3_small_050"])
def test_features_are_those_by_which_a_served_scan_is_judged(architecture: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build_network(architecture, 3).eval()
    write_scan(tmp_path / "a.png", "HIGH", seed=1)
    write_scan(tmp_path / "b.png", "LOW", seed=2)
    scans = [Scan(tmp_path / "a.png", "CNV"), Scan(tmp_path / "b.png", "a label of no model")]

    found = embed(network, SPEC, scans, tmp_path / "cache")

    served = grad_cam(network.float().cpu()).forward(
        torch.stack([to_tensor(read_pixels(scan), SPEC) for scan in scans])
    )
    assert served.pooled is not None
    # Hardware with bf16 is used for what a table is made of.
    np.testing.assert_allclose(found.features, served.pooled.numpy(), rtol=0.03, atol=0.03)
    np.testing.assert_allclose(found.logits.numpy(), served.logits.numpy(), rtol=0.05, atol=0.05)
