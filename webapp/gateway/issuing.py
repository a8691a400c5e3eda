"""Issuing and revoking service keys."""

from __future__ import annotations

import hashlib
import secrets

from webapp import clock
from webapp.accounts.models import User
from webapp.gateway.models import ServiceKey

SECRET_BYTES = 32
# Enough to tell a few hundred keys apart by their beginnings.
NAME_BYTES = 4


def issue(key: ServiceKey, administrator: User) -> str:
    """Give an unsaved ServiceKey its secret, save it, and return the key as the service sends it.

    That is the only time it can be seen. It begins with a random name that is no part of the secret, so that what
    is kept and shown to recognise it tells nothing of the rest.
    """
    key.prefix = f"rtn_{secrets.token_hex(NAME_BYTES)}"
    text = f"{key.prefix}_{secrets.token_urlsafe(SECRET_BYTES)}"
    key.key_sha256 = digest(text)
    key.issued_by = administrator
    key.save(force_insert=True)
    return text


def digest(text: str) -> str:
    """sha256 of a key, in hexadecimal.

    A fast hash is enough: passwords need a slow one because they can be guessed, and nobody guesses 256 random
    bits. A slow one would cost every call more than its prediction does.
    """
    return hashlib.sha256(text.encode()).hexdigest()


def revoke(key: ServiceKey, administrator: User) -> bool:
    """End a key for good; false if that had been done before, which stays as it was."""
    found = ServiceKey.objects.filter(pk=key.pk, revoked_at=None)
    return bool(found.update(revoked_at=clock.now(), revoked_by=administrator))
