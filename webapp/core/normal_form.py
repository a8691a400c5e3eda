"""One normal form for every text by which something is known: é is one letter, however it was typed.

Unicode has several ways to write the same letters. Texts are stored, looked up and searched in the composed form (NFC),
names of accounts in the compatible one (NFKC), as Django's own forms have it.
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
    """The password in its normal form, then as it was given and decomposed, where these are others.

    Passwords were hashed as they came once, and a hash can't be brought into another form.
    """
    forms = (normal(password), password, unicodedata.normalize("NFD", password))
    return tuple(dict.fromkeys(forms))


class NormalCharField(models.CharField[str, str]):
    """A text that is stored and looked up in its normal form. For migrations it is a CharField, as what is stored is."""

    def __init__(self, *given: Any, form: Form = "NFC", **named: Any) -> None:
        super().__init__(*given, **named)
        self.form = form

    def deconstruct(self) -> Any:
        """What migrations write down: a CharField."""
        name, _, given, named = super().deconstruct()
        return name, "django.db.models.CharField", given, named

    def clean(self, value: Any, model_instance: models.Model | None) -> Any:
        """The normal form, which is what is checked."""
        return super().clean(normal(value, self.form) if isinstance(value, str) else value, model_instance)

    def get_prep_value(self, value: Any) -> Any:
        """The normal form, for the database."""
        prepared = super().get_prep_value(value)
        return normal(prepared, self.form) if isinstance(prepared, str) else prepared

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """The normal form, which the instance has from then on, too: what a record tells of it is what is stored."""
        value = super().pre_save(model_instance, add)
        if isinstance(value, str):
            value = normal(value, self.form)
            setattr(model_instance, self.attname, value)
        return value


class _Searched:
    """A search for a part of a text, which Django does not prepare as it does the whole text."""

    def get_prep_lookup(self) -> Any:
        """The part in its normal form."""
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
