"""What goes wrong around TorchServe, said so that a person can act on it."""


class ServingError(Exception):
    """An expected failure. Its text is one line (or a few) for a person: what happened, where, what to do."""
