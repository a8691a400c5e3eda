"""The data folder of a stack: its paths, its secrets, and the lock that a stack holds."""

import fcntl
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from handlers.local_calibration import FOLDER_VARIABLE
from operations.errors import OperationsError
from serving import changes

MIN_FREE_BYTES = 2**30
"""With less, MongoDB's journal and the first uploads would fill the disk."""
LOCK_WAIT_S = 30.0
"""Longest time that the services of a killed stack may take to end."""
LOCK_POLL_S = 0.2
SECRET_BYTES = 48


def new_secret() -> str:
    """A secret that can't be guessed, of characters that need no escaping in addresses."""
    return secrets.token_urlsafe(SECRET_BYTES)


class DataFolder:
    """The paths of a data folder."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.mongodb = self.path / "mongodb"
        self.torchserve = self.path / "torchserve"
        self.archives = self.torchserve / "archives"
        self.model_store = self.path / "model_store"
        self.tuning = self.torchserve / "tuning.json"
        self.changes = changes.file(self.torchserve)
        self.registry = self.torchserve / "registry.json"
        self.registry_copy = self.torchserve / "registry-copy.json"
        """The last decisions that were read from a shared store, for a start while that is away."""
        self.fetched = self.torchserve / "fetched"
        """The versions that were brought from a shared store."""
        self.set_aside = self.torchserve / "set-aside.json"
        self.calibration = Path(os.environ.get(FOLDER_VARIABLE) or self.path / "calibration").absolute()
        """The web app's calibration profiles for the model's workers; the environment may name another folder."""
        self.learning = self.path / "learning"
        """The data sets that models learn from, and the gates of their versions."""
        self.gates = self.learning / "gates"
        self.deciding = self.torchserve / "deciding.lock"
        """Held by whoever changes which version of a model answers."""
        self.media = self.path / "media"
        self.logs = self.path / "logs"
        self.run = self.path / "run"
        self.secrets = self.path / "secrets"
        self.mongodb_key = self.secrets / "mongodb.key"
        self.mongodb_password = self.secrets / "mongodb_password"
        self.mongodb_address = self.secrets / "mongodb_uri"
        self.administrator_note = self.secrets / "first-administrator"
        """An empty file, not secret, that exists once the first administrator was made."""
        self.state = self.run / "state.json"
        self.where = self.path / "where.json"
        """Where the last stack had documents and images; it outlives the stack, and holds no secret."""
        self.lock = self.run / "lock"
        self.stack_log = self.logs / "stack.log"

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders that a stack needs."""
        return self.mongodb, self.torchserve, self.archives, self.media, self.logs, self.run, self.secrets

    def make(self) -> None:
        """Make the folders, with access for their owner alone, as they hold patients' images.

        Raises OperationsError if the folder can't be written or the disk is nearly full.
        """
        try:
            make_private(self.path)
            for folder in self.folders:
                make_private(folder)
            self.lock.touch(mode=0o600)
        except OSError as error:
            raise OperationsError(
                f"The data folder {self.path} can't be written ({error.strerror}); choose another with --data-dir."
            ) from error
        free = shutil.disk_usage(self.path).free
        if free < MIN_FREE_BYTES:
            raise OperationsError(
                f"The disk of {self.path} has only {free // 2**20} MB free, and a stack needs "
                f"{MIN_FREE_BYTES // 2**20}; free some, or choose another folder with --data-dir."
            )

    def hold(self, announce: Callable[[str], None]) -> int:
        """Lock the folder for this process. Returns the lock's file descriptor.

        The descriptor may be passed to processes that should keep the lock until they end. The state of an earlier stack
        is removed. Raises OperationsError if a stack runs on the folder already.
        """
        lock = os.open(self.lock, os.O_RDWR)
        deadline = time.monotonic() + LOCK_WAIT_S
        announced = False
        while not _try_lock(lock):
            state = read_state(self)
            if _is_alive(int(state.get("pid", 0))):
                os.close(lock)
                raise OperationsError(
                    f"A stack runs on {self.path} already (process {state['pid']}, {state.get('url')}); "
                    "stop it with ./retinote down, or choose another folder with --data-dir."
                )
            if time.monotonic() > deadline:
                os.close(lock)
                raise OperationsError(
                    f"Services of an earlier stack on {self.path} have not ended, or a backup or restore of it is at "
                    "work; look at its processes."
                )
            if not announced:
                announce("Waiting for the services of an earlier stack to end")
                announced = True
            time.sleep(LOCK_POLL_S)
        # It outlives a power cut, and by now its process may be anybody's.
        self.state.unlink(missing_ok=True)
        return lock

    def is_held(self) -> bool:
        """Whether a stack, or what is left of one, holds the folder's lock."""
        try:
            lock = os.open(self.lock, os.O_RDWR)
        except OSError:
            return False
        try:
            return not _try_lock(lock)
        finally:
            os.close(lock)

    def secret_key(self) -> str:
        """The web app's secret key, made at the first call and kept in a file."""
        return self.kept_secret(self.secrets / "secret_key")

    def kept_secret(self, path: Path, new: Callable[[], str] = new_secret) -> str:
        """The secret in a file, made at the first call by `new` and kept."""
        if not path.exists():
            make_private(path.parent)
            write_private(path, new())
        return path.read_text(encoding="utf-8")

    def database_address(self) -> str:
        """The address, with the password, of the running stack's MongoDB server. Raises OperationsError."""
        try:
            return self.mongodb_address.read_text(encoding="utf-8")
        except OSError as error:
            raise OperationsError(
                f"{self.mongodb_address} can't be read ({error.strerror}); a running stack keeps its database's "
                "address there. Stop the stack and start it again."
            ) from error


def make_private(folder: Path) -> None:
    """Make a folder, and missing ones above it, with access for their owner alone."""
    for missing in [above for above in (*reversed(folder.parents), folder) if not above.exists()]:
        missing.mkdir(mode=0o700, exist_ok=True)


def write_private(path: Path, text: str) -> None:
    """Write a file atomically, with access for its owner alone."""
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    partial.replace(path)


def write_state(folder: DataFolder, state: dict[str, Any]) -> None:
    """Write the state of a running stack, which must contain no secret."""
    write_private(folder.state, json.dumps(state, indent=2) + "\n")


def read_state(folder: DataFolder) -> dict[str, Any]:
    """The state that the stack on this folder last wrote; empty if there is none."""
    try:
        state: dict[str, Any] = json.loads(folder.state.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state


def living_process(folder: DataFolder) -> int | None:
    """The process of the stack that last wrote its state; None if it has ended, or there is none."""
    pid = int(read_state(folder).get("pid", 0))
    return pid if _is_alive(pid) else None


def running_state(folder: DataFolder) -> dict[str, Any]:
    """The state of the stack that runs on this folder. Raises OperationsError if none runs."""
    state = read_state(folder)
    if not folder.is_held() or not _is_alive(int(state.get("pid", 0))):
        raise OperationsError(
            f"No stack runs on {folder.path}; start one with ./retinote up --data-dir {folder.path}."
        )
    return state


def all_ready(state: Mapping[str, Any]) -> bool:
    """Whether a running stack has finished its start and all of its services are ready."""
    return bool(state["ready"]) and all(service["state"] == "ready" for service in state["services"])


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_alive(pid: int) -> bool:
    """Whether a process with this id exists and hasn't ended."""
    try:
        state = (
            Path(f"/proc/{pid}/stat")
            .read_text(encoding="utf-8", errors="replace")
            .rpartition(")")[2]
            .split()[0]
        )
    except (OSError, IndexError):
        return False
    return state != "Z"
