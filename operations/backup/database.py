"""Connects to an installation's database, whether its stack runs or not."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from operations import mongodb
from operations.backup.documents import AnyDatabase
from operations.backup.errors import BackupError, reason
from operations.processes import GuardedProcess, wait_until
from operations.stack import ports
from operations.stack.database import OwnDatabase, database_name
from operations.stack.folder import DataFolder

ADDRESS_VARIABLE = "RETINOTE_MONGODB_URI"
START_TIMEOUT_S = 120.0
FIND_TIMEOUT_MS = 5000


@contextmanager
def shared(data: DataFolder) -> Iterator[AnyDatabase]:
    """The database, which others may use meanwhile: the running stack's, or that of RETINOTE_MONGODB_URI.

    With neither, a server is started on the data folder. Raises BackupError if there is nothing to back up.
    """
    address = data.database_address() if data.is_held() else os.environ.get(ADDRESS_VARIABLE)
    if address:
        with _connected(address) as database:
            yield database
        return
    if not data.mongodb.is_dir():
        raise BackupError(
            f"There is nothing to back up in {data.path}: name the folder with --data-dir, or a MongoDB server with "
            f"{ADDRESS_VARIABLE}."
        )
    with _own_server(data) as address, _connected(address) as database:
        yield database


@contextmanager
def exclusive(data: DataFolder) -> Iterator[AnyDatabase]:
    """The database of a stopped stack. Raises BackupError if a stack runs on the folder."""
    if data.is_held():
        raise BackupError(
            f"A stack runs on {data.path}: stop it first, with ./retinote down --data-dir {data.path}."
        )
    address = os.environ.get(ADDRESS_VARIABLE)
    if address:
        with _connected(address) as database:
            yield database
        return
    with _own_server(data) as address, _connected(address) as database:
        yield database


@contextmanager
def _own_server(data: DataFolder) -> Iterator[str]:
    """Run the folder's MongoDB server without the rest of the stack, and hold the folder's lock meanwhile."""
    data.make()
    lock = data.hold(lambda _: None)
    try:
        program = mongodb.find_mongod(data.run / "lib")
        (port,) = ports.free_ports(1)
        database = OwnDatabase(data, port)
        process = GuardedProcess.start(
            database.command(program),
            log=data.logs / "mongodb.log",
            environment=os.environ | dict(program.variables),
            grace_s=30.0,
            kept_open=[lock],
        )
        try:
            wait_until(database.is_ready, process=process, name="MongoDB", timeout_s=START_TIMEOUT_S)
            yield database.address()
        finally:
            process.stop()
    finally:
        os.close(lock)


@contextmanager
def _connected(address: str) -> Iterator[AnyDatabase]:
    """The database at an address. MongoDB's errors become BackupErrors that quote no documents."""
    try:
        client: MongoClient[dict[str, Any]] = MongoClient(
            address, serverSelectionTimeoutMS=FIND_TIMEOUT_MS, w="majority"
        )
        with client:
            yield client[database_name()]
    except PyMongoError as error:
        raise BackupError(f"{reason(error)}.") from error
