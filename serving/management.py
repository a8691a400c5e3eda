"""The client of TorchServe's management interface: lists the versions that it serves, and changes them."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import requests

from serving.capacity import DEFAULT_BATCHING, Batching
from serving.direct import ask
from serving.errors import ServingError
from serving.keys import ManagementKey

TIMEOUT_S = 10.0
START_TIMEOUT_S = 930.0
"""Registering waits until the workers have compiled and loaded the network."""
DRAIN_TIMEOUT_S = 60.0
DRAIN_POLL_S = 0.2
DRAIN_MARGIN_S = 1.0
"""A request that has left the queue may still be in the worker. Without this pause some were lost."""


class ManagementError(ServingError):
    """The model server refused a request or failed at it; the text says what and why."""


class Unreachable(ManagementError):
    """The model server does not answer."""


class NotRegistered(ManagementError):
    """No such model or version is registered."""


class AlreadyRegistered(ManagementError):
    """That version is registered already."""


class WorkersFailed(ManagementError):
    """The workers of a version did not start; the version is not registered."""


class IsDefault(ManagementError):
    """The version is the default, which can't be removed while there are others."""


@dataclass(frozen=True)
class Worker:
    """A process that runs the network. `status` is READY, or UNLOADED while it loads or after it failed."""

    id: str
    pid: int
    status: str
    gpu: bool


@dataclass(frozen=True)
class ModelVersion:
    """One registered version of a model."""

    name: str
    version: str
    is_default: bool
    archive: str
    workers: tuple[Worker, ...]
    batch_size: int
    max_batch_delay_ms: int
    pending_requests: int

    @property
    def ready_workers(self) -> int:
        """Workers that have loaded the network."""
        return sum(worker.status == "READY" for worker in self.workers)

    @property
    def status(self) -> str:
        """A word for people: "ready", "starting", or "idle" for a version without workers."""
        if self.ready_workers:
            return "ready"
        return "starting" if self.workers else "idle"


