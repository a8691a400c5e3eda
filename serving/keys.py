"""TorchServe's keys: read from its key file, and renewed before they expire or when they are refused.

TorchServe makes three keys at each start and writes them to `key_file.json` (mode 0600): one for inference, one for
management, and one without expiry that renews the other two. A renewed key replaces the old one at once and for
everybody, so a caller whose key is refused reads the file again.

In containers the web app gets a file with the inference key alone (`publish`). The container that runs TorchServe
renews it in time; a caller with just that file waits for the next key.
"""

import fcntl
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import requests

from serving.direct import ask
from serving.errors import ServingError

RENEW_BEFORE = timedelta(minutes=10)
RENEW_PUBLISHED_BEFORE = timedelta(hours=1)
"""Early enough that readers of a published key notice the new one before the old one expires."""
REQUEST_TIMEOUT_S = 5.0
READ_ATTEMPTS = 20
READ_PAUSE_S = 0.05
"""TorchServe rewrites its key file in place, so a reader may find half a file and has to read it again."""

RENEWAL = "API"
"""TorchServe's name for the key that renews the others."""

Kind = Literal["inference", "management"]


class KeyUnavailable(ServingError):
    """There is no usable key: TorchServe is not running, or refuses to renew it."""


@dataclass(frozen=True)
class Key:
    """A key and the time at which it expires (UTC)."""

    text: str
    expires: datetime

    @property
    def nearly_expired(self) -> bool:
        """Whether it expires within RENEW_BEFORE."""
        return datetime.now(UTC) > self.expires - RENEW_BEFORE


class KeyHolder:
    """One kind of key. Threads may share it, and several processes may use the same key file.

    With `key_file` None there is no key and `headers` is empty, for a TorchServe without authorization in a private
    network.
    """

    kind: Kind

    def __init__(self, key_file: Path | None, management_url: str) -> None:
        self._key_file = key_file
        self._management_url = management_url.rstrip("/")
        self._lock = threading.Lock()
        self._handed_out = threading.local()
        self._read_at: tuple[int, int] | None = None
        self._key: Key | None = None

    def headers(self) -> dict[str, str]:
        """The request headers with the current key. Raises KeyUnavailable."""
        return {"Authorization": f"Bearer {self.current()}"} if self._key_file else {}

    def current(self) -> str:
        """The valid key, renewed first if it expires soon. Raises KeyUnavailable."""
        key = self.key()
        text = self.renew(rejected=key.text) if key.nearly_expired and self._can_renew() else key.text
        self._handed_out.text = text
        return text

    def renew(self, rejected: str | None = None) -> str:
        """A key other than `rejected`, which TorchServe has refused (default: the last key that this thread got).

        If another thread or process has renewed the key meanwhile, the new one is returned. Raises KeyUnavailable.
        """
        if rejected is None:
            rejected = getattr(self._handed_out, "text", "")
        with self._lock:
            keys = self._read()
            if RENEWAL in keys:
                with self._locked():
                    key = self._renewed(rejected)
            else:
                key = self._published_after(rejected)
            self._key = key
        self._handed_out.text = key.text
        return key.text

    def key(self) -> Key:
        """The key in the file, with its expiry. Raises KeyUnavailable."""
        with self._lock:
            stamp = self._stamp()
            if self._key is None or stamp != self._read_at:
                self._key, self._read_at = _key(self._read(), self.kind), stamp
            return self._key

    def _renewed(self, rejected: str) -> Key:
        keys = self._read()
        if (key := _key(keys, self.kind)).text == rejected:
            self._request_new(keys[RENEWAL]["key"])
            key = _key(self._read(), self.kind)
        return key

    def _can_renew(self) -> bool:
        return RENEWAL in self._read()

    def _published_after(self, rejected: str) -> Key:
        for _ in range(READ_ATTEMPTS):
            if (key := _key(self._read(), self.kind)).text != rejected:
                return key
            time.sleep(READ_PAUSE_S)
        raise KeyUnavailable(f"{self._path()} holds a key that the model server refuses: is it starting?")

    def _request_new(self, api_key: str) -> None:
        try:
            answer = ask(
                "GET",
                f"{self._management_url}/token",
                params={"type": self.kind},
                headers={"Authorization": f"Bearer {api_key}"},
                timeout=REQUEST_TIMEOUT_S,
            )
        except requests.RequestException as error:
            raise KeyUnavailable(f"The model server does not answer at {self._management_url}.") from error
        if not answer.ok:
            raise KeyUnavailable(
                f"The model server refused to renew its {self.kind} key ({answer.status_code})."
            )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold a lock beside the key file, so that no other process renews the key at the same time."""
        path = self._path()
        try:
            with path.with_name(f".{path.name}.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise KeyUnavailable(
                f"The folder of the key file {path} can't be used: {error.strerror}."
            ) from error

    def _read(self) -> dict[str, Any]:
        """The content of the key file. A file that is being rewritten is read again."""
        path = self._path()
        for _ in range(READ_ATTEMPTS):
            try:
                keys: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
                if self.kind in keys:
                    return keys
            except OSError as error:
                raise KeyUnavailable(
                    f"The model server's key file {path} can't be read ({error.strerror}): is the model server running?"
                ) from error
            except ValueError:
                pass
            time.sleep(READ_PAUSE_S)
        raise KeyUnavailable(f"{path} is not a key file of TorchServe.")

    def _stamp(self) -> tuple[int, int] | None:
        try:
            state = self._path().stat()
        except OSError:
            return None
        return state.st_mtime_ns, state.st_ino

    def _path(self) -> Path:
        if self._key_file is None:
            raise KeyUnavailable("No key file is set: the model server is called without a key.")
        return self._key_file


class InferenceKey(KeyHolder):
    """The key for predictions and explanations, over HTTP and gRPC."""

    kind: Kind = "inference"


class ManagementKey(KeyHolder):
    """The key for registering, promoting and retiring models."""

    kind: Kind = "management"


def publish(key_file: Path, target: Path) -> None:
    """Write the inference key alone to `target` (mode 0600), for a caller that may just ask for predictions.

    The file is replaced atomically. Raises KeyUnavailable.
    """
    keys = InferenceKey(key_file, "")._read()
    partial = target.with_name(f".{target.name}.partial")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    partial.write_text(json.dumps({InferenceKey.kind: keys[InferenceKey.kind]}), encoding="utf-8")
    partial.replace(target)


def keep_fresh(key_file: Path, management_url: str, published: Path) -> None:
    """Renew the keys that expire within RENEW_PUBLISHED_BEFORE, and publish the inference key if it has changed.

    Raises KeyUnavailable.
    """
    inference = InferenceKey(key_file, management_url)
    holders: tuple[KeyHolder, ...] = (ManagementKey(key_file, management_url), inference)
    for holder in holders:
        if (key := holder.key()).expires - datetime.now(UTC) < RENEW_PUBLISHED_BEFORE:
            holder.renew(rejected=key.text)
    if inference.key() != InferenceKey(published, "").key():
        publish(key_file, published)


def _key(keys: dict[str, Any], kind: Kind) -> Key:
    # TorchServe writes nanoseconds, Python reads microseconds.
    moment = keys[kind]["expiration time"].rstrip("Z").partition(".")
    expires = datetime.fromisoformat(f"{moment[0]}.{(moment[2] or '0')[:6].ljust(6, '0')}+00:00")
    return Key(keys[kind]["key"], expires)
