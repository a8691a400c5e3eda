"""Issues, limits and revokes service keys, each with its audit record."""

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
NAME_BYTES = 4
"""Enough to tell a few hundred keys apart by how they begin."""
DECIDED = ("service", "clinic", "calls_per_minute", "expires")
"""The fields that an administrator decides."""


def issue(key: ServiceKey, administrator: User) -> str:
    """Give an unsaved ServiceKey its secret, save it, and return the key as the service sends it.

    The key can't be seen again. It begins with a random name that is no part of the secret, so that the name, which is
    kept and shown, tells nothing about the rest.
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
    """Save the decided fields of a key, and no others: its counts go on meanwhile."""

    def write() -> None:
        before = ServiceKey.objects.get(pk=key.pk)
        key.save(update_fields=DECIDED)
        _record(Action.KEY_CHANGE, ServiceKey.objects.get(pk=key.pk), administrator, before)

    all_or_nothing(write)


def digest(text: str) -> str:
    """The sha256 of a key, in hexadecimal.

    A fast hash is enough: passwords need a slow one because they can be guessed, but 256 random bits can't. A slow one
    would cost each call more than its prediction.
    """
    return hashlib.sha256(text.encode()).hexdigest()


def revoke(key: ServiceKey, administrator: User) -> bool:
    """Revoke a key for good. Returns False, and changes nothing, if it was revoked before."""

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
