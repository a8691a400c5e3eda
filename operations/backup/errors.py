"""The errors of backup and restore."""

from pymongo.errors import OperationFailure, PyMongoError

from operations.errors import OperationsError


class BackupError(OperationsError):
    """A backup can't be made or restored; the text says why, and whether anything was changed."""


class DamagedArchive(BackupError):
    """The file is an incomplete or damaged backup; the text names the place."""


def reason(error: PyMongoError) -> str:
    """The reason of MongoDB's error, without its own text if that may quote a document."""
    if isinstance(error, OperationFailure):
        name = (error.details or {}).get("codeName", "no name")
        return f"MongoDB refused: {name}, code {error.code}"
    return f"MongoDB does not answer: {error}"
