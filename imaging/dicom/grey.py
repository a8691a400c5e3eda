"""From the values of a DICOM file to grey: modality table or rescale, then VOI table or window (PS3.3, C.11)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from imaging.dicom.elements import first, number, numbers, sequence, text
from imaging.dicom.tables import Table, table

Numbers = npt.NDArray[Any]
Stage = Callable[[Numbers], Numbers]

SIGMOID, EXACT = "SIGMOID", "LINEAR_EXACT"
STEEP = (64, 192)
"""Greys between which a soft window is nearly a line."""
STEEPEST = 500
"""Greatest exponent of a sigmoid: beyond it grey is black or white anyway, and a float overflows."""


@dataclass(frozen=True)
class Rescale:
    """A linear rescale: values times the slope, plus the intercept."""

    slope: float
    intercept: float

    def __call__(self, values: Numbers) -> Numbers:
        """The rescaled values, float64."""
        return values.astype(np.float64) * self.slope + self.intercept


@dataclass(frozen=True)
class Range:
    """A linear window: values from `black` to `white`; those beyond are black or white."""

    black: float
    white: float

    def __call__(self, values: Numbers) -> Numbers:
        """Grey from 0 to 255, float64."""
        return np.clip(
            (values.astype(np.float64) - self.black) * (255 / ((self.white - self.black) or 1)), 0, 255
        )


@dataclass(frozen=True)
class Sigmoid:
    """A window with soft ends, by the sigmoid function."""

    center: float
    width: float

    def __call__(self, values: Numbers) -> Numbers:
        """Grey from 0 to 255, float64."""
        steps = -4 * ((values.astype(np.float64) - self.center) / self.width)
        return 255 / (1 + np.exp(np.clip(steps, -STEEPEST, STEEPEST)))


@dataclass(frozen=True)
class Threshold:
    """A window of width 1: values above the threshold are white, others black."""

    above: float

    def __call__(self, values: Numbers) -> Numbers:
        """0 or 255, float64."""
        return np.where(values > self.above, 255.0, 0.0)


@dataclass(frozen=True)
class GreyTable:
    """A VOI table, whose entries are shown as grey."""

    entries: Table

    def __call__(self, values: Numbers) -> Numbers:
        """Grey from 0 to 255, float64."""
        return self.entries(values).astype(np.float64) * (255 / self.entries.white)


@dataclass(frozen=True)
class Shown:
    """What turns values into grey: a table or rescale, where there is one, and then a window or table."""

    modality: Stage | None
    stage: Stage

    def __call__(self, values: Numbers) -> npt.NDArray[np.uint8]:
        """Grey, uint8."""
        return rounded(self.stage(values if self.modality is None else self.modality(values)))

    def ends(self, values: Numbers) -> tuple[float, float]:
        """The values that are black and white; for tables and soft windows as near as a line through `values` comes.

        `values` are all that there may be, in order.
        """
        if isinstance(self.stage, Range) and self.modality is None:
            return self.stage.black, self.stage.white
        if isinstance(self.stage, Range) and isinstance(self.modality, Rescale) and self.modality.slope:
            slope, intercept = self.modality.slope, self.modality.intercept
            return (self.stage.black - intercept) / slope, (self.stage.white - intercept) / slope
        grey = self(values).astype(np.float64)
        between = np.flatnonzero((grey >= STEEP[0]) & (grey <= STEEP[1]))
        first, last = (between[0], between[-1]) if between.size > 1 else (0, len(values) - 1)
        step = (grey[last] - grey[first]) / ((float(values[last]) - float(values[first])) or 1) or 1.0
        black = float(values[first]) - grey[first] / step
        return black, black + 255 / step


def to_grey(data: Any, values: Numbers, as_stored: Range) -> Shown:
    """A function from the values of a file to grey, uint8; `values` are the different ones that its pixels have.

    A table, rescale or window after which all values would look the same counts as absent. Without any of them,
    `as_stored` defines black and white. Raises ImageTooComplex, ImageError.
    """
    modality = first(data, lambda place: _first_distinguishing(_modalities(place, values), values))
    measured = values if modality is None else modality(values)
    shown = first(
        data, lambda place: _first_distinguishing(_windows_and_tables(place, measured), measured, rounded)
    )
    if shown is None and isinstance(modality, Table):
        shown = Range(0, modality.white)
    elif shown is None:  # a rescale gives values a unit; of how they look it tells the direction alone
        shown = Range(as_stored.white, as_stored.black) if _is_inverting(modality) else as_stored
        modality = None
    return Shown(modality, shown)


def rounded(grey: Numbers) -> npt.NDArray[np.uint8]:
    """Round grey from 0 to 255 to uint8; NaN is black."""
    whole: npt.NDArray[np.uint8] = np.rint(np.nan_to_num(grey, nan=0)).astype(np.uint8)
    return whole


def _modalities(place: Any, values: Numbers) -> Iterator[Stage]:
    yield from _tables(place, "ModalityLUTSequence", values)
    slope, intercept = number(place, "RescaleSlope"), number(place, "RescaleIntercept")
    if slope is not None and intercept is not None:
        yield Rescale(slope, intercept)


def _windows_and_tables(place: Any, values: Numbers) -> Iterator[Stage]:
    yield from map(GreyTable, _tables(place, "VOILUTSequence", values))
    function = text(place, "VOILUTFunction")
    for center, width in zip(numbers(place, "WindowCenter"), numbers(place, "WindowWidth"), strict=False):
        if center is not None and width is not None and width > 0:
            yield _window(center, width, function)


def _tables(place: Any, name: str, values: Numbers) -> Iterator[Table]:
    tables = (table(item, float(values.min())) for item in sequence(place, name))
    return (one for one in tables if one is not None)


def _window(center: float, width: float, function: str) -> Stage:
    """The window of the named function, linear by default (PS3.3, C.11.2.1.2 and C.11.2.1.3)."""
    if function == SIGMOID:
        return Sigmoid(center, width)
    # A window narrower than 1 makes no sense for integers, so the values must be meant as real numbers.
    if function == EXACT or width < 1:
        return Range(center - width / 2, center + width / 2)
    if width == 1:
        return Threshold(center - 0.5)
    return Range(center - 0.5 - (width - 1) / 2, center - 0.5 + (width - 1) / 2)


def _first_distinguishing(stages: Iterator[Stage], values: Numbers, seen: Stage = np.asarray) -> Stage | None:
    """The first stage whose results, as `seen`, are not all the same."""
    if values.min() == values.max():
        return next(stages, None)
    return next((stage for stage in stages if np.ptp(seen(stage(values))) > 0), None)


def _is_inverting(modality: Stage | None) -> bool:
    return isinstance(modality, Rescale) and modality.slope < 0
