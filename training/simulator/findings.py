"""The kinds of sign that drawn lesions show, pixel by pixel: a map of findings learns from them."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Marks = npt.NDArray[np.uint8]
"""A number of `Finding` for each pixel (height, width)."""

WHITE = 255


class Finding(IntEnum):
    """Kinds of sign; OTHER are lesions that no finding names (atrophy, cotton wool, the wall of a cyst)."""

    NONE = 0
    FLUID_WITHIN = 1
    FLUID_BELOW = 2
    EPITHELIUM = 3
    MATERIAL = 4
    HOLE = 5
    FOCI = 6
    OTHER = 7


class Covers:
    """How far each pixel of a picture (height, width) is covered by each kind of sign, 0..1."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape
        self.by_finding: dict[Finding, Floats] = {}

    def of(self, finding: Finding) -> Floats:
        """The cover (height, width) of a kind; the caller may write to it."""
        if finding not in self.by_finding:
            self.by_finding[finding] = np.zeros(self.shape, np.float32)
        return self.by_finding[finding]

    def add(self, finding: Finding, row: int, column: int, cover: Floats) -> None:
        """Add a cover (rows, columns) whose upper left pixel is at `row` and `column`; the larger cover counts."""
        rows, columns = slice(row, row + cover.shape[0]), slice(column, column + cover.shape[1])
        part = self.of(finding)[rows, columns]
        np.maximum(part, cover, out=part)

    def any(self) -> Floats:
        """The cover (height, width) by lesions of any kind."""
        covers = list(self.by_finding.values())
        return np.maximum.reduce(covers) if covers else np.zeros(self.shape, np.float32)

    def marks(self, least: float) -> Marks:
        """The kind that covers each pixel most, NONE where no kind covers more than `least` of it."""
        marks = np.zeros(self.shape, np.uint8)
        most = np.full(self.shape, least, np.float32)
        for finding, cover in sorted(self.by_finding.items()):
            more = cover > most
            marks[more] = finding
            most = np.maximum(most, cover)
        return marks


def as_mask(marks: Marks) -> Marks:
    """The mask that is stored beside a scan: 0 for NONE, else 255 minus the kind, so that kinds are nearly white."""
    return np.where(marks > 0, WHITE - marks, 0).astype(np.uint8)


def from_mask(mask: Marks) -> Marks:
    """The kinds of a stored mask: NONE up to half grey, OTHER for white and for a grey that is no kind's."""
    kinds = WHITE - mask.astype(np.int16)
    known = (kinds > 0) & (kinds < Finding.OTHER)
    return np.where(mask <= WHITE // 2, 0, np.where(known, kinds, Finding.OTHER)).astype(np.uint8)
