"""What can go wrong on the way to a destination, and what lets us in there."""

from __future__ import annotations

import ssl
from pathlib import Path

from django.conf import settings

CONNECT_S, ANSWER_S = 5, 60
"""How long a destination may take until it is there, and until it answers."""
MAX_SECRET_BYTES = 8192
AUTHORIZATION, AUTHORITY, CERTIFICATE = "authorization", "ca.pem", "client.pem"
"""Files in a destination's folder: the header that lets us in, who vouches for the destination, who we are."""


class Unreachable(Exception):
    """The destination is not there, or does not answer. Later it may."""


class Refused(Exception):
    """The destination does not take it; never, if it is `for_good`."""

    def __init__(self, message: str, *, for_good: bool) -> None:
        super().__init__(message)
        self.for_good = for_good


def secret_file(destination: str, name: str) -> Path | None:
    """A file of a destination's folder; None if it is not there."""
    path = Path(settings.PACS_SECRETS) / destination / name
    return path if path.is_file() else None


def authorization(destination: str) -> str:
    """The Authorization header for a destination, "" without one. Raises Refused for a file that can't be used."""
    path = secret_file(destination, AUTHORIZATION)
    if path is None:
        return ""
    try:
        with path.open(encoding="ascii") as file:
            found = file.read(MAX_SECRET_BYTES).strip()
    except (OSError, ValueError) as error:
        raise Refused(f"{AUTHORIZATION} of {destination} can't be read.", for_good=False) from error
    if not found.isprintable():
        raise Refused(f"{AUTHORIZATION} of {destination} has to be one line.", for_good=False)
    return found


def tls(destination: str) -> ssl.SSLContext:
    """How a destination is recognised: by the authority in its folder, else by those that the system trusts.

    Raises Refused for files that can't be used.
    """
    authority = secret_file(destination, AUTHORITY)
    certificate = secret_file(destination, CERTIFICATE)
    try:
        context = ssl.create_default_context(cafile=str(authority) if authority else None)
        if certificate:
            context.load_cert_chain(certificate)
    except (OSError, ssl.SSLError) as error:
        raise Refused(
            f"{AUTHORITY} or {CERTIFICATE} of {destination} can't be used.", for_good=False
        ) from error
    return context
