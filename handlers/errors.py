"""What can be wrong with a request beside its image. Such a request alone gets an error, not its whole batch."""

from __future__ import annotations

from imaging.errors import CodedError


class InvalidJson(CodedError):
    """A JSON body that can't be read, or doesn't hold an image."""

    code = "invalid_json"


class InvalidOption(CodedError):
    """An unknown option, or one with a value that it can't have."""

    code = "invalid_option"


class UnexpectedError(CodedError):
    """A fault of the model server with one request."""

    code = "internal_error"
    status = 500
