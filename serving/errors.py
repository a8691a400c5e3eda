"""The base of expected errors around TorchServe."""


class ServingError(Exception):
    """An expected failure. Its text tells a person in one line, or a few, what happened, where, and what to do."""
