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
from modalities.reading import BUNDLED, guideline_of

BEFORE = "oct"
"""The modality of all that was stored before there were others."""


def profiles() -> tuple[Profile, ...]:
    """The modalities in their order, the default first. Raises ProfileError."""
    return _served(
        settings.MODALITIES, settings.MODEL_NAME, tuple(settings.MODELS), tuple(settings.STORED_MODELS)
    )


def named(name: str) -> Profile | None:
    """The modality of that name, None for one that isn't served."""
    return next((each for each in profiles() if each.name == name), None)


def default() -> Profile:
    """The modality of scans of which nothing says another."""
    return profiles()[0]


def installed(name: str) -> Profile | None:
    """The modality of that name, be it served or not; None for one that was taken away."""
    found = (each for each in modalities.profiles(settings.MODALITIES) if each.name == name)
    return named(name) or next(found, None)


def answering(name: str | None) -> Profile | None:
    """The modality of a stored scan, as its document has it; None while it isn't served, so that no model answers."""
    return named(name or BEFORE)


def of_scan(name: str | None) -> Profile:
    """How a stored scan is shown: by its modality, also while that isn't served; by the default one if it was taken away."""
    return installed(name or BEFORE) or default()


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


def models() -> tuple[str, ...]:
    """The names of the models that answer here, the default modality's first."""
    return tuple(each.model for each in profiles())


def without_model() -> tuple[Profile, ...]:
    """The modalities of the installation's own folder that are to be served, and whose models are in no store."""
    return tuple(
        each
        for each in profiles()
        if settings.STORED_MODELS and each.model not in settings.STORED_MODELS and not _comes_along(each)
    )


def _comes_along(profile: Profile) -> bool:
    return profile.folder.parent == BUNDLED


@lru_cache(maxsize=32)
def _served(
    more: Path | None, default_model: str, models: tuple[str, ...], stored: tuple[str, ...]
) -> tuple[Profile, ...]:
    first, *others = modalities.profiles(more)
    # What comes along is left out where its model does not: an installation may have its own store.
    there = [each for each in others if not stored or each.model in stored or not _comes_along(each)]
    found = [replace(first, model=default_model), *there]
    return tuple(each for each in found if not models or each.model in models) or (found[0],)
