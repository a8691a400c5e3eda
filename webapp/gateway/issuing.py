"""Issuing, limiting and revoking service keys, each with its audit record."""

from __future__ import annotations

import hashlib
import secrets

from webapp.accounts.models import User
from webapp.audit.models import Action
from webapp.audit.recording import record
from webapp.core import clock
from webapp.gateway.models import ServiceKey
from webapp.mongodb.transactions import all_or_nothing

SECRET_BYTES = 32
# Enough to tell a few hundred keys apart by their beginnings.
NAME_BYTES = 4
DECIDED = ("service", "calls_per_minute", "expires")
"""The fields that an administrator decides."""


def issue(key: ServiceKey, administrator: User) -> str:
    """Give an unsaved ServiceKey its secret, save it, and return the key as the service sends it.

    That is the only time it can be seen. It begins with a random name that is no part of the secret, so that what
    is kept and shown to recognise it tells nothing of the rest.
    """
    key.prefix = f"rtn_{secrets.token_hex(NAME_BYTES)}"
    text = f"{key.prefix}_{secrets.token_urlsafe(SECRET_BYTES)}"
    key.key_sha256 = digest(text)
    key.issued_by = administrator

    def write() -> None:
        key.save(force_insert=True)
        _record(Action.KEY_ISSUE, key, administrator)

    all_or_nothing(write)
    return text


def change(key: ServiceKey, administrator: User) -> None:
    """Write what was decided anew of a key; nothing else of it, for its counts go on meanwhile."""

    def write() -> None:
        before = ServiceKey.objects.get(pk=key.pk)
        key.save(update_fields=DECIDED)
        _record(Action.KEY_CHANGE, ServiceKey.objects.get(pk=key.pk), administrator, before)

    all_or_nothing(write)


def digest(text: str) -> str:
    """sha256 of a key, in hexadecimal.

    A fast hash is enough: passwords need a slow one because they can be guessed, and nobody guesses 256 random
    bits. A slow one would cost every call more than its prediction does.
    """
    return hashlib.sha256(text.encode()).hexdigest()


def revoke(key: ServiceKey, administrator: User) -> bool:
    """End a key for good; false if that had been done before, which stays as it was."""

    def write() -> bool:
        before = ServiceKey.objects.get(pk=key.pk)
        found = ServiceKey.objects.filter(pk=key.pk, revoked_at=None)
        if not found.update(revoked_at=clock.now(), revoked_by=administrator):
            return False
        _record(Action.KEY_REVOKE, ServiceKey.objects.get(pk=key.pk), administrator, before)
        return True

    return all_or_nothing(write)


def _record(action: Action, key: ServiceKey, administrator: User, before: ServiceKey | None = None) -> None:
    record(action, administrator, "service key", before=before, after=key)
