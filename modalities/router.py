"""Which modality a picture looks like: one that is known, another one, or a doubt that a person settles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from imaging.pixels import Rgb
from modalities import look
from modalities.features import Features, features
from modalities.profile import Profile
from modalities.reading import profiles

OTHER = "other"
FITS = 1.05
"""A picture lies within so many limits of the look that it belongs to."""
CLEARLY = 1.2
"""And all other looks are so many times as far. None of them is nearer to the picture turned or inverted."""
STRANGE = 1.5
"""A picture that lies beyond so many limits of every look belongs to none of them."""


@dataclass(frozen=True)
class Seen:
    """What the router says of a picture."""

    said: str | None
    """The name of a modality, OTHER for a picture of none of them, None when unsure."""
    distances: Mapping[str, float]
    """How far the picture lies from each look: within 1 lie nearly all that belong to it."""


def look_at(pixels: Rgb, among: Iterable[Profile] | None = None) -> Seen:
    """Say which of the modalities a picture looks like; without `among`, of those of this installation.

    A modality without a look is never said, and where there is one, neither is OTHER. Raises ProfileError for a look
    that can't be read.
    """
    known = tuple(profiles() if among is None else among)
    looks = {each.name: _look(each.look_path) for each in known if each.look_path.is_file()}
    return judged(features(pixels), looks, is_complete=len(looks) == len(known))


def judged(measured: Features, looks: Mapping[str, look.Look], is_complete: bool = True) -> Seen:
    """The same for a picture that is measured; `is_complete` if there is a look for every modality."""
    distances = {name: each.distance(measured) for name, each in looks.items()}
    return Seen(_said(measured, looks, distances, is_complete), distances)


def _said(
    measured: Features, looks: Mapping[str, look.Look], distances: Mapping[str, float], is_complete: bool
) -> str | None:
    if not distances:
        return None
    nearest = min(distances, key=lambda name: distances[name])
    far = distances[nearest]
    if far > STRANGE:
        return OTHER if is_complete else None
    others = [name for name in looks if name != nearest]
    if far > FITS or any(distances[name] < CLEARLY * far for name in others):
        return None
    if any(looks[name].turned(measured) < far for name in others):
        return None
    return nearest


@cache
def _look(path: Path) -> look.Look:
    return look.read(path)
