"""The MongoDB server of a data folder: who gets in, by which address, and what becomes of a folder without accounts."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from operations import mongodb
from operations.processes import GuardedProcess, wait_until
from operations.stack.database import OwnDatabase
from operations.stack.folder import DataFolder
from tests.services import free_ports

Client = MongoClient[dict[str, Any]]


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    made = DataFolder(tmp_path / "var")
    made.make()
    return made


@contextmanager
def running(data: DataFolder) -> Iterator[OwnDatabase]:
    """The folder's server on any free port, once the web app could use it."""
    (port,) = free_ports(1)
    database = OwnDatabase(data, port)
    program = mongodb.find_mongod(data.run / "lib")
    process = GuardedProcess.start(
        database.command(program),
        log=data.logs / "mongodb.log",
        environment=os.environ | dict(program.variables),
    )
    try:
        wait_until(database.is_ready, process=process, name="MongoDB", timeout_s=60)
        yield database
    finally:
        process.stop()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnDatabase]:
    """A running server, shared by all tests here that change nothing."""
    made = DataFolder(tmp_path_factory.mktemp("guarded") / "var")
    made.make()
    with running(made) as database:
        yield database


def test_the_app_reads_and_writes_its_database_and_the_queue_of_tasks(guarded: OwnDatabase) -> None:
    with Client(guarded.address()) as app, app.start_session() as session, session.start_transaction():
        app["retinote"]["trial"].insert_one({"n": 1}, session=session)
        app["retinote_broker"]["messages"].insert_one({"n": 1}, session=session)


@pytest.mark.parametrize(
    "attempt",
    [
        pytest.param(lambda client: client["retinote"]["accounts_user"].find_one(), id="reads accounts"),
        pytest.param(lambda client: client["retinote"]["accounts_user"].insert_one({"n": 1}), id="writes"),
        pytest.param(lambda client: client["admin"]["system.users"].find_one(), id="reads password hashes"),
        pytest.param(
            lambda client: client["admin"].command("createUser", "mine", pwd="mine-7", roles=["root"]),
            id="makes itself an account",
        ),
        pytest.param(
            lambda client: client["admin"].command(
                "replSetReconfig", {"_id": "retinote", "version": 9, "members": []}, force=True
            ),
            id="moves the replica set",
        ),
        pytest.param(lambda client: client["admin"].command("shutdown"), id="stops it"),
    ],
)
def test_who_has_no_password_gets_nothing(guarded: OwnDatabase, attempt: Any) -> None:
    stranger = Client("127.0.0.1", guarded.port, directConnection=True)
    with stranger, pytest.raises(OperationFailure, match="requires authentication"):
        attempt(stranger)


@pytest.mark.parametrize("database", ["other", "admin", "local", "config"])
def test_the_app_reaches_no_other_database(guarded: OwnDatabase, database: str) -> None:
    with Client(guarded.address()) as app, pytest.raises(OperationFailure, match="not authorized"):
        app[database]["trial"].insert_one({"n": 1})


def test_no_password_is_where_others_read_it(guarded: OwnDatabase) -> None:
    secrets = [path.read_text().strip() for path in guarded.secret_files]
    assert len(secrets) == 2
    for path in guarded.secret_files:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    shown = [" ".join(_command_line(process)) for process in psutil.process_iter()]
    written = (guarded.data.logs / "mongodb.log").read_text()
    for secret in secrets:
        assert len(secret) >= 32
        assert not any(secret in line for line in [*shown, written])


def _command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_a_folder_of_an_earlier_version_keeps_its_documents_and_asks_for_a_password_from_then_on(
    data: DataFolder,
) -> None:
    """It ran without accounts, on another port, and its server was killed."""
    (port,) = free_ports(1)
    program = mongodb.find_mongod(data.run / "lib")
    process = GuardedProcess.start(
        mongodb.server_command(program, data.mongodb, port),
        log=data.logs / "mongodb.log",
        environment=os.environ | dict(program.variables),
    )
    wait_until(lambda: mongodb.become_primary(port), process=process, name="MongoDB", timeout_s=60)
    with Client(mongodb.uri(port), w="majority", journal=True) as client:
        client["retinote"]["words"].insert_one({"word": "kept"})
    process.kill()

    with running(data) as database:
        with Client(database.address()) as app:
            found = app["retinote"]["words"].find_one()
        with (
            Client("127.0.0.1", database.port, directConnection=True) as stranger,
            pytest.raises(OperationFailure, match="requires authentication"),
        ):
            stranger["retinote"]["words"].find_one()

    assert found is not None
    assert found["word"] == "kept"


def test_secrets_that_were_lost_are_made_anew(data: DataFolder) -> None:
    with running(data) as database, Client(database.address()) as app:
        app["retinote"]["words"].insert_one({"word": "kept"})
        before = database.address()
        lost = database.secret_files
    for path in lost:
        path.unlink()

    with running(data) as database, Client(database.address()) as app:
        found = app["retinote"]["words"].find_one()
        assert database.address() != before

    assert found is not None


def test_further_databases_are_opened_on_request(guarded: OwnDatabase) -> None:
    guarded.open_database("bench_1000")

    with Client(guarded.address()) as app:
        app["bench_1000"]["trial"].insert_one({"n": 1})
        app["retinote"]["trial"].insert_one({"n": 2})
