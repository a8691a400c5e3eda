"""What goes wrong with an installation, in sentences that a person can act on."""

from serving.errors import ServingError


class OperationsError(Exception):
    """An expected failure. Its text is one line (or a few) for a person: what happened, where, what to do."""


EXPECTED = (OperationsError, ServingError)
"""Expected failures of work in which the model server has a part, too."""
