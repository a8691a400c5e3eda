"""The fields that scans of a modality have beside those of every scan: what people say of them, checked by its profile."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.fields import empty

from modalities import Profile
from webapp.api.fields import TextField
from webapp.core import numbers

MOST_FIELDS = 40
PIXEL_SIZES = ("micrometres_x", "micrometres_y")


class FieldsField(serializers.DictField):
    """Values by the names of fields. In a form each has its own, `fields.view=PA`, or `fields` is JSON."""

    def __init__(self, **options: Any) -> None:
        super().__init__(child=TextField(max_length=40, allow_blank=True), **options)

    def get_value(self, dictionary: Mapping[Any, Any]) -> Any:
        """The values; of a form, those of all fields whose names begin so."""
        if not hasattr(dictionary, "getlist"):
            return dictionary.get(self.field_name, empty)
        begins = f"{self.field_name}."
        given = {
            name.removeprefix(begins): dictionary[name] for name in dictionary if name.startswith(begins)
        }
        return given or _of_json(dictionary.get(self.field_name, empty))


def _of_json(given: Any) -> Any:
    """What a form's text says in JSON, as OpenAPI has it for objects in forms; anything else as it is."""
    if not isinstance(given, str):
        return given
    try:
        return json.loads(given)
    except (ValueError, RecursionError):
        return given


def checked_fields(profile: Profile, given: Mapping[str, str]) -> dict[str, str]:
    """What was given, without what is empty. Raises ValidationError for what scans of the modality don't have."""
    wrong = {}
    known = {each.name: each for each in profile.fields}
    for name, value in given.items():
        if name not in known:
            wrong[name[:MOST_FIELDS]] = [f"Scans of {in_sentence(profile.title)} have no such field."]
        elif value and value not in known[name].titles:
            wrong[name] = [f"Give one of: {', '.join(known[name].titles)}."]
    if wrong:
        raise serializers.ValidationError({"fields": wrong})
    return {name: value for name, value in given.items() if value}


def check_details(profile: Profile, entered: Mapping[str, Any]) -> None:
    """Raise ValidationError for what a picture of the modality can't have: an eye, or pixels of this size."""
    if entered.get("eye") and not profile.eye:
        raise serializers.ValidationError({"eye": [f"Scans of {in_sentence(profile.title)} have no eye."]})
    least, most = (
        numbers.length_in(value, profile.units.size)
        for value in (profile.units.least_pixel, profile.units.most_pixel)
    )
    wrong = {
        name: [f"In {in_sentence(profile.title)}, a pixel has from {least} to {most}."]
        for name in PIXEL_SIZES
        if not can_be_pixel(profile, entered.get(name))
    }
    if wrong:
        raise serializers.ValidationError(wrong)


def can_be_pixel(profile: Profile, size: float | None) -> bool:
    """Whether a pixel of the modality can be so wide or high, in micrometres; true for what nobody knows."""
    return size is None or profile.units.least_pixel <= size <= profile.units.most_pixel


def in_sentence(title: str) -> str:
    """A title inside of a sentence: "Chest X-ray" is "chest X-ray", and "OCT" stays."""
    return title if title[1:2].isupper() else title[:1].lower() + title[1:]
