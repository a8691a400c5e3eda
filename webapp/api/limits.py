"""The limits of the sizes of bodies."""

from __future__ import annotations

from django.conf import settings

# What a form holds beside its file.
FORM_BYTES = 2**20


def limit_of(media_type: str) -> int:
    """How many bytes a body of that type may have."""
    if media_type == "multipart/form-data":
        return int(settings.MAX_UPLOAD_BYTES) + FORM_BYTES
    return int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
