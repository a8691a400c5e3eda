"""The gallery of a report: scans with sure and wrong, least certain, and right answers, beside their heat maps."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from handlers.card import ModelCard
from handlers.gradcam import grad_cam
from handlers.heatmap import cells, over_picture
from handlers.preprocessing import seen, to_tensor
from imaging.heat import enlarged
from imaging.overlay import draw
from training.cache import read_pixels
from training.data.manifest import Scan
from training.prediction import Outputs

SHOWN = 8
"""Scans in each group."""
SIDE = 224
"""Longer side of a picture in the report, in pixels."""
JPEG_QUALITY = 80


@dataclass(frozen=True)
class Case:
    """One scan: its file and source, its true and its predicted label, and the two pictures as `data:` URLs."""

    file: str
    source: str
    label: str
    predicted: str
    confidence: float
    probabilities: list[tuple[str, float]]
    picture: str
    overlay: str


def cases(
    card: ModelCard,
    network: nn.Module,
    scans: Sequence[Scan],
    outputs: Outputs,
    names: Sequence[str],
    shown: int = SHOWN,
) -> dict[str, list[Case]]:
    """Groups of cases by their title: sure and wrong, least certain, right (labels take turns).

    `names` are the scans' names in the report. Raises DataError when a scan can't be read.
    """
    probabilities = (outputs.logits / card.temperature).softmax(1)
    confidence, predicted = probabilities.max(1)
    right = predicted == outputs.targets
    by_confidence = confidence.argsort(descending=True).tolist()
    top = probabilities.topk(2, dim=1).values
    least_certain = (top[:, 0] - top[:, 1]).argsort().tolist()
    groups = {
        "Sure and wrong": [number for number in by_confidence if not right[number]][:shown],
        "Least certain": least_certain[:shown],
        "Right": _by_turns([number for number in by_confidence if right[number]], outputs.targets)[:shown],
    }
    explainer = grad_cam(network.cpu())

    def case(number: int) -> Case:
        pixels = read_pixels(scans[number])
        images = to_tensor(pixels, card.input).unsqueeze(0)
        cam = explainer.explain(explainer.forward(images), [0], [int(predicted[number])])[0]
        height, width = pixels.shape[:2]
        scale = SIDE / max(height, width)
        sides = round(width * scale), round(height * scale)
        small = np.asarray(cv2.resize(pixels, sides, interpolation=cv2.INTER_AREA), np.uint8)
        part = seen(width, height, card.input.resize)
        overlay = draw(small, enlarged(over_picture(cells(cam), part, width, height), *sides))
        ordered = probabilities[number].argsort(descending=True).tolist()
        return Case(
            file=names[number],
            source=scans[number].source,
            label=scans[number].label,
            predicted=card.labels[int(predicted[number])],
            confidence=float(confidence[number]),
            probabilities=[
                (card.labels[place], float(probabilities[number, place])) for place in ordered[:4]
            ],
            picture=data_url(small),
            overlay=data_url(overlay),
        )

    return {title: [case(number) for number in numbers] for title, numbers in groups.items()}


def data_url(picture: npt.NDArray[np.uint8]) -> str:
    """An RGB picture, uint8 (height, width, 3), as a JPEG in a `data:` URL."""
    _, content = cv2.imencode(
        ".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    )
    return "data:image/jpeg;base64," + base64.b64encode(content.tobytes()).decode()


def _by_turns(numbers: Sequence[int], targets: torch.Tensor) -> list[int]:
    """The first of every label, then the second of every label, and so on."""
    turn: dict[int, int] = {}
    ranked = []
    for place, number in enumerate(numbers):
        label = int(targets[number])
        turn[label] = turn.get(label, 0) + 1
        ranked.append((turn[label], place, number))
    return [number for _, _, number in sorted(ranked)]
