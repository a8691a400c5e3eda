"""Hashes of documents and of records: the sha256 of their canonical JSON.

Canonical is what `json.dumps` makes with sorted keys, no blanks and UTF-8; times are UTC in ISO 8601 with
milliseconds, which is what MongoDB keeps, and ids are their hexadecimal text.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from django.db import models

from webapp.audit.models import Facts, Record

GENESIS = "0" * 64
"""What the first record has in place of the hash of the record before."""
FACTS = tuple(field.attname for field in Facts._meta.local_fields)


def canonical_sha256(value: Any) -> str:
    """The sha256 of a value of dictionaries, lists, texts, numbers, times and ids."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_as_text)
    # Half of a character pair, which JSON can carry, is no UTF-8.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def document_sha256(document: models.Model) -> str:
    """The sha256 of a document's stored values by the names of its fields: what was saved gives what is read back."""
    values = {
        field.attname: field.to_python(getattr(document, field.attname))
        for field in document._meta.concrete_fields
    }
    return canonical_sha256(values)


def record_sha256(record: Record, number: int | None = None) -> str:
    """The hash that seals a record: of all it says, its number (another one when given), and the hash before."""
    values = {name: getattr(record, name) for name in FACTS}
    number = record.number if number is None else number
    return canonical_sha256(values | {"number": number, "previous": record.previous})


def _as_text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds")
    return str(value)
