"""An HTML file with the metrics of each method, and the same scans under each with the outline of their masks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import jinja2
import numpy as np
import torch
from torch import nn

from handlers.card import ModelCard
from handlers.heatmap import heat
from handlers.preprocessing import seen
from imaging.overlay import draw
from training.cache import read_pixels
from training.evaluation.gallery import data_url
from training.evaluation.report import format_interval, format_metric
from training.explanation.measuring import Masked
from training.explanation.methods import make_method

SHOWN_PER_LABEL = 1
SIDE = 200
OUTLINE = (255, 255, 255)


def rows(card: ModelCard, network: nn.Module, masked: Masked, methods: Sequence[str]) -> list[dict[str, Any]]:
    """A row for each label: its name, the scan, and a picture for each method, as `data:` URLs."""
    first = {label: place for place, label in reversed(list(enumerate(masked.labels)))}
    made = {name: make_method(name, network) for name in methods}
    shown = []
    for label, place in sorted(first.items()):
        pixels = read_pixels(masked.scans[place])
        left, top, width, height = seen(pixels.shape[1], pixels.shape[0], card.input.resize)
        pixels = pixels[top : top + height, left : left + width]  # as masks and maps are
        plain = np.asarray(cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)
        outline = cv2.resize(masked.masks[place].astype(np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        contours, _ = cv2.findContours(outline, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        pictures = [plain] + [
            draw(plain, heat(make(masked.images[place : place + 1], [label])[0], SIDE, SIDE))
            for make in made.values()
        ]
        shown.append(
            {
                "label": card.labels[label],
                "pictures": [
                    data_url(np.asarray(cv2.drawContours(picture.copy(), contours, -1, OUTLINE, 1), np.uint8))
                    for picture in pictures
                ],
            }
        )
    return shown


def write_sheet(
    out: Path, card: ModelCard, network: nn.Module, masked: Masked, measured: dict[str, Any]
) -> None:
    """Write the HTML to the file `out`; `measured` comes from `measure`."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"metric": format_metric, "interval": format_interval}
    methods = list(measured["methods"])
    with torch.inference_mode(False):
        pictures = rows(card, network, masked, methods)
    text = environment.get_template("sheet.html.j2").render(
        model=card, methods=methods, measured=measured, rows=pictures
    )
    partial = out.with_name(f"{out.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(out)
