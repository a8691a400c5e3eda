"""One Unicode normal form for every text that is looked up: é is one letter, however it was typed.

Texts are stored, looked up and searched in the composed form (NFC), names of accounts in the compatibility form (NFKC),
as Django's own forms do.
"""

from __future__ import annotations

import unicodedata
from typing import Any, Literal, cast

from django.db import models
from django.db.models import lookups

Form = Literal["NFC", "NFKC"]


def normal(text: str, form: Form = "NFC") -> str:
    """The text in its normal form."""
    return unicodedata.normalize(form, text)


def ways_to_write(password: str) -> tuple[str, ...]:
    """The password in its normal form, then as it was given, then decomposed, without repeats.

    Earlier versions hashed passwords as they came, and a hash can't be normalised.
    """
    forms = (normal(password), password, unicodedata.normalize("NFD", password))
    return tuple(dict.fromkeys(forms))


class NormalCharField(models.CharField[str, str]):
    """A text that is stored and looked up in its normal form. In migrations it is a CharField."""

    def __init__(self, *given: Any, form: Form = "NFC", **named: Any) -> None:
        super().__init__(*given, **named)
        self.form = form

    def deconstruct(self) -> Any:
        """The field as migrations write it: a CharField."""
        name, _, given, named = super().deconstruct()
        return name, "django.db.models.CharField", given, named

    def clean(self, value: Any, model_instance: models.Model | None) -> Any:
        """Validate the text in its normal form, and return it."""
        return super().clean(normal(value, self.form) if isinstance(value, str) else value, model_instance)

    def get_prep_value(self, value: Any) -> Any:
        """The text in its normal form, for the database."""
        prepared = super().get_prep_value(value)
        return normal(prepared, self.form) if isinstance(prepared, str) else prepared

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """The text in its normal form, which the instance gets, too, so that audit records match the database."""
        value = super().pre_save(model_instance, add)
        if isinstance(value, str):
            value = normal(value, self.form)
            setattr(model_instance, self.attname, value)
        return value


class _Searched:
    """Normalises the text of partial lookups, which Django does not pass through `get_prep_value`."""

    def get_prep_lookup(self) -> Any:
        """The searched text in its normal form."""
        given = cast(Any, super()).get_prep_lookup()
        return normal(given, cast(Any, self).lhs.output_field.form) if isinstance(given, str) else given


for _lookup in (
    lookups.IExact,
    lookups.Contains,
    lookups.IContains,
    lookups.StartsWith,
    lookups.IStartsWith,
    lookups.EndsWith,
    lookups.IEndsWith,
):
    NormalCharField.register_lookup(type(f"Normal{_lookup.__name__}", (_Searched, _lookup), {}))
