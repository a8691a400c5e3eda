"""What a drawn lesion is, pixel by pixel: the kinds of sign that a map of findings learns from."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Marks = npt.NDArray[np.uint8]
"""A number of `Finding` for each pixel (height, width)."""

MOST = 255


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
        """The cover (height, width) of a kind, to be written to."""
        if finding not in self.by_finding:
            self.by_finding[finding] = np.zeros(self.shape, np.float32)
        return self.by_finding[finding]

    def add(self, finding: Finding, row: int, column: int, cover: Floats) -> None:
        """Cover (rows, columns) from a place on, where it is more than is there."""
        rows, columns = slice(row, row + cover.shape[0]), slice(column, column + cover.shape[1])
        part = self.of(finding)[rows, columns]
        np.maximum(part, cover, out=part)

    def any(self) -> Floats:
        """The cover (height, width) by a lesion of whatever kind."""
        covers = list(self.by_finding.values())
        return np.maximum.reduce(covers) if covers else np.zeros(self.shape, np.float32)

    def marks(self, least: float) -> Marks:
        """For each pixel the kind that covers it most, where that is more than `least`."""
        marks = np.zeros(self.shape, np.uint8)
        most = np.full(self.shape, least, np.float32)
        for finding, cover in sorted(self.by_finding.items()):
            more = cover > most
            marks[more] = finding
            most = np.maximum(most, cover)
        return marks


def as_mask(marks: Marks) -> Marks:
    """The grey picture that is stored beside a scan: 0 for none, else 255 less the kind, so that each is nearly white."""
    return np.where(marks > 0, MOST - marks, 0).astype(np.uint8)


def from_mask(mask: Marks) -> Marks:
    """The kinds of a stored mask; white, and a grey that names no kind, is OTHER, and what is rather dark is none."""
    kinds = MOST - mask.astype(np.int16)
    known = (kinds > 0) & (kinds < Finding.OTHER)
    return np.where(mask <= MOST // 2, 0, np.where(known, kinds, Finding.OTHER)).astype(np.uint8)
