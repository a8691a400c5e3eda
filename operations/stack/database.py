"""The data folder's own MongoDB server: whom it lets in, and the address by which the web app enters.

There is one account, the web app's, with rights on its own databases alone. What only an administrator may do is done
here as the server's own user, whose password is the key file: so there is no moment, not even in the life of an empty
server, in which somebody without a file of this folder could make an account.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from pymongo.errors import PyMongoError

from operations import mongodb
from operations.deploy.settings_file import new_replica_key
from operations.mongodb import Mongod
from operations.stack.folder import DataFolder

DATABASE_VARIABLE, DATABASE = "RETINOTE_DATABASE", "retinote"


class OwnDatabase:
    """A server on `port` of this machine over the files of a data folder, whose secrets are made when they are missing.

    The web app has a database of the name that the environment says, and another beside it for the queue of tasks.
    """

    def __init__(self, data: DataFolder, port: int) -> None:
        self.data = data
        self.port = port
        self._databases = [database_name(), broker_of(database_name())]
        self._knows_app = False

    @property
    def secret_files(self) -> tuple[Path, Path]:
        """The server's key file, and the web app's password."""
        return self.data.mongodb_key, self.data.mongodb_password

    def command(self, program: Mongod) -> list[str]:
        """The server's command line; no password is on it."""
        self.data.kept_secret(self.data.mongodb_key, new_replica_key)
        return mongodb.server_command(program, self.data.mongodb, self.port, self.data.mongodb_key)

    def address(self) -> str:
        """The address with the web app's password."""
        return mongodb.uri(self.port, self.data.kept_secret(self.data.mongodb_password))

    def is_ready(self) -> bool:
        """Whether the server is primary and lets the web app in. Call it until it is true: it does what is left to do."""
        if not mongodb.become_primary(self.port, self.data.mongodb_key):
            return False
        if not self._knows_app:
            try:
                self._keep_account(self._databases)
            except PyMongoError:
                return False
            self._knows_app = True
        return True

    def open_database(self, name: str) -> None:
        """Let the web app use another database and its queue, too. Raises PyMongoError."""
        self._databases += [name, broker_of(name)]
        self._keep_account(self._databases)

    def _keep_account(self, databases: Sequence[str]) -> None:
        password = self.data.kept_secret(self.data.mongodb_password)
        with mongodb.system_client(self.port, self.data.mongodb_key) as system:
            mongodb.keep_app_user(system, password, databases)


def database_name(inherited: Mapping[str, str] = os.environ) -> str:
    """Name of the web app's database, as its settings read it."""
    return inherited.get(DATABASE_VARIABLE) or DATABASE


def broker_of(database: str) -> str:
    """Name of the database with the queue of tasks, as `webapp/settings.py` makes it."""
    return f"{database}_broker"
