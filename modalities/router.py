"""Which modality a picture looks like: one that is known, another one, or a doubt that a person settles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from modalities.features import Features, features
from modalities.look import Likeness, read
from modalities.profile import Profile
from modalities.reading import profiles

OTHER = "other"
"""What is said of a picture of none of the modalities."""
FITS = 1.05
"""A picture lies within so many limits of the look that it belongs to."""
APART, APART_AT_THE_LIMIT = 1.1, 1.4
"""All other looks are so many times as far, and the more so the nearer a picture is to the limit of its own."""
STRANGE = 1.5
"""A picture beyond so many limits of every look belongs to none."""


@dataclass(frozen=True)
class Look:
    """What a picture looks like: `said` is the name of a modality, OTHER, or None where that is not sure."""

    said: str | None
    distances: Mapping[str, float] = field(default_factory=dict)
    """How far it lies from each look: within 1 lie nearly all pictures that belong to it."""


def look_at(pixels: npt.NDArray[np.uint8], among: Iterable[Profile] | None = None) -> Look:
    """What grey (height, width) or RGB (height, width, 3) pixels look like, among these profiles; without, among all.

    A modality without a look is never said, and where there is one, neither is OTHER. Raises ProfileError for a look
    that can't be read.
    """
    known = tuple(profiles() if among is None else among)
    looks = {each.name: found for each in known if (found := look_of(each)) is not None}
    return judged(features(pixels), looks, is_complete=len(looks) == len(known))


def look_of(profile: Profile) -> Likeness | None:
    """The look of a modality, None if it has none. Raises ProfileError for one that can't be read."""
    try:
        written_at = profile.look_path.stat().st_mtime_ns
    except FileNotFoundError:
        return None
    return _look(profile.look_path, written_at)


def judged(measured: Features, looks: Mapping[str, Likeness], is_complete: bool = True) -> Look:
    """The same for a picture that is measured; `is_complete` if there is a look for every modality."""
    distances = {name: each.distance(measured) for name, each in looks.items()}
    return Look(_said(measured, looks, distances, is_complete), distances)


def _said(
    measured: Features, looks: Mapping[str, Likeness], distances: Mapping[str, float], is_complete: bool
) -> str | None:
    if not distances:
        return None
    nearest = min(distances, key=lambda name: distances[name])
    far = distances[nearest]
    if far > STRANGE:
        return OTHER if is_complete else None
    apart = max(APART * far, APART_AT_THE_LIMIT * far**2)
    others = [name for name in looks if name != nearest]
    if far > FITS or any(distances[name] < apart for name in others):
        return None
    # An X-ray that lies on its side has horizontal layers.
    if any(looks[name].turned(measured) < far for name in others):
        return None
    return nearest


@lru_cache(maxsize=64)
def _look(path: Path, written_at: Any) -> Likeness:
    return read(path)
