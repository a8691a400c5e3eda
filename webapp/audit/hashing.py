"""Hashes of documents and of records: the sha256 of their canonical JSON.

Canonical is what `json.dumps` makes with sorted keys, no blanks and UTF-8; times are UTC in ISO 8601 with
milliseconds, which is what MongoDB keeps, and ids are their hexadecimal text.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, TypeVar

from django.db import models

from webapp.audit.models import Facts, Record

Document = TypeVar("Document", bound=models.Model)

GENESIS = "0" * 64
"""The `previous` of the first record."""
FACTS = tuple(field.attname for field in Facts._meta.local_fields)
LATER = {"actor_name", "scan_ids", "asked", "hashing"}
"""Fields that later versions added. They are hashed only where they have a value, so that older hashes hold."""
HASHING = 1
"""The version of how documents are hashed. Version 0 hashed all fields, so that its hashes can't be reproduced."""

NONE: Mapping[str, Any] = MappingProxyType({})

_audited: dict[str, Audited] = {}


@dataclass(frozen=True)
class Audited:
    """A kind of document that the audit covers: `kind` is its word in records, `apart` are fields without a hash.

    `before` has the values that a migration gave to the documents that there were.
    """

    kind: str
    model: type[models.Model]
    apart: frozenset[str]
    before: Mapping[str, Any]


def audited(
    kind: str, apart: Iterable[str] = (), before: Mapping[str, Any] = NONE
) -> Callable[[type[Document]], type[Document]]:
    """Class decorator: `audit verify --objects` compares the model's documents with their records.

    `apart` are fields that change without a record, because they count something or follow from other documents. `before`
    names fields that a later version added with another value than nothing, and the value: it is left out, so that the
    hashes of the documents from before hold.
    """

    def enter(model: type[Document]) -> type[Document]:
        _audited[kind] = Audited(kind, model, frozenset(apart), before)
        return model

    return enter


def audited_kinds() -> tuple[Audited, ...]:
    """All kinds of documents that the audit covers."""
    return tuple(_audited.values())


def canonical_sha256(value: Any) -> str:
    """The sha256 of a value of dictionaries, lists, texts, numbers, times and ids."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_as_text)
    # A lone surrogate, which JSON can carry, is no valid UTF-8.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def document_sha256(document: models.Model) -> str:
    """The sha256 of a document's stored values, by the names of its fields; the same before saving and after loading.

    It leaves out the fields declared as `apart`, and those that are empty, false or zero, or as declared in `before`: a
    field that a later version adds is so in all documents from before, and leaves their hashes as they were.
    """
    known = next((entry for entry in _audited.values() if type(document) is entry.model), None)
    values = {
        field.attname: field.to_python(getattr(document, field.attname))
        for field in document._meta.concrete_fields
        if known is None or field.attname not in known.apart
    }
    before = known.before if known else NONE
    return canonical_sha256(
        {name: value for name, value in values.items() if value and value != before.get(name)}
    )


def record_sha256(record: Record, number: int | None = None) -> str:
    """The hash that seals a record: of its facts, its number (or `number`, if given), and the hash before."""
    values = {name: getattr(record, name) for name in FACTS if name not in LATER or getattr(record, name)}
    number = record.number if number is None else number
    return canonical_sha256(values | {"number": number, "previous": record.previous})


def _as_text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds")
    return str(value)
