"""Brings texts that earlier versions stored as they were typed into the normal form of today."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import partial

from django.db import IntegrityError, models

from webapp.audit.hashing import Audited, audited_kinds
from webapp.audit.models import Action
from webapp.audit.objects import is_as_recorded
from webapp.audit.recording import SYSTEM, record
from webapp.core.normal_form import NormalCharField, normal
from webapp.mongodb.transactions import all_or_nothing

log = logging.getLogger(__name__)
CHUNK = 500


def normalise_documents() -> int:
    """Bring all texts into their normal form, with a record for each document; returns the number of documents.

    A document that differs from its last record stays as it is, so that the audit goes on reporting it. A name that is
    then taken already gets a number, and the log says so.
    """
    changed = 0
    for known in audited_kinds():
        fields = [field for field in known.model._meta.concrete_fields if isinstance(field, NormalCharField)]
        for key in list(_written_otherwise(known.model, fields)):
            try:
                changed += all_or_nothing(partial(_normalise, known, key, fields))
            except IntegrityError:
                log.error(
                    "%s %s would be the same as another one if its texts were in their normal form; it stays as it is",
                    known.kind,
                    key,
                )
    return changed


def _written_otherwise(model: type[models.Model], fields: list[NormalCharField]) -> Iterator[object]:
    """The keys of documents with a text that is not in its normal form."""
    rows = model._default_manager.values_list("pk", *(field.attname for field in fields)).order_by("pk")
    for key, *texts in rows.iterator(chunk_size=CHUNK) if fields else ():
        if any(text and text != normal(text, field.form) for text, field in zip(texts, fields, strict=True)):
            yield key


def _normalise(known: Audited, key: object, fields: list[NormalCharField]) -> bool:
    found = known.model._default_manager.filter(pk=key)
    before = found.first()
    if before is None or not is_as_recorded(before):
        return False
    found.update(**{field.attname: _free(before, field) for field in fields})
    after = found.get()
    scan = getattr(after, "scan_id", "") or (key if known.kind == "scan" else "")
    record(Action.TEXT_NORMALISE, SYSTEM, known.kind, scan_id=scan, before=before, after=after)
    return True


def _free(document: models.Model, field: NormalCharField) -> str:
    """A field's text in its normal form, with a number at its end where it has to be unique and is taken."""
    text = free = normal(getattr(document, field.attname), field.form)
    others = type(document)._default_manager.exclude(pk=document.pk)
    number = 1
    while field.unique and others.filter(**{field.attname: free}).exists():
        number += 1
        free = f"{text}-{number}"
        log.warning(
            "%s %s is called %r now: there is %r already", field.model.__name__, document.pk, free, text
        )
    return free
