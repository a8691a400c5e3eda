"""The MongoDB server that comes with the packages, as a replica set of one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pymongo import MongoClient

from operations import mongodb
from operations.errors import OperationsError
from operations.processes import GuardedProcess, wait_until
from tests.services import free_ports


@contextmanager
def running(folder: Path, port: int) -> Iterator[str]:
    """A server on `port` with its files in `folder`; its address, once it is primary."""
    program = mongodb.find_mongod(folder / "lib")
    (folder / "data").mkdir(exist_ok=True)
    process = GuardedProcess.start(
        mongodb.server_command(program, folder / "data", port),
        log=folder / "log",
        environment=os.environ | program.variables,
    )
    try:
        wait_until(lambda: mongodb.become_primary(port), process=process, name="MongoDB", timeout_s=60)
        yield mongodb.uri(port)
    finally:
        process.stop()


def test_a_transaction_is_taken_back_as_a_whole(mongodb_uri: str) -> None:
    with MongoClient[dict[str, int]](mongodb_uri) as client, client.start_session() as session:
        collection = client["serving-test"]["numbers"]
        collection.insert_one({"one": 1})
        session.start_transaction()
        collection.insert_one({"two": 2}, session=session)
        session.abort_transaction()

        assert collection.count_documents({}) == 1
        client.drop_database("serving-test")


def test_data_survive_a_move_to_another_port(tmp_path: Path) -> None:
    first, second = free_ports(2)
    with running(tmp_path, first) as uri, MongoClient[dict[str, str]](uri) as client:
        client["kept"]["words"].insert_one({"word": "yes"})

    with running(tmp_path, second) as uri, MongoClient[dict[str, str]](uri) as client:
        found = client["kept"]["words"].find_one()

    assert found is not None
    assert found["word"] == "yes"


def test_it_listens_on_loopback_and_keeps_its_log_small(tmp_path: Path) -> None:
    command = mongodb.server_command(mongodb.Mongod(Path("mongod"), {}), tmp_path, 27017)

    assert command[command.index("--bind_ip") + 1] == "127.0.0.1"
    assert command[command.index("--oplogSize") + 1] == "512"


def test_its_log_does_not_tell_what_a_slow_query_asked_for(mongodb_uri: str) -> None:
    with MongoClient[dict[str, str]](mongodb_uri) as client:
        people = client["serving-test"]["people"]
        people.insert_one({"patient_ref": "P-slow-7351"})
        found = list(people.find({"patient_ref": "P-slow-7351", "$where": "sleep(150) || true"}))
        client.drop_database("serving-test")

    log = (Path(os.environ["RETINOTE_TEST_FOLDER"]) / "mongodb.log").read_text()
    assert len(found) == 1
    assert "Waiting for connections" in log
    assert "P-slow-7351" not in log


def test_a_mongod_on_the_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "mongod"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    assert mongodb.find_mongod(tmp_path / "lib") == mongodb.Mongod(own, {})


def test_a_server_elsewhere_that_does_not_answer_is_said() -> None:
    with pytest.raises(OperationsError, match="The MongoDB server of RETINOTE_MONGODB_URI does not answer"):
        mongodb.answers_as_primary("mongodb://127.0.0.1:9/?replicaSet=rs0")


def test_a_server_elsewhere_that_can_be_used(mongodb_uri: str) -> None:
    mongodb.answers_as_primary(mongodb_uri)


@pytest.mark.parametrize(
    "address",
    [
        "mongodb://user:op@kestrel@h/",
        "mongodb://user:op/kestrel@h/",
        "mongodb://user:op:kestrel@h/",
        "mongodb://user:op%kestrel@h/",
        "mongodb://user:op#kestrel@h/",
        "mongodb://user:op[kestrel@h/",
        "mongodb+srv://user:op/kestrel@h/",
        "mongodb://user:kestrel@h:70000/",
        "postgres://user:kestrel@h/",
    ],
)
def test_an_address_that_cannot_be_one_is_said_without_its_password(address: str) -> None:
    with pytest.raises(
        OperationsError, match=r"RETINOTE_MONGODB_URI can't be used.*Write mongodb://"
    ) as said:
        mongodb.answers_as_primary(address)

    assert "kestrel" not in str(said.value)


def test_what_is_wrong_with_an_address_is_said() -> None:
    with pytest.raises(OperationsError, match=r"\(Port must be an integer between 0 and 65535\)"):
        mongodb.answers_as_primary("mongodb://user:kestrel@h:70000/")
