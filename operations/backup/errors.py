"""What goes wrong with a backup, in sentences that a person can act on."""

from pymongo.errors import OperationFailure, PyMongoError

from operations.errors import OperationsError


class BackupError(OperationsError):
    """A backup that can't be made, or can't be restored; the text says why, and what is left."""


class DamagedArchive(BackupError):
    """The file is no whole backup; the text names the member that differs."""


def reason(error: PyMongoError) -> str:
    """What MongoDB says is wrong, without its own text where that may quote a document."""
    if isinstance(error, OperationFailure):
        name = (error.details or {}).get("codeName", "no name")
        return f"MongoDB refused: {name}, code {error.code}"
    return f"MongoDB does not answer: {error}"
