"""The page of heat maps shows what the network sees, as masks and maps are of that part."""

from __future__ import annotations

import base64
import dataclasses
from pathlib import Path

import cv2
import numpy as np

from handlers.card import CROP, InputSpec
from handlers.network import load_network
from tests.models import make_model
from training.data.manifest import Scan
from training.explanation.measuring import read_masked
from training.explanation.sheet import rows


def test_the_picture_is_the_part_that_the_network_sees(tmp_path: Path) -> None:
    card, network = load_network(make_model(tmp_path, architecture="test_convnext"))
    card = dataclasses.replace(card, input=InputSpec(64, card.input.mean, card.input.std, CROP))
    picture, mask = np.full((100, 200), 255, np.uint8), np.zeros((100, 200), np.uint8)
    picture[:, 50:150] = 20
    cv2.circle(mask, (80, 40), 8, 255, -1)
    for name, pixels in (("scan.png", picture), ("mask.png", mask)):
        cv2.imwrite(str(tmp_path / name), pixels)

    masked = read_masked(card, [Scan(tmp_path / "scan.png", "CNV", mask=tmp_path / "mask.png")])
    (row,) = rows(card, network, masked, ["the centre"])

    content = np.frombuffer(base64.b64decode(row["pictures"][0].partition(",")[2]), np.uint8)
    shown = cv2.imdecode(content, cv2.IMREAD_GRAYSCALE)
    assert shown is not None
    outline = shown > 120
    assert 0 < outline.mean() < 0.05, "the outline of the lesion alone is white"
