"""Parsers of request bodies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework import exceptions, parsers
from rest_framework.utils import json

from webapp.api.once import SEVERAL_FILES, object_of, refuse


class JSONParser(parsers.JSONParser):
    """Reads JSON that names nothing twice. JSON that nests too deep for Python is the caller's error, not ours."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The content of the body. Raises ParseError, and ValidationError for a key that is given twice."""
        encoding = (parser_context or {}).get("encoding", settings.DEFAULT_CHARSET)
        try:
            text = str(stream.read(), encoding)
            content: dict[str, Any] = json.loads(text, object_pairs_hook=object_of)
        except RecursionError as error:
            raise exceptions.ParseError("JSON parse error - it nests too deep.") from error
        except (ValueError, LookupError) as error:  # also for a codec that is none of text, such as base64
            raise exceptions.ParseError(f"JSON parse error - {error}") from error
        return content


class MultiPartParser(parsers.MultiPartParser):
    """Reads a form with one file and each field once."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> parsers.DataAndFiles[Any, Any]:
        """Fields and file. Raises ParseError, and ValidationError for a second file, or a field given twice."""
        given = super().parse(stream, media_type, parser_context)
        files = [name for name, values in given.files.lists() for _ in values]
        if len(files) > 1:
            refuse(files, SEVERAL_FILES)
        fields = dict(given.data.lists())
        refuse(name for name, values in fields.items() if len(values) > 1 or name in files)
        return given
