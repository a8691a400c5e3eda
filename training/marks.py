"""A fixed set of marks such as devices and archives burn into pictures: text, boxes, scale bars, arrows, frames."""

from __future__ import annotations

import functools
import string

import cv2
import numpy as np
import numpy.typing as npt
import torch

COUNT = 96
SEED = 7
Pixels = npt.NDArray[np.uint8]
LETTERS = string.ascii_uppercase + string.digits * 2 + " .:/-"
WHITE = 255


@functools.lru_cache(maxsize=4)
def draw_marks(side: int) -> tuple[torch.Tensor, torch.Tensor]:
    """How much each drawing covers, and its grey values, both uint8 (count, side, side); always the same drawings."""
    covers, greys = np.zeros((2, COUNT, side, side), np.uint8)
    for number in range(COUNT):
        random = np.random.default_rng([SEED, number])
        for kind in random.integers(0, len(KINDS), int(random.integers(1, 4))):
            KINDS[kind](covers[number], greys[number], random)
    return torch.from_numpy(covers), torch.from_numpy(greys)


def _grey(random: np.random.Generator) -> int:
    return WHITE if random.random() < 0.7 else int(random.integers(90, 255))


def _write(cover: Pixels, grey: Pixels, random: np.random.Generator, at: tuple[int, int], most: int) -> None:
    """Draw a line of fewer than `most` letters whose lower left corner is `at` (column, row)."""
    text = "".join(random.choice(list(LETTERS), int(random.integers(2, most))))
    size = float(random.uniform(0.22, 0.5)) * cover.shape[0] / 224
    font = int(random.choice([cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_PLAIN, cv2.FONT_HERSHEY_DUPLEX]))
    size *= 1.8 if font == cv2.FONT_HERSHEY_PLAIN else 1.0
    shade = _grey(random)
    for canvas, value in ((cover, WHITE), (grey, shade)):
        cv2.putText(canvas, text, at, font, size, value, 1, cv2.LINE_AA if canvas is cover else cv2.LINE_8)


def _text(cover: Pixels, grey: Pixels, random: np.random.Generator) -> None:
    """Draw one to three lines of text near the upper or lower border."""
    side = cover.shape[0]
    left = int(random.uniform(0, 0.75) * side)
    row = int((random.uniform(0.05, 0.15) if random.random() < 0.5 else random.uniform(0.8, 0.95)) * side)
    for line in range(int(random.integers(1, 4))):
        _write(cover, grey, random, (left, row + int(line * 0.05 * side)), 18)


def _box(cover: Pixels, grey: Pixels, random: np.random.Generator) -> None:
    """Draw a box in a corner: empty, with text, or with a small picture of the fundus and the line of the scan."""
    side = cover.shape[0]
    height, width = (int(random.uniform(0.06, 0.3) * side) for _ in range(2))
    top = 0 if random.random() < 0.5 else side - height
    left = 0 if random.random() < 0.5 else side - width
    rows, columns = slice(top, top + height), slice(left, left + width)
    cover[rows, columns] = WHITE
    kind = random.random()
    grey[rows, columns] = 0 if kind < 0.5 else WHITE if kind < 0.65 else int(random.integers(30, 200))
    if random.random() < 0.4:
        coarse = random.integers(20, 200, (5, 5)).astype(np.uint8)
        grey[rows, columns] = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        row = top + int(random.uniform(0.3, 0.7) * height)
        cv2.arrowedLine(grey, (left, row), (left + width - 1, row), WHITE, 1, tipLength=0.15)
    elif random.random() < 0.5:
        _write(cover, grey, random, (left + 2, top + height // 2), 8)


def _scale_bar(cover: Pixels, grey: Pixels, random: np.random.Generator) -> None:
    """Draw a horizontal scale bar, sometimes also a vertical one, near the lower border, sometimes with its length."""
    side = cover.shape[0]
    left, row = int(random.uniform(0.03, 0.75) * side), int(random.uniform(0.82, 0.97) * side)
    along, up = int(random.uniform(0.05, 0.2) * side), int(random.uniform(0.05, 0.2) * side)
    thick, shade, upright = int(random.integers(1, 3)), _grey(random), random.random() < 0.5
    for canvas, value in ((cover, WHITE), (grey, shade)):
        cv2.line(canvas, (left, row), (left + along, row), value, thick)
        if upright:
            cv2.line(canvas, (left, row), (left, row - up), value, thick)
    if random.random() < 0.5:
        _write(cover, grey, random, (left + 3, row - 3), 7)


def _arrow(cover: Pixels, grey: Pixels, random: np.random.Generator) -> None:
    """Draw an arrow, as authors do to point at something."""
    side = cover.shape[0]
    start = random.uniform(0.1, 0.9, 2) * side
    angle, length = random.uniform(0, 2 * np.pi), random.uniform(0.06, 0.16) * side
    end = start + length * np.array([np.cos(angle), np.sin(angle)])
    thick, shade = int(random.integers(1, 3)), _grey(random)
    for canvas, value in ((cover, WHITE), (grey, shade)):
        first, last = (tuple(int(value) for value in point) for point in (start, end))
        cv2.arrowedLine(canvas, first, last, value, thick, tipLength=0.4)


def _border_line(cover: Pixels, grey: Pixels, random: np.random.Generator) -> None:
    """Draw one to four lines along the sides, as of a frame or a ruler."""
    side = cover.shape[0]
    place, thick, shade = int(random.uniform(0, 0.06) * side), int(random.integers(1, 4)), _grey(random)
    ends = [((0, place), (side, place)), ((place, 0), (place, side))]
    ends += [
        ((0, side - 1 - place), (side, side - 1 - place)),
        ((side - 1 - place, 0), (side - 1 - place, side)),
    ]
    for number in random.permutation(len(ends))[: int(random.integers(1, 5))]:
        start, end = ends[number]
        for canvas, value in ((cover, WHITE), (grey, shade)):
            cv2.line(canvas, start, end, value, thick)


KINDS = (_box, _text, _scale_bar, _arrow, _border_line)
