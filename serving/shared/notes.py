"""Notes of decisions about a shared store's versions, in the store, for the audit of a web app to take in."""

from __future__ import annotations

import json
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from serving import changes
from serving.registry import Registry
from serving.shared.store import SharedStores

NOTES = "changes/"
MOST_LETTERS_OF_HOST = 60


@contextmanager
def noted(
    registry: Registry, stores: SharedStores, action: str, name: str, version: str, override: str = ""
) -> Iterator[None]:
    """Note the action on a version of a model that is done within this context, once it has succeeded.

    Raises StoreError if it can't be noted.
    """
    before, weights_sha256 = registry.choice(name), stores.weights_sha256(name, version)
    yield
    after = registry.choice(name)
    change = changes.described(
        action,
        name,
        version,
        weights_sha256=weights_sha256,
        before=before,
        after=after,
        withdrawn=changes.withdrawn(action, name, before, after, stores),
        override=override,
    )
    leave(stores, new_name(change), change, socket.gethostname())


def new_name(change: dict[str, object]) -> str:
    """The name of a note of a change (`changes.described`)."""
    # The time comes first, so that notes are taken in in its order.
    return f"{NOTES}{change['time']}-{secrets.token_hex(8)}.json"


def leave(stores: SharedStores, name: str, change: dict[str, object], host: str) -> None:
    """Leave a note of a change that was made, and where, under a new name. Raises StoreError."""
    change["host"] = host[:MOST_LETTERS_OF_HOST]
    stores.objects.write(name, json.dumps(change).encode())
