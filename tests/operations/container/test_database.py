"""An empty MongoDB with access control, prepared as the container `migrate` does it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from operations import mongodb
from operations.container.database import Accounts, prepare
from operations.deploy.settings_file import new_secrets
from operations.errors import OperationsError
from operations.processes import GuardedProcess
from tests.services import free_ports


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Accounts]:
    """A server with a key file, as docker-compose.yml starts it, prepared once."""
    folder = tmp_path_factory.mktemp("guarded")
    secrets = new_secrets()
    (port,) = free_ports(1)
    key = folder / "replica.key"
    key.touch(mode=0o600)
    key.write_text(secrets["MONGODB_REPLICA_KEY"])
    (folder / "db").mkdir()
    program = mongodb.find_mongod(folder / "lib")
    process = GuardedProcess.start(
        [*mongodb.server_command(program, folder / "db", port), "--keyFile", str(key)],
        log=folder / "mongodb.log",
        environment=os.environ | program.variables,
    )
    found = Accounts(
        root_password=secrets["MONGODB_ROOT_PASSWORD"],
        app_password=secrets["MONGODB_PASSWORD"],
        member=f"127.0.0.1:{port}",
        port=port,
    )
    prepare(found)
    yield found
    process.stop()


def client(accounts: Accounts, password: str | None) -> MongoClient[dict[str, object]]:
    """Signed in as the web app's user, or as nobody."""
    user = f"retinote:{password}@" if password else ""
    return MongoClient(f"mongodb://{user}127.0.0.1:{accounts.port}/?replicaSet=retinote&authSource=admin")


def test_the_app_writes_its_own_database_in_transactions(accounts: Accounts) -> None:
    with client(accounts, accounts.app_password) as app, app.start_session() as session:
        with session.start_transaction():
            app["retinote"]["trial"].insert_one({"n": 1}, session=session)

        assert app["retinote"]["trial"].find_one({"n": 1})


def test_the_app_reaches_no_other_database(accounts: Accounts) -> None:
    with (
        client(accounts, accounts.app_password) as app,
        pytest.raises(OperationFailure, match="not authorized"),
    ):
        app["other"]["trial"].insert_one({"n": 1})


def test_nobody_gets_in_without_a_password(accounts: Accounts) -> None:
    with client(accounts, None) as nobody, pytest.raises(PyMongoError, match="requires authentication"):
        nobody["retinote"]["trial"].find_one()


def test_preparing_again_changes_the_app_password_alone(accounts: Accounts) -> None:
    renewed = replace(accounts, app_password=new_secrets()["MONGODB_PASSWORD"])

    prepare(renewed)

    with client(accounts, accounts.app_password) as old, pytest.raises(OperationFailure):
        old["retinote"]["trial"].find_one()
    with client(renewed, renewed.app_password) as new:
        new["retinote"]["trial"].find_one()
    prepare(accounts)


def test_another_root_password_is_refused_by_name(accounts: Accounts) -> None:
    with pytest.raises(OperationsError, match="another password than MONGODB_ROOT_PASSWORD"):
        prepare(replace(accounts, root_password="x" * 40))


def test_a_server_that_is_away_is_said(tmp_path: Path) -> None:
    (port,) = free_ports(1)

    with pytest.raises(OperationsError, match="could not be prepared"):
        prepare(Accounts("r" * 40, "a" * 40, f"127.0.0.1:{port}", port=port), timeout_s=0)


def test_a_database_that_somebody_else_runs_is_left_alone() -> None:
    assert Accounts.from_environment({"RETINOTE_MONGODB_URI": "mongodb://db.example.org/"}) is None


def test_a_missing_app_password_is_named() -> None:
    with pytest.raises(OperationsError, match="MONGODB_PASSWORD is not set"):
        Accounts.from_environment({"MONGODB_ROOT_PASSWORD": "x"})
