"""The modalities that this installation serves: those of its folders, with the model that the settings name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from django.conf import settings

import modalities
from modalities.guideline import Guideline
from modalities.profile import Profile
from modalities.reading import guideline_of

BEFORE = "oct"
"""The modality of all that was stored before there were others."""


def profiles() -> tuple[Profile, ...]:
    """The modalities in their order, the default first. Raises ProfileError."""
    return _served(settings.MODALITIES, settings.MODEL_NAME, tuple(settings.MODELS))


def named(name: str) -> Profile | None:
    """The modality of that name, None for one that isn't served."""
    return next((each for each in profiles() if each.name == name), None)


def default() -> Profile:
    """The modality of scans of which nothing says another."""
    return profiles()[0]


def of_scan(name: str | None) -> Profile:
    """How a stored scan is shown: by its modality, and by the default one where that isn't served here now."""
    return named(name or BEFORE) or default()


def model_of(name: str) -> str:
    """The name of the model that answers scans of a modality; "" for one that isn't served."""
    found = named(name) if name else default()
    return found.model if found else ""


def of_user(names: Sequence[str]) -> tuple[Profile, ...]:
    """The modalities with these names, all for none: those that a user works with."""
    return tuple(each for each in profiles() if not names or each.name in names)


def of_model(model_name: str) -> Profile | None:
    """The modality whose model has that name, None for any other."""
    return next((each for each in profiles() if each.model == model_name), None)


def guideline_for(model_name: str) -> Guideline | None:
    """The guideline that was written for a model of that name, None without one. Raises GuidelineError.

    Another model that answers in its place (RETINOTE_MODEL_NAME) has none: its labels may mean something else.
    """
    found = modalities.of_model(model_name, settings.MODALITIES)
    return guideline_of(found) if found else None


@lru_cache(maxsize=32)
def _served(more: Path | None, default_model: str, models: tuple[str, ...]) -> tuple[Profile, ...]:
    first, *others = modalities.profiles(more)
    found = [replace(first, model=default_model), *others]
    return tuple(each for each in found if not models or each.model in models) or (found[0],)
