"""Connects to an installation's database, whether its stack runs or not."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from pymongo.errors import PyMongoError

from operations import mongodb
from operations.backup.documents import AnyDatabase
from operations.backup.errors import BackupError, reason
from operations.errors import OperationsError
from operations.processes import GuardedProcess, wait_until
from operations.stack import ports
from operations.stack.database import OwnDatabase, database_name
from operations.stack.folder import DataFolder, running_state
from operations.stack.state import ADDRESS_VARIABLE, surroundings, was_on_another_server

START_TIMEOUT_S = 120.0
FIND_TIMEOUT_MS = 5000


@contextmanager
def shared(data: DataFolder) -> Iterator[AnyDatabase]:
    """The database, which others may use meanwhile: the running stack's, or that of RETINOTE_MONGODB_URI.

    With neither, a server is started on the data folder. Raises BackupError if there is nothing to back up, or it is on
    a server that nobody names.
    """
    address = data.database_address() if _stack_runs(data) else _named_address(data)
    if address:
        with _connected(address, data) as database:
            yield database
        return
    if not data.mongodb.is_dir():
        raise BackupError(
            f"There is nothing to back up in {data.path}: name the folder with --data-dir, or a MongoDB server with "
            f"{ADDRESS_VARIABLE}."
        )
    with _held(data) as lock, _own_server(data, lock) as address, _connected(address, data) as database:
        yield database


@contextmanager
def exclusive(data: DataFolder, models_data: DataFolder | None = None) -> Iterator[AnyDatabase]:
    """The database of a stopped stack, which can't start meanwhile. Raises BackupError if one runs on the folder.

    So it does if the stack's server is another one, which nobody names, and if a model server runs on `models_data`,
    where that has a folder of its own. Other containers hold no lock on the folder: whoever stops them sees to it that
    none writes.
    """
    if _stack_runs(data):
        raise BackupError(
            f"A stack runs on {data.path}: stop it first, with ./retinote down --data-dir {data.path}."
        )
    if models_data and models_data.is_held():
        raise BackupError(f"A model server runs on {models_data.path}: stop it first.")
    with _held(data) as lock, _held(models_data) if models_data else nullcontext():
        elsewhere = _named_address(data)
        server = nullcontext(elsewhere) if elsewhere else _own_server(data, lock)
        with server as address, _connected(address, data) as database:
            yield database


def _named_address(data: DataFolder) -> str | None:
    """The server that the environment names; None for the data folder's own.

    Raises BackupError if nobody names that of the last stack: an empty one would be taken for it.
    """
    address = os.environ.get(ADDRESS_VARIABLE)
    if not address and was_on_another_server(data):
        raise BackupError(
            f"The documents of {data.path} are in another MongoDB server than its own: set {ADDRESS_VARIABLE} as it was "
            "for ./retinote up."
        )
    return address


def _stack_runs(data: DataFolder) -> bool:
    """Whether a stack runs on the folder. Raises BackupError if something else has locked it."""
    if not data.is_held():
        return False
    try:
        running_state(data)
    except OperationsError as error:
        raise BackupError(
            f"Another backup or restore of {data.path} is at work, or its stack is starting or ending; wait for it."
        ) from error
    return True


@contextmanager
def _held(data: DataFolder) -> Iterator[int]:
    """Hold the folder's lock, so that no stack starts on it."""
    data.make()
    lock = data.hold(lambda _: None)
    try:
        yield lock
    finally:
        os.close(lock)


@contextmanager
def _own_server(data: DataFolder, lock: int) -> Iterator[str]:
    """Run the folder's MongoDB server without the rest of the stack. It keeps the folder's lock until it ends."""
    program = mongodb.find_mongod(data.run / "lib")
    (port,) = ports.free_ports(1)
    database = OwnDatabase(data, port, surroundings(data))
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


@contextmanager
def _connected(address: str, data: DataFolder) -> Iterator[AnyDatabase]:
    """The folder's database at an address. MongoDB's errors become BackupErrors that quote no documents."""
    try:
        with mongodb.connect(address, serverSelectionTimeoutMS=FIND_TIMEOUT_MS, w="majority") as client:
            yield client[database_name(surroundings(data))]
    except PyMongoError as error:
        raise BackupError(f"{reason(error)}.") from error
