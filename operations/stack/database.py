"""The data folder's own MongoDB server: its accounts, and the web app's address for it.

The only account is the web app's, with rights on its own databases. All that needs an administrator is done as the
server's internal user, whose password is the key file. So nobody without a file of this folder can make an account,
not even in an empty server.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from pymongo.errors import PyMongoError

from operations import mongodb
from operations.broker import broker_of
from operations.deploy.settings_file import new_replica_key
from operations.mongodb import Mongod
from operations.stack.folder import DataFolder

DATABASE_VARIABLE, DATABASE = "RETINOTE_DATABASE", "retinote"


class OwnDatabase:
    """A MongoDB server on `port` of this machine with the files of a data folder. Missing secrets are made.

    The web app has a database, whose name `variables` may set, and another one for the queue of tasks.
    """

    def __init__(self, data: DataFolder, port: int, variables: Mapping[str, str] = os.environ) -> None:
        self.data = data
        self.port = port
        self._databases = [database_name(variables), broker_of(database_name(variables))]
        self._has_account = False

    def command(self, program: Mongod) -> list[str]:
        """The server's command line, which contains no password."""
        self.data.kept_secret(self.data.mongodb_key, new_replica_key)
        return mongodb.server_command(program, self.data.mongodb, self.port, self.data.mongodb_key)

    def address(self) -> str:
        """The address with the web app's password."""
        return mongodb.uri(self.port, self.data.kept_secret(self.data.mongodb_password))

    def is_ready(self) -> bool:
        """Whether the server is primary and the web app has its account. To be called until True: it sets both up."""
        if not mongodb.become_primary(self.port, self.data.mongodb_key):
            return False
        if not self._has_account:
            try:
                self._keep_account(self._databases)
            except PyMongoError:
                return False
            self._has_account = True
        return True

    def open_database(self, name: str) -> None:
        """Give the web app access to another database and its queue. Raises PyMongoError."""
        self._databases += [name, broker_of(name)]
        self._keep_account(self._databases)

    def _keep_account(self, databases: Sequence[str]) -> None:
        password = self.data.kept_secret(self.data.mongodb_password)
        with mongodb.system_client(self.port, self.data.mongodb_key) as system:
            mongodb.keep_app_user(system, password, databases)


def database_name(inherited: Mapping[str, str] = os.environ) -> str:
    """The name of the web app's database, as its settings read it."""
    return inherited.get(DATABASE_VARIABLE) or DATABASE
