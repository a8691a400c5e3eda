"""What can go wrong with a shared store. The texts are sentences for people: what happened, and what to do."""

from serving.errors import ServingError


class StoreError(ServingError):
    """The store refused a request or failed at it."""


class StoreAway(StoreError):
    """The store can't be reached, or lets nobody in with these keys: the same request may succeed later."""


class StoreFull(StoreError):
    """The store takes nothing more."""


class Changed(StoreError):
    """What was to be written has been written by somebody else meanwhile."""


class StoreMissing(StoreError):
    """There is no such object in the store."""
