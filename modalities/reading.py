"""Reads the modalities of an installation: those that come along, and those in the folder of RETINOTE_MODALITIES."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

from handlers.checks import FieldError, read_values
from modalities.guideline import Guideline, GuidelineError, read
from modalities.profile import GUIDELINE_NAME, PROFILE_NAME, Profile, ProfileError

BUNDLED = Path(__file__).parent
VARIABLE = "RETINOTE_MODALITIES"


def profiles(more: Path | None = None) -> tuple[Profile, ...]:
    """The modalities of this installation in their order, read once. Raises ProfileError.

    `more` is a folder of further ones; without it the one that RETINOTE_MODALITIES names.
    """
    named = os.environ.get(VARIABLE, "")
    return _read_once(more or (Path(named) if named else None))


def profile(name: str, more: Path | None = None) -> Profile:
    """The modality of that name. Raises KeyError and ProfileError."""
    found = next((each for each in profiles(more) if each.name == name), None)
    if found is None:
        raise KeyError(f"There is no modality {name!r}.")
    return found


def of_model(model_name: str, more: Path | None = None) -> Profile | None:
    """The modality whose model has that name, None for any other. Raises ProfileError."""
    return next((each for each in profiles(more) if each.model == model_name), None)


def default(more: Path | None = None) -> Profile:
    """The first modality: that of scans of which nobody says another. Raises ProfileError."""
    return profiles(more)[0]


def guideline_of(found: Profile) -> Guideline:
    """The recommendations of a modality, read once. Raises GuidelineError."""
    return _guideline(found.guideline_path)


def read_folders(folders: Iterable[Path]) -> tuple[Profile, ...]:
    """The modalities in these folders, in their order. Raises ProfileError for the first that can't be used."""
    found = sorted((read_profile(folder) for folder in folders), key=lambda each: (each.order, each.name))
    for place, each in enumerate(found):
        for other in found[:place]:
            if each.name == other.name:
                raise ProfileError(f"{each.folder}: {other.folder} is a modality of the same name")
            if each.model == other.model:
                raise ProfileError(
                    f"{each.folder / PROFILE_NAME}: model: {other.name} has the model {each.model}, too, and a model "
                    "belongs to one modality"
                )
    if not found:
        raise ProfileError("there is no modality")
    return tuple(found)


def read_profile(folder: Path) -> Profile:
    """The profile in a folder. Raises ProfileError."""
    path = folder / PROFILE_NAME
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        if own := {"name", "folder"}.intersection(content):
            raise FieldError(f"field {min(own)} is not known")
        known = {**content, "name": folder.name, "folder": str(folder)}
        found = read_values(TypeAdapter(Profile), known, "the profile")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, FieldError) as error:
        raise ProfileError(f"{path}: {error}") from error
    return found


def problems(more: Path | None = None) -> Iterator[str]:
    """What is wrong with the modalities of this installation, as sentences.

    It is what keeps profiles from being read; and whether there are the file formats that they name, a step in the
    guideline for each label, and a look that can be read, where there is one.
    """
    from modalities.look import read as read_look  # OpenCV takes a moment to load

    try:
        found = profiles(more)
    except ProfileError as error:
        yield str(error)
        return
    for each in found:
        if strange := next((name for name in each.formats if name not in _formats()), None):
            known = ", ".join(_formats())
            yield f"{each.folder / PROFILE_NAME}: formats: {strange!r} is no format; these are: {known}"
        try:
            if each.look_path.exists():
                read_look(each.look_path)
        except ProfileError as error:
            yield str(error)
        try:
            steps = guideline_of(each).steps
        except GuidelineError as error:
            yield str(error)
            continue
        if missing := [label for label in each.labels if label not in steps]:
            yield f"{each.folder / GUIDELINE_NAME}: labels: {', '.join(missing)} has no step, and the profile names it"


def folders_of(more: Path | None) -> list[Path]:
    """The folders of the modalities that come along, and of those in `more`. Raises ProfileError."""
    bundled = [path.parent for path in BUNDLED.glob(f"*/{PROFILE_NAME}")]
    if more is None:
        return sorted(bundled)
    if not more.is_dir():
        raise ProfileError(f"{VARIABLE}: {more} is not a folder")
    # A folder without a profile is a mistake, and not something else.
    return sorted(bundled) + sorted(
        path for path in more.iterdir() if path.is_dir() and path.name[0] not in "._"
    )


@cache
def _guideline(path: Path) -> Guideline:
    return read(path)


@cache
def _read_once(more: Path | None) -> tuple[Profile, ...]:
    return read_folders(folders_of(more))


@cache
def _formats() -> tuple[str, ...]:
    from imaging.formats import FORMATS, VOLUMES  # its readers take a moment to load

    return tuple(each.name for each in (*FORMATS, *VOLUMES))
