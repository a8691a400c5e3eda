"""Which modality an upload has: as somebody says, or DICOM, or its format; else as the picture looks.

A picture that looks like another modality than it came as is refused, and never answered by the wrong model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from rest_framework import exceptions, status

from imaging.errors import UnsupportedImage
from imaging.formats import FORMATS, VOLUMES, listed, listed_volumes
from modalities import Profile
from modalities.router import look_at
from webapp.core import modalities
from webapp.scans.models import Scan
from webapp.scans.profile_fields import PIXEL_SIZES, can_be_pixel, check_details, checked_fields, in_sentence

NAMES = {each.media_type: each.name for each in (*VOLUMES, *FORMATS)}
"""The names of formats by their media types."""
PICTURES = tuple(each.name for each in FORMATS)
OF_EYES = ("eye", "eye_in_file")
Pixels = npt.NDArray[np.uint8]


class ModalityRefused(exceptions.APIException):
    """An upload whose modality can't be taken; `fields` names those that can."""

    status_code = status.HTTP_400_BAD_REQUEST
    default_code = "modality_refused"

    def __init__(self, message: str, choices: Sequence[Profile]) -> None:
        super().__init__(message)
        self.fields = {"modality": [each.name for each in choices]}


class ModalityUnclear(ModalityRefused):
    """Nobody says what the picture is, and it doesn't show."""

    default_code = "modality_unclear"


class OtherModality(ModalityRefused):
    """The picture is of another modality than it came as."""

    default_code = "other_modality"


@dataclass(frozen=True)
class Came:
    """What is known of a picture beside its pixels.

    `said` is the modality that the sender names, `dicom` DICOM's Modality, both "" where there is none. `allowed` are the
    modalities of those who send it.
    """

    media_type: str
    dicom: str = ""
    said: str = ""
    allowed: Sequence[str] = ()
    is_volume: bool = False


def modality_of(came: Came, pixels: Pixels) -> Profile:
    """The modality of a picture.

    Raises ModalityRefused, PermissionDenied, ValidationError for an unknown name, and UnsupportedImage for a file of a
    format that does not belong to the modality.
    """
    served, own = modalities.profiles(), modalities.of_user(came.allowed)
    named = _named(came.said, served)
    if named is not None and named not in own:
        raise exceptions.PermissionDenied(_not_yours(named, own))
    if named is not None or len(served) == 1:
        _check_volumes(named or served[0], came, own)
    if len(served) == 1:
        if not own:
            raise exceptions.PermissionDenied(_not_yours(served[0], own))
        _check_format(served[0], came)
        return served[0]
    said_of_file = _of_file(came, served)
    if named is not None and said_of_file is not None and said_of_file != named:
        raise OtherModality(
            _other("The file says that this is {} and not {}.", said_of_file, named, own),
            _sendable(own, said_of_file),
        )
    came_as = named or said_of_file or (own[0] if len(own) == 1 else None)
    looks_like = modalities.named(look_at(pixels, served).said or "")
    if came_as is not None and looks_like is not None and looks_like != came_as:
        raise OtherModality(
            _other("This looks like {} and not like {}.", looks_like, came_as, own),
            _sendable(own, looks_like),
        )
    chosen = came_as or looks_like
    if chosen is None:
        raise ModalityUnclear(_unclear(own), own)
    if chosen not in own:
        raise exceptions.PermissionDenied(_not_yours(chosen, own))
    _check_volumes(chosen, came, own)
    _check_format(chosen, came)
    return chosen


def _check_format(profile: Profile, came: Came) -> None:
    """Raise UnsupportedImage for a file of a format that is not among those of the modality."""
    name = NAMES.get(came.media_type, "")
    # Several files that are sent at once come as a ZIP, too.
    if not profile.formats or name in ("", "ZIP", *profile.formats):
        return
    taken = listed_volumes(among=profile.formats) if came.is_volume else listed(among=profile.formats)
    raise UnsupportedImage(
        f"{name} files are not taken as {a(profile.title)}. Send one of these formats: {taken}."
    )


def _check_volumes(profile: Profile, came: Came, own: Sequence[Profile]) -> None:
    """Raise ModalityRefused for a volume of a modality that has none."""
    if came.is_volume and not profile.volumes:
        raise ModalityRefused(
            f"A file with many pictures is not {a(profile.title)}. Send its pictures one by one.",
            [each for each in own if each.volumes],
        )


