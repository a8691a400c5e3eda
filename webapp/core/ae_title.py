"""The names by which programs call each other over DICOM's network protocol."""

from __future__ import annotations

from django.core.exceptions import ValidationError

AE_LETTERS = 16


def check_ae_title(text: str) -> None:
    """Raise ValidationError for what is no AE title (PS3.5, AE). The field has the number of letters."""
    if not (text.isascii() and text.isprintable() and "\\" not in text and text == text.strip()):
        raise ValidationError(
            "An AE title has 1 to 16 characters of ASCII without backslash, and no space at its ends."
        )