class ManagementClient:
    """Manages the models of one TorchServe. All methods raise ManagementError or KeyUnavailable."""

    def __init__(self, url: str, key: ManagementKey | None = None, timeout_s: float = TIMEOUT_S) -> None:
        self._url = url.rstrip("/")
        self._key = key
        self._timeout_s = timeout_s

    def answers(self) -> bool:
        """Whether the server answers and accepts the key."""
        try:
            self.models()
        except ServingError:
            return False
        return True

    def models(self) -> list[str]:
        """The names of the registered models."""
        names: list[str] = []
        page: Mapping[str, Any] = {"nextPageToken": "0"}
        while "nextPageToken" in page:
            page = self._call(
                "GET", "/models", params={"next_page_token": page["nextPageToken"], "limit": 100}
            )
            names += [model["modelName"] for model in page["models"]]
        return names

    def versions(self, name: str) -> list[ModelVersion]:
        """All registered versions of a model, as TorchServe orders them. Raises NotRegistered."""
        records = self._call("GET", f"/models/{quote(name)}/all")
        default = self.default_version(name)
        return [_version(record, default) for record in records]

    def default_version(self, name: str) -> str:
        """The version that answers requests without a version. Raises NotRegistered."""
        records = self._call("GET", f"/models/{quote(name)}")
        return str(records[0]["modelVersion"])

    def describe(self, name: str, version: str) -> dict[str, Any]:
        """The model card of a version and the engine that runs it, from one of its workers. Raises NotRegistered."""
        records = self._call("GET", _path(name, version), params={"customized": "true"})
        card = records[0].get("customizedMetadata")
        if not isinstance(card, dict):
            raise ManagementError(f"{name} {version} does not describe itself.")
        return card

    def register(self, archive: str, workers: int, batching: Batching = DEFAULT_BATCHING) -> None:
        """Register the archive with that file name in TorchServe's archive folder, and wait for its workers.

        The first version of a model becomes its default. Raises AlreadyRegistered and WorkersFailed.
        """
        self._call(
            "POST",
            "/models",
            params={
                "url": archive,
                "initial_workers": workers,
                "batch_size": batching.size,
                "max_batch_delay": batching.delay_ms,
                "synchronous": "true",
            },
            timeout_s=START_TIMEOUT_S,
        )

    def promote(self, name: str, version: str) -> None:
        """Make a registered version the default. Raises NotRegistered."""
        self._call("PUT", f"{_path(name, version)}/set-default")

    def unregister(self, name: str, version: str) -> None:
        """Remove a version once it has answered all requests that wait for it. Raises NotRegistered and IsDefault."""
        self._drain(name, version)
        self._call("DELETE", _path(name, version), timeout_s=START_TIMEOUT_S)

    def _drain(self, name: str, version: str) -> None:
        """Wait until no request waits for the version and the last one has been answered."""
        deadline = time.monotonic() + DRAIN_TIMEOUT_S
        while self._pending(name, version):
            if time.monotonic() > deadline:
                raise ManagementError(
                    f"{name} {version} still has requests waiting after {DRAIN_TIMEOUT_S:.0f} s: "
                    "is somebody calling it by its version? Nothing was changed."
                )
            time.sleep(DRAIN_POLL_S)
        time.sleep(DRAIN_MARGIN_S)

    def _pending(self, name: str, version: str) -> int:
        records = self._call("GET", _path(name, version))
        return int(records[0]["jobQueueStatus"]["pendingRequests"])

    def _call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        timeout_s: float | None = None,
    ) -> Any:
        """Send a request, again with a new key if the key was refused. Returns the answer's JSON."""
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        answer = self._send(method, path, params, limit_s)
        if self._key and _key_refused(answer):
            self._key.renew()
            answer = self._send(method, path, params, limit_s)
        if not answer.ok:
            raise _error(answer)
        return answer.json()

    def _send(
        self, method: str, path: str, params: Mapping[str, Any] | None, timeout_s: float
    ) -> requests.Response:
        headers = self._key.headers() if self._key else {}
        try:
            return ask(method, self._url + path, params=params, headers=headers, timeout=timeout_s)
        except requests.Timeout as error:
            raise Unreachable(
                f"The model server at {self._url} did not answer within {timeout_s:.0f} s."
            ) from error
        except requests.RequestException as error:
            raise Unreachable(f"The model server does not answer at {self._url}.") from error


def _path(name: str, version: str) -> str:
    return f"/models/{quote(name)}/{quote(version)}"


def _version(record: Mapping[str, Any], default: str) -> ModelVersion:
    return ModelVersion(
        name=record["modelName"],
        version=record["modelVersion"],
        is_default=record["modelVersion"] == default,
        archive=record["modelUrl"],
        workers=tuple(
            Worker(id=worker["id"], pid=worker["pid"], status=worker["status"], gpu=worker["gpu"])
            for worker in record["workers"]
        ),
        batch_size=record["batchSize"],
        max_batch_delay_ms=record["maxBatchDelay"],
        pending_requests=record.get("jobQueueStatus", {}).get("pendingRequests", 0),
    )


def _problem(answer: requests.Response) -> tuple[str, str]:
    """TorchServe's name for the problem and its message."""
    try:
        body = answer.json()
        return str(body["type"]), str(body["message"])
    except (ValueError, KeyError, TypeError):
        return "", f"status {answer.status_code}"


def _key_refused(answer: requests.Response) -> bool:
    return answer.status_code == 400 and _problem(answer)[0] == "InvalidKeyException"


def _error(answer: requests.Response) -> ManagementError:
    kind, message = _problem(answer)
    if kind in ("ModelNotFoundException", "ModelVersionNotFoundException"):
        return NotRegistered(message)
    if answer.status_code == 409:
        return AlreadyRegistered(message)
    if answer.status_code == 403:
        return IsDefault(message)
    if message.startswith("Failed to start workers"):
        return WorkersFailed(message)
    return ManagementError(f"The model server refused: {message} ({answer.status_code})")
