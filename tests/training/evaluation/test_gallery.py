"""The pictures of a report: heat lies where the network looked."""

from __future__ import annotations

import base64
import dataclasses
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch

from handlers.card import CROP, InputSpec
from handlers.network import load_network
from tests.models import make_model
from training.data.manifest import Scan
from training.evaluation.gallery import cases
from training.prediction import Outputs


def decoded(url: str) -> npt.NDArray[np.int16]:
    content = np.frombuffer(base64.b64decode(url.partition(",")[2]), np.uint8)
    picture = cv2.imdecode(content, cv2.IMREAD_COLOR)
    assert picture is not None
    return picture.astype(np.int16)


def test_what_a_network_does_not_see_has_no_heat(tmp_path: Path) -> None:
    card, network = load_network(make_model(tmp_path, architecture="test_convnext"))
    card = dataclasses.replace(card, input=InputSpec(64, card.input.mean, card.input.std, CROP))
    grey = np.random.default_rng(0).integers(0, 256, (112, 224), np.uint8)
    cv2.imwrite(str(tmp_path / "wide.png"), cv2.blur(grey, (9, 9)))
    logits = torch.eye(len(card.labels))[:1]

    shown = cases(
        card,
        network,
        [Scan(tmp_path / "wide.png", card.labels[0])],
        Outputs(logits, torch.tensor([0])),
        ["wide"],
    )

    (case,) = shown["Right"]
    changed = np.abs(decoded(case.overlay) - decoded(case.picture)).max((0, 2))
    assert changed[:40].max() <= 2 and changed[-40:].max() <= 2, "beside the middle square"
    assert changed[72:152].max() > 20
