"""What goes wrong with a backup, said so that a person can act on it."""

from serving.errors import ServingError


class BackupError(ServingError):
    """A backup that can't be made, or can't be restored; the text says why, and what is left."""


class DamagedArchive(BackupError):
    """The file is no whole backup; the text names the member that differs."""
