"""A sheet of simulated scans, each above the same scan with the outline of its mask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from training.simulator.device import Bytes
from training.simulator.findings import Marks

Draw = Callable[[str, int, int, tuple[int, int]], tuple[Bytes, Marks]]
"""Draws the scan `number` of a label and a seed, of a size (height, width)."""
EXAMPLES = 6
"""Scans of each label."""
TILE = (200, 206)
DRAWN = (496, 512)
"""Height and width in pixels, of a scan on the sheet and as it is drawn."""
TITLE_PX = 20
OUTLINE = (60, 200, 255)
"""The colour of a mask's outline: blue, green, red."""
JPEG_QUALITY = 70


def write_sheet(file: Path, labels: Sequence[str], seed: int, draw: Draw) -> None:
    """Write the sheet, JPEG or PNG by the name of the file; raises OSError when that fails."""
    rows = [_row(label, seed, draw) for label in labels]
    kind = file.suffix.lower() if file.suffix.lower() in {".jpg", ".jpeg", ".png"} else ".jpg"
    _, encoded = cv2.imencode(kind, np.vstack(rows), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    file.write_bytes(encoded.tobytes())


def _row(label: str, seed: int, draw: Draw) -> Bytes:
    pairs = []
    for number in range(EXAMPLES):
        image, findings = draw(label, seed, number, DRAWN)
        plain = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
        outlined = plain.copy()
        edges, _ = cv2.findContours((findings > 0).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(outlined, edges, -1, OUTLINE, 2)
        tiles = [cv2.resize(tile, TILE[::-1], interpolation=cv2.INTER_AREA) for tile in (plain, outlined)]
        pairs.append(np.vstack(tiles[: 1 if label == "NORMAL" else 2]))
    strip = np.hstack(pairs)
    title = np.full((TITLE_PX, strip.shape[1], 3), 32, np.uint8)
    cv2.putText(
        title, label, (6, TITLE_PX - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (235, 235, 235), 1, cv2.LINE_AA
    )
    return np.asarray(np.vstack([title, strip]), np.uint8)
