"""Prepares an empty MongoDB that runs with access control: the replica set of one, its root user, the web app's user.

It has to share the network of MongoDB's container: before there is a user, MongoDB can be set up over loopback only.
Done again, it changes nothing but the password of the web app's user.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from operations.errors import OperationsError
from operations.mongodb import REPLICA_SET, Client, keep_app_user

ROOT_USER = "root"
START_TIMEOUT_S = 120.0
POLL_S = 0.5
HELLO_TIMEOUT_MS = 2000
AUTHENTICATION_FAILED, UNAUTHORIZED, ALREADY_INITIALIZED = 18, 13, 23  # MongoDB error codes


@dataclass(frozen=True)
class Accounts:
    """The passwords of a server's users. `member` is the server's address for other containers."""

    root_password: str
    app_password: str
    member: str
    database: str = "retinote"
    port: int = 27017

    @classmethod
    def from_environment(cls, variables: Mapping[str, str]) -> Accounts | None:
        """The accounts in the environment; None if somebody else prepares MongoDB. Raises OperationsError."""
        if not variables.get("MONGODB_ROOT_PASSWORD"):
            return None
        if not variables.get("MONGODB_PASSWORD"):
            raise OperationsError("MONGODB_PASSWORD is not set; ./retinote deploy init makes one.")
        return cls(
            root_password=variables["MONGODB_ROOT_PASSWORD"],
            app_password=variables["MONGODB_PASSWORD"],
            member=variables.get("MONGODB_MEMBER") or "mongodb:27017",
            database=variables.get("RETINOTE_DATABASE") or "retinote",
        )


def prepare(accounts: Accounts, timeout_s: float = START_TIMEOUT_S) -> None:
    """Set up the server on loopback as primary, with both users. Raises OperationsError with the reason."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            _prepare(accounts)
            return
        except (PyMongoError, _NotYet) as error:
            if time.monotonic() > deadline:
                raise OperationsError(
                    f"MongoDB could not be prepared within {timeout_s:.0f} s: {error}"
                ) from error
        time.sleep(POLL_S)


class _NotYet(Exception):
    """The server is not ready yet; trying again helps."""


def _prepare(accounts: Accounts) -> None:
    with _client(accounts.port) as anonymous:
        hello = anonymous.admin.command("hello")
        if not hello.get("setName") and _initiated(anonymous, accounts.member):
            raise _NotYet("the replica set was made just now")
        knows_root = _knows_root(accounts)
        if not knows_root:
            if not hello.get("isWritablePrimary"):
                raise _NotYet("the server is not primary yet")
            _create_root(anonymous, accounts.root_password)
    with _client(accounts.port, accounts.root_password) as root:
        _move(root, accounts.member)
        keep_app_user(root, accounts.app_password, [accounts.database])


def _client(port: int, root_password: str | None = None) -> Client:
    credentials: dict[str, Any] = {"username": ROOT_USER, "password": root_password} if root_password else {}
    return MongoClient(
        "127.0.0.1",
        port,
        directConnection=True,
        serverSelectionTimeoutMS=HELLO_TIMEOUT_MS,
        **credentials,
    )


def _initiated(client: Client, member: str) -> bool:
    """Initiate the replica set. Returns False if the server has one already."""
    configuration = {"_id": REPLICA_SET, "members": [{"_id": 0, "host": member}]}
    try:
        client.admin.command("replSetInitiate", configuration)
    except OperationFailure as failure:
        if failure.code in (ALREADY_INITIALIZED, UNAUTHORIZED):  # unauthorized, as it has users
            return False
        raise
    return True


def _knows_root(accounts: Accounts) -> bool:
    with _client(accounts.port, accounts.root_password) as root:
        try:
            root.admin.command("ping")
            root.admin.command("usersInfo", ROOT_USER)
        except OperationFailure as failure:
            if failure.code == AUTHENTICATION_FAILED:
                return False
            raise
    return True


def _create_root(client: Client, password: str) -> None:
    try:
        client.admin.command("createUser", ROOT_USER, pwd=password, roles=["root"])
    except OperationFailure as failure:
        if failure.code == UNAUTHORIZED:  # there are users already, so loopback alone is not enough
            raise OperationsError(
                "MongoDB has a root user with another password than MONGODB_ROOT_PASSWORD: put back the one that "
                "its volume was made with, or change it there first."
            ) from failure
        raise


def _move(root: Client, member: str) -> None:
    """Make `member` the set's one member, in case the volume is from elsewhere. Larger sets are left alone."""
    configuration = root.admin.command("replSetGetConfig")["config"]
    members = configuration["members"]
    if len(members) == 1 and members[0]["host"] != member:
        members[0]["host"] = member
        configuration["version"] += 1
        root.admin.command("replSetReconfig", configuration, force=True)
        raise _NotYet("the replica set's member was moved just now")
