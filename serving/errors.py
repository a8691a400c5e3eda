"""What goes wrong around TorchServe, in sentences that a person can act on."""


class ServingError(Exception):
    """An expected failure. Its text is one line (or a few) for a person: what happened, where, what to do."""
