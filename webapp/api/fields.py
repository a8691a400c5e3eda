"""Fields of requests that accept what the API's description says, and nothing else.

Those of django-rest-framework accept a number as a text, a text as a number, and a dozen words for true and false.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

from rest_framework import serializers

from webapp.core import modalities
from webapp.core.normal_form import normal


def has_plain_digits(data: Any) -> bool:
    """Whether a text has no digits but 0 to 9; true for what is no text.

    Python's conversions accept digits of all scripts, and underscores between them.
    """
    return not isinstance(data, str) or (data.isascii() and "_" not in data)


class TypedField(serializers.CharField):
    """A text as it was typed, such as a password."""

    def to_internal_value(self, data: Any) -> str:
        """The text. Raises ValidationError."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class TextField(TypedField):
    """A text, in its normal form."""

    def to_internal_value(self, data: Any) -> str:
        """The text. Raises ValidationError."""
        return normal(super().to_internal_value(data))


class PatternField(TextField, serializers.RegexField):
    """A text of one pattern; `says` is the sentence for whoever sends another."""

    def __init__(self, pattern: str, *, says: str, **kwargs: Any) -> None:
        super().__init__(pattern, error_messages={"invalid": says}, **kwargs)


class ModalityField(TextField):
    """The name of a modality that is installed: scans of one that is not served now are shown, too."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "unknown": "There is no modality of this name. There are: {names}."
    }

    def to_internal_value(self, data: Any) -> str:
        """The name. Raises ValidationError."""
        name = super().to_internal_value(data)
        if modalities.installed(name) is None:
            self.fail("unknown", names=", ".join(each.name for each in modalities.profiles()))
        return name


class TrueFalseField(serializers.BooleanField):
    """true or false."""

    default_error_messages: ClassVar[dict[str, Any]] = {"invalid": "Give true or false."}

    def to_internal_value(self, data: Any) -> bool:
        """The answer. Raises ValidationError."""
        if not isinstance(data, bool):
            self.fail("invalid")
        return data


class WrittenNumberField(serializers.FloatField):
    """A finite number that is written in a form; infinity and NaN can't be stored, compared and returned."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "invalid": "Write a number with a point for the decimals and nothing between thousands, such as 11.3."
    }

    def to_internal_value(self, data: Any) -> float:
        """The number. Raises ValidationError."""
        if not has_plain_digits(data):
            self.fail("invalid")
        try:
            number = super().to_internal_value(data)
        except OverflowError:
            self.fail("invalid")
        if not math.isfinite(number):
            self.fail("invalid")
        return number


class NumberField(WrittenNumberField):
    """A finite number of a JSON body."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "invalid": "Give a finite number, such as 11.3, and no text."
    }

    def to_internal_value(self, data: Any) -> float:
        """The number. Raises ValidationError."""
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("invalid")
        return super().to_internal_value(data)


class WrittenCountField(serializers.IntegerField):
    """A whole number that is written in the query of an address."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "invalid": "Write a whole number in digits, such as 50."
    }

    def to_internal_value(self, data: Any) -> int:
        """The number. Raises ValidationError."""
        if not has_plain_digits(data):
            self.fail("invalid")
        return super().to_internal_value(data)
