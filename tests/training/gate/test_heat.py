"""Heat maps at the gate lie over the whole picture, whatever part of it a network sees."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from handlers.card import CARD_NAME, CROP, STRETCH, InputSpec, ModelCard
from tests.models import make_model
from training.data.manifest import Scan
from training.explanation import methods
from training.gate import heat
from training.gate.heat import compare_heat
from training.gate.subject import Subject

SIDE = 96
MIDDLE, RADIUS = (66, 40), 10


@pytest.fixture(params=[(96, 192), (192, 96)], ids=["wide", "tall"])
def scan(request: pytest.FixtureRequest, tmp_path: Path) -> Scan:
    """A picture twice as long as wide, with one bright spot that is its lesion, off the middle."""
    height, width = request.param
    spot = np.zeros((height, width), np.uint8)
    cv2.circle(spot, MIDDLE if width > height else MIDDLE[::-1], RADIUS, 255, -1)
    for name in ("scan.png", "mask.png"):
        cv2.imwrite(str(tmp_path / name), spot)
    return Scan(tmp_path / "scan.png", "CNV", mask=tmp_path / "mask.png")


@pytest.fixture(autouse=True)
def _hot_where_bright(monkeypatch: pytest.MonkeyPatch) -> None:
    """Maps of networks that look at whatever is bright in what they see."""
    make = methods.make_method
    monkeypatch.setattr(heat, "make_method", lambda name, network: make("brightness", network))


def seeing(folder: Path, resize: str) -> Subject:
    """A version that sees a picture as `resize` says."""
    card = ModelCard.load(make_model(folder / resize, architecture="test_convnext") / CARD_NAME)
    spec = InputSpec(SIDE, card.input.mean, card.input.std, resize)
    return Subject(folder, dataclasses.replace(card, input=spec), nn.Identity(), None)


@torch.inference_mode()
@pytest.mark.parametrize(("candidate", "champion"), [(CROP, CROP), (CROP, STRETCH), (STRETCH, CROP)])
def test_a_map_is_compared_with_what_was_drawn_at_the_same_place_of_the_picture(
    scan: Scan, tmp_path: Path, candidate: str, champion: str
) -> None:
    first, second = (seeing(tmp_path / name, how) for name, how in (("a", candidate), ("b", champion)))

    found = compare_heat(first, second, [scan])

    assert found.pointing.tolist() == [[1.0], [1.0]]
    assert found.iou.min() > 0.7
    assert found.agreement.min() > 0.7
