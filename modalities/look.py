"""What the pictures of a modality look like: a file `look.json`, made from pictures of that modality alone.

A look holds the mean of their features, the few ways in which they differ most, and how far a picture of the same kind lies
from that: measured on pictures that were left out. How far another picture lies is given as a share of it.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, Field, TypeAdapter
from pydantic.dataclasses import dataclass as record

from handlers.checks import STRICT, FieldError, Positive, content_sha256, must_be, read_json
from modalities.features import CELLS, DIRECTIONS, EDGE_BLURS, TILES, Features
from modalities.profile import ProfileError

Array = npt.NDArray[np.float64]

VERSION = 1
"""Of the features: a look of another version has to be made anew."""
FORM_LENGTH, GRAIN_LENGTH = TILES**2 + len(EDGE_BLURS) * CELLS**2 * DIRECTIONS, 5
MOST_WAYS = 24
LEAST_FORM, LEAST_GRAIN = 1e-5, 4e-4
"""Variance of a number beside the ways in which pictures differ, at least."""
LEAST_PICTURES = 20
FOLDS = 3
WITHIN = 99.5
"""Percentage of the pictures left out that lie within the limit."""
GRAIN_LEEWAY = 1.5
"""Grain differs between devices, of which a folder of pictures knows few."""
FEW = 10
"""So many pictures are too few to say how far others lie: the limit is raised by their share of all."""
BLOCKS = 60
"""Pictures of one patient stand beside each other by their names; they are left out together, in so many blocks."""


def _floats(text: str) -> str:
    try:
        np.frombuffer(base64.b64decode(text, validate=True), "<f2")
    except ValueError as error:
        raise must_be("numbers of 16 bits in Base64") from error
    return text


Base64 = Annotated[str, AfterValidator(_floats)]


@record(frozen=True, config=STRICT)
class Part:
    """Where pictures of a kind lie: `ways` are unit vectors (count, length), packed as are `mean` and `spreads`."""

    mean: Base64
    ways: Base64
    spreads: Base64
    rest: Positive
    """Standard deviation along each of all other directions."""
    limit: Positive
    """The distance at which a picture is only just one of them."""


@record(frozen=True, config=STRICT)
class LookFile:
    """A look as it is written."""

    version: Annotated[int, Field(ge=1)]
    pictures: Annotated[int, Field(ge=1)]
    """How many it was made from."""
    pictures_sha256: str
    """Of their features, to tell whether it was made from the same ones."""
    form: Part
    grain: Part


@dataclass(frozen=True)
class Nearness:
    """A part, unpacked."""

    mean: Array
    ways: Array
    spreads: Array
    rest: float
    limit: float

    def of(self, measured: npt.NDArray[Any]) -> Array:
        """How far rows of numbers lie from the mean, as shares of the limit."""
        away = np.atleast_2d(measured) - self.mean
        along = away @ self.ways.T
        rest = np.maximum((away**2).sum(1) - (along**2).sum(1), 0)
        squares = (along**2 / (self.spreads**2 + self.rest**2)).sum(1) + rest / self.rest**2
        return np.asarray(np.sqrt(squares / len(self.mean)) / self.limit)


@dataclass(frozen=True)
class Likeness:
    """A look, unpacked."""

    form: Nearness
    grain: Nearness

    def distance(self, measured: Features) -> float:
        """How far a picture lies: up to 1 it is like nearly all those of the modality."""
        return float(max(self.form.of(measured.form)[0], self.grain.of(measured.grain)[0]))

    def turned(self, measured: Features) -> float:
        """The least such distance of the picture turned by quarters or inverted."""
        return float(
            max(self.form.of(np.stack(list(measured.poses()))).min(), self.grain.of(measured.grain)[0])
        )


def read(path: Path) -> Likeness:
    """The look in a file. Raises ProfileError."""
    try:
        found = read_json(TypeAdapter(LookFile), path.read_bytes(), "the look")
        if found.version != VERSION:
            raise FieldError(
                f"version must be {VERSION}, not {found.version}: make it anew with ./retinote modality look"
            )
        return Likeness(
            _unpacked(found.form, "form", FORM_LENGTH), _unpacked(found.grain, "grain", GRAIN_LENGTH)
        )
    except (OSError, FieldError) as error:
        raise ProfileError(f"{path}: {error}") from error


def made(pictures: Sequence[Features]) -> LookFile:
    """The look of pictures, in an order in which those that belong together stand together. Raises ProfileError."""
    if len(pictures) < LEAST_PICTURES:
        raise ProfileError(
            f"A look takes {LEAST_PICTURES} pictures or more, and there are {len(pictures)}; some hundreds are better."
        )
    forms, grains = (
        np.stack(rows).astype(np.float64)
        for rows in zip(*((each.form, each.grain) for each in pictures), strict=True)
    )
    return LookFile(
        version=VERSION,
        pictures=len(pictures),
        pictures_sha256=content_sha256([row.round(3).tolist() for row in forms]),
        form=_packed(_fitted(forms, LEAST_FORM)),
        grain=_packed(_fitted(grains, LEAST_GRAIN, GRAIN_LEEWAY)),
    )


def _fitted(rows: Array, least: float, leeway: float = 1.0) -> Nearness:
    fold = _folds(len(rows))
    left_out = [_described(rows[fold != each], least).of(rows[fold == each]) for each in range(FOLDS)]
    whole = _described(rows, least)
    limit = float(np.percentile(np.concatenate(left_out), WITHIN)) * leeway * (1 + FEW / len(rows))
    return Nearness(whole.mean, whole.ways, whole.spreads, whole.rest, limit)


def _folds(count: int) -> npt.NDArray[np.int64]:
    """The fold of each picture: the same for all of a block."""
    blocks = min(BLOCKS, count)
    drawn = np.random.default_rng(0).permutation(blocks) % FOLDS
    return np.asarray(drawn[np.arange(count) * blocks // count])


def _described(rows: Array, least: float) -> Nearness:
    """The mean and the ways of rows, with a limit of 1."""
    mean = rows.mean(0)
    _, spreads, ways = np.linalg.svd(rows - mean, full_matrices=False)
    variances = spreads**2 / len(rows)
    count = min(MOST_WAYS, len(rows) // 4, rows.shape[1])
    beside = rows.shape[1] - count
    rest = variances[count:].sum() / beside if beside else 0.0
    return Nearness(mean, ways[:count], np.sqrt(variances[:count]), float(np.sqrt(max(rest, least))), 1.0)


def _packed(found: Nearness) -> Part:
    return Part(
        mean=_text(found.mean),
        ways=_text(found.ways),
        spreads=_text(found.spreads),
        rest=round(found.rest, 6),
        limit=round(found.limit, 6),
    )


def _unpacked(part: Part, name: str, length: int) -> Nearness:
    mean, ways, spreads = (_numbers(text) for text in (part.mean, part.ways, part.spreads))
    if len(mean) != length or len(ways) != length * len(spreads):
        raise FieldError(f"{name} has {len(mean)} numbers, and {length} are measured")
    return Nearness(mean, ways.reshape(-1, length), spreads, part.rest, part.limit)


def _text(numbers: Array) -> str:
    return base64.b64encode(numbers.astype("<f2").tobytes()).decode()


def _numbers(text: str) -> Array:
    return np.frombuffer(base64.b64decode(text), "<f2").astype(np.float64)
