"""Fields of requests that take what the API's description says and guess at nothing.

django-rest-framework's own take a number for a text, a text for a number, and a dozen words for yes and no.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

from rest_framework import serializers


class TextField(serializers.CharField):
    """A text."""

    def to_internal_value(self, data: Any) -> str:
        """The text. Raises ValidationError."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class PatternField(TextField, serializers.RegexField):
    """A text of one pattern."""


class TrueFalseField(serializers.BooleanField):
    """true or false."""

    default_error_messages: ClassVar[dict[str, Any]] = {"invalid": "Give true or false."}

    def to_internal_value(self, data: Any) -> bool:
        """The answer. Raises ValidationError."""
        if not isinstance(data, bool):
            self.fail("invalid")
        return data


class WrittenNumberField(serializers.FloatField):
    """A number of a form; one that can be stored, compared and given back: neither endless nor none."""

    def to_internal_value(self, data: Any) -> float:
        """The number. Raises ValidationError."""
        try:
            number = super().to_internal_value(data)
        except OverflowError:
            self.fail("invalid")
        if not math.isfinite(number):
            self.fail("invalid")
        return number


class NumberField(WrittenNumberField):
    """A number of a JSON body."""

    def to_internal_value(self, data: Any) -> float:
        """The number. Raises ValidationError."""
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("invalid")
        return super().to_internal_value(data)
