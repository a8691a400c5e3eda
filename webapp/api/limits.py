"""The limits of the sizes of bodies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings

FORM_BYTES = 2**20
"""What a form holds beside its file."""


# Where volumes come in.
OF_VOLUMES = ("/api/v1/scans", "/api/v1/volumes")
OF_STUDIES = "/dicomweb/studies"


def limit_of(media_type: str, path: str) -> int:
    """How many bytes a body of that type may have at an address."""
    if media_type == "multipart/form-data":
        volumes = settings.MAX_VOLUME_BYTES if path.rstrip("/") in OF_VOLUMES else 0
        return int(max(settings.MAX_UPLOAD_BYTES, volumes)) + FORM_BYTES
    if media_type == "multipart/related" and path.startswith(OF_STUDIES):
        return int(settings.MAX_VOLUME_BYTES) + FORM_BYTES
    return int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)


def announced_bytes(meta: Mapping[str, Any]) -> int:
    """The length that a request announces for its body; a chunked one has the limit (`webapp.api.chunked`)."""
    announced = str(meta.get("CONTENT_LENGTH") or "0")
    return int(announced) if announced.isascii() and announced.isdecimal() else 0
