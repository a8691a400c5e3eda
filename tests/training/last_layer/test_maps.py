"""The maps that a last layer learns from, and the region in them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn
from torch.nn import functional

from handlers.card import InputSpec
from training.data.manifest import DataError, Scan
from training.last_layer.maps import read_examples

SIDE = 64
SPEC = InputSpec(SIDE, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


class Brightness(nn.Module):
    """A network whose map of 4 × 4 cells is the brightness of the picture."""

    num_features = 3

    def __init__(self, *, is_map: bool = True) -> None:
        super().__init__()
        self.is_map = is_map

    def forward_features(self, images: torch.Tensor) -> torch.Tensor:
        cells = functional.adaptive_avg_pool2d(images, 4)
        return cells if self.is_map else cells.flatten(2).mT


def left(grey: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """A region that fills the first column of cells, and half of the second one."""
    mask = np.zeros(grey.shape, bool)
    mask[:, : 3 * grey.shape[1] // 8] = True
    return mask


@pytest.fixture
def scans(tmp_path: Path) -> list[Scan]:
    """A picture that is bright on the left, and one that is bright on the right."""
    made = []
    for number, bright in enumerate((slice(0, 16), slice(48, 64))):
        picture = np.zeros((SIDE, SIDE), np.uint8)
        picture[:, bright] = 255
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture)
        made.append(Scan(tmp_path / f"{number}.png", str(number)))
    return made


def test_maps_and_region_lie_over_each_other(scans: list[Scan], tmp_path: Path) -> None:
    examples = read_examples(Brightness(), SPEC, ["0", "1"], scans, left, tmp_path / "cache")

    assert examples.targets.tolist() == [0, 1]
    assert examples.maps.shape == (2, 3, 4, 4) and examples.shares is not None
    assert examples.maps[:, 0, 0].flatten().tolist() == pytest.approx([1, 0, 0, 0, 0, 0, 0, 1], abs=1e-4)
    assert examples.shares[:, 3].tolist() == [[1, 0.5, 0, 0]] * 2


def test_a_network_without_a_map_is_refused(scans: list[Scan], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Brightness has no feature map"):
        read_examples(Brightness(is_map=False), SPEC, ["0", "1"], scans, None, tmp_path / "cache")