def _named(said: str, served: Sequence[Profile]) -> Profile | None:
    if not said:
        return None
    found = next((each for each in served if each.name == said), None)
    if found is None:
        raise exceptions.ValidationError(
            {"modality": [f"Give one of: {', '.join(each.name for each in served)}."]}
        )
    return found


def _of_file(came: Came, served: Sequence[Profile]) -> Profile | None:
    """The one modality that DICOM names, or that has files of this format."""
    by_dicom = [each for each in served if came.dicom in each.dicom]
    if len(by_dicom) == 1:
        return by_dicom[0]
    name = NAMES.get(came.media_type, "")
    having = [each for each in served if _has_format(each, name) and (each.volumes or not came.is_volume)]
    return having[0] if len(having) == 1 else None


def _has_format(profile: Profile, name: str) -> bool:
    return name in (profile.formats or PICTURES)


def format_names(said: str, allowed: Sequence[str]) -> list[str]:
    """The formats to name to somebody who sends something else: of the modality that they say, or of theirs."""
    own = modalities.of_user(allowed)
    meant = [each for each in own if each.name == said] or own
    return [name for name in NAMES.values() if any(_has_format(each, name) for each in meant)]


def _sendable(own: Sequence[Profile], profile: Profile) -> list[Profile]:
    return [profile] if profile in own else []


def _other(says: str, found: Profile, came_as: Profile, own: Sequence[Profile]) -> str:
    """The sentences for a picture that is not what it came as."""
    follows = (
        f"Send it as one: modality={found.name}." if found in own else "Your account doesn't work with these."
    )
    return f"{says.format(a(found.title), a(came_as.title))} {follows}"


def _unclear(own: Sequence[Profile]) -> str:
    choices = ", ".join(f"modality={each.name} ({each.title})" for each in own)
    return f"It doesn't show what kind of picture this is. Send it again with one of: {choices}."


def _not_yours(profile: Profile, own: Sequence[Profile]) -> str:
    titles = " and ".join(in_sentence(each.title) for each in own) or "what is not served here"
    return f"Your account works with {titles}, and not with {in_sentence(profile.title)}. An administrator can change that."


def a(title: str) -> str:
    """A title with its article."""
    text = in_sentence(title)
    return f"{'an' if text[:1].lower() in 'aeiou' else 'a'} {text}"


def check_known(scan: Scan, said: str, allowed: Sequence[str]) -> None:
    """Raise as `modality_of` where a file that was sent before now comes as another modality, or from somebody without it."""
    own, known = modalities.of_user(allowed), modalities.answering(scan.modality)
    if known is None:
        raise ModalityRefused(
            "You have sent this file before, as a kind of picture that is not served here now.", own
        )
    if known not in own:
        raise exceptions.PermissionDenied(_not_yours(known, own))
    named = _named(said, modalities.profiles())
    if named is not None and named != known:
        raise OtherModality(f"You have sent this file before, as {a(known.title)}.", [known])


def said_of(profile: Profile, entered: Mapping[str, Any]) -> dict[str, Any]:
    """What people say of a scan, by the names of its columns, with its modality. Raises ValidationError for what it hasn't."""
    check_details(profile, entered)
    fields = checked_fields(profile, entered.get("fields") or {})
    return {**entered, "modality": profile.name, "fields": fields or None}


def corrected(scan: Scan, values: Mapping[str, Any]) -> dict[str, Any]:
    """New values of a scan's columns, of its `fields` those that are named. Raises ValidationError for what it hasn't."""
    if not {"eye", "fields", *PIXEL_SIZES}.intersection(values):
        return dict(values)
    profile = modalities.answering(scan.modality)
    if profile is None:
        raise exceptions.ValidationError({"fields": ["Pictures of this kind are not served here now."]})
    check_details(profile, values)
    if "fields" not in values:
        return dict(values)
    checked_fields(profile, values["fields"])
    together = {**(scan.fields or {}), **values["fields"]}
    return {**values, "fields": {name: value for name, value in together.items() if value} or None}


def facts_for(profile: Profile, facts: Mapping[str, Any]) -> dict[str, Any]:
    """What a file says that a picture of the modality has, without a size of pixels that none can have."""
    believed = all(can_be_pixel(profile, facts.get(name)) for name in PIXEL_SIZES)
    left_out = (*(() if profile.eye else OF_EYES), *(() if believed else PIXEL_SIZES))
    return {name: value for name, value in facts.items() if name not in left_out}
