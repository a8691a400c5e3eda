"""What can be wrong with one request, beside its image. Each becomes an answer of its own; its neighbours in the batch go on."""

from __future__ import annotations

from imaging.errors import CodedError


class InvalidJson(CodedError):
    code = "invalid_json"


class InvalidOption(CodedError):
    """An option with a value that this model doesn't know."""

    code = "invalid_option"


class UnexpectedError(CodedError):
    """A fault of ours with one request."""

    code = "internal_error"
    status = 500
