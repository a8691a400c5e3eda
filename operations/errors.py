"""The base of expected errors in the operation of an installation."""

from serving.errors import ServingError


class OperationsError(Exception):
    """An expected failure. Its text tells a person in one line, or a few, what happened, where, and what to do."""


EXPECTED = (OperationsError, ServingError)
"""Expected failures of work that may involve the model server."""
