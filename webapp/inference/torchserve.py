"""TorchServe as the web app's model server: pooled connections, bounded waits, typed answers.

No other module of the web app knows TorchServe's addresses, keys or errors.
"""

from __future__ import annotations

import logging
import time
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests
from django.conf import settings
from requests.adapters import HTTPAdapter

from handlers.card import CardError, ModelCard
from imaging.formats import media_type
from serving.errors import ServingError
from serving.keys import InferenceKey, ManagementKey
from serving.management import ManagementClient
from serving.model_metrics import read_metrics
from webapp.inference.model_server import (
    CONNECTIONS,
    ImageRefused,
    ModelAnswer,
    ModelFault,
    ModelServer,
    ModelUnavailable,
    ServedVersion,
    UnknownVersion,
)

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 1.0
PING_TIMEOUT_S = 2.0
CARD_TIMEOUT_S = 4.0
PAUSES_S = (0.1, 0.3)  # before the second and third try
IN_SHORT = {"X-Overlay": "false", "X-Overlay-Format": "jpeg", "X-Heatmap": "grid"}
"""The overlay is drawn from the stored scan and heat map when somebody asks for it, and the heat map from its cells:
answers have some kilobytes. Handlers of earlier versions send both all the same: as JPEG an overlay is a fraction of the
answer, as PNG it was four fifths."""
BUSY_STATUSES = frozenset({502, 503, 504, 507})
"""TorchServe's answers without a worker, with a full queue, and when a worker dies during the request."""


class TorchServeClient:
    """The client of one TorchServe; see `ModelServer`."""

    def __init__(
        self, url: str, management_url: str, key_file: str, model: str, metrics_socket: str = ""
    ) -> None:
        self._url = url.rstrip("/")
        self._model = model
        self._metrics_socket = Path(metrics_socket) if metrics_socket else None
        path = Path(key_file) if key_file else None
        self._key = InferenceKey(path, management_url)
        # It can't be reached where the model server runs in a container: only tools inside manage models.
        self._management = (
            ManagementClient(management_url, ManagementKey(path, management_url)) if management_url else None
        )
        self._session = requests.Session()
        # There is no proxy on a private network, and looking for one costs time at each request.
        self._session.trust_env = False
        self._session.mount("http://", HTTPAdapter(pool_maxsize=CONNECTIONS))

    def predict(
        self, image: bytes, *, deadline_s: float, request_id: str, version: str = "", label: str = ""
    ) -> ModelAnswer:
        """The answer to an image; see `ModelServer.predict`."""
        # TorchServe drops the query of this address, so options travel as headers.
        kind = media_type(image) or "application/octet-stream"
        headers = {"Content-Type": kind, "X-Request-Id": request_id, **IN_SHORT}
        if label:
            headers["X-Label"] = label
        response = self._post(self._path(version), image, headers, deadline_s)
        try:
            return ModelAnswer.from_json(response.json())
        except (KeyError, TypeError, ValueError) as error:
            log.error("The model server's answer is not what the contract says: %r", error)
            raise ModelUnavailable("The model server's answer can't be read.") from error

    def card(self, version: str = "") -> ModelCard:
        """The model card of a version, also where the management can't be reached; see `ModelServer.card`."""
        headers = {"Content-Type": "application/octet-stream", "X-Card": "true"}
        try:
            return ModelCard.from_json(self._post(self._path(version), b"", headers, CARD_TIMEOUT_S).content)
        except UnknownVersion:
            raise
        except ImageRefused as error:  # an earlier handler looks for an image
            raise ModelUnavailable(
                "The model server can't give its model card, as an earlier Retinote started it. Restart it."
            ) from error
        except CardError as error:
            log.error("The model server's card is not valid: %r", error)
            raise ModelUnavailable("The model server's card can't be read.") from error

    def is_ready(self) -> bool:
        """Whether TorchServe answers and has a worker for the default version.

        A ping alone is not enough: it succeeds where no model is registered, and fails as long as one worker of any
        version is missing. In a container it has to do, as the management can't be reached; there TorchServe's key is
        published, and readiness reported, only once the models are served.
        """
        try:
            ping = self._session.get(
                f"{self._url}/ping", headers=self._key.headers(), timeout=(CONNECT_TIMEOUT_S, PING_TIMEOUT_S)
            )
            return ping.ok and (
                self._management is None
                or any(
                    version.is_default and version.ready_workers
                    for version in self._management.versions(self._model)
                )
            )
        except (requests.RequestException, ServingError):
            return False

    def authorization(self) -> str:
        """The Authorization header with TorchServe's key, "" where it needs none.

        Raises ModelUnavailable when the key can't be read or renewed.
        """
        try:
            return self._key.headers().get("Authorization", "")
        except ServingError as error:
            raise ModelUnavailable(str(error)) from error

    def versions(self) -> list[ServedVersion]:
        """The registered versions of the model; raises ModelUnavailable."""
        if self._management is None:
            raise ModelUnavailable(
                "The model server's management can't be reached from here; "
                "`retinote models list` in its container lists the versions."
            )
        try:
            registered = self._management.versions(self._model)
        except ServingError as error:
            raise ModelUnavailable(str(error)) from error
        return [
            ServedVersion(
                name=version.name,
                version=version.version,
                is_default=version.is_default,
                status=version.status,
                workers=len(version.workers),
                ready_workers=version.ready_workers,
                pending_requests=version.pending_requests,
            )
            for version in registered
        ]

    def metrics(self) -> bytes | None:
        """The metrics of the TorchServe beside this web app; None where Prometheus asks it directly.

        Raises ModelUnavailable.
        """
        if self._metrics_socket is None:
            return None
        try:
            return read_metrics(self._metrics_socket)
        except ServingError as error:
            raise ModelUnavailable(str(error)) from error

    def _path(self, version: str) -> str:
        """The address of a version for predictions, "" for the default."""
        return f"/predictions/{quote(self._model)}" + (f"/{quote(version)}" if version else "")

    def _post(self, path: str, image: bytes, headers: dict[str, str], deadline_s: float) -> requests.Response:
        ends = time.monotonic() + deadline_s
        reason = "it does not answer"
        renewed = False
        for pause_s in (0.0, *PAUSES_S):
            left_s = ends - time.monotonic() - pause_s
            if left_s <= 0:
                break
            time.sleep(pause_s)
            try:
                response = self._send(path, image, headers, left_s)
                if _key_refused(response) and not renewed:
                    renewed = True
                    self._key.renew()
                    response = self._send(path, image, headers, left_s)
            except requests.Timeout as error:
                # It may still be working on this request: another one would only add to its load.
                raise ModelUnavailable(f"The model server took longer than {deadline_s:.0f} s.") from error
            except (requests.RequestException, ServingError) as error:
                reason = type(error).__name__
                continue
            if response.ok:
                return response
            reason = f"status {response.status_code}"
            if response.status_code not in BUSY_STATUSES and not _key_refused(response):
                raise _refusal(response)
        log.warning("The model server can't answer: %s", reason)
        raise ModelUnavailable(f"The model server can't answer ({reason}).")

    def _send(
        self, path: str, image: bytes, headers: dict[str, str], read_timeout_s: float
    ) -> requests.Response:
        return self._session.post(
            self._url + path,
            data=image,
            headers=headers | self._key.headers(),
            timeout=(CONNECT_TIMEOUT_S, read_timeout_s),
        )


def _json(response: requests.Response) -> dict[str, Any]:
    try:
        content = response.json()
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _key_refused(response: requests.Response) -> bool:
    return response.status_code in (400, 401, 403) and _json(response).get("type") == "InvalidKeyException"


def _refusal(response: requests.Response) -> Exception:
    content = _json(response)
    error = content.get("error")
    if isinstance(error, dict):
        kind = ImageRefused if response.status_code < 500 else ModelFault
        return kind(str(error.get("code", "refused")), str(error.get("message", "")))
    if content.get("type") == "ModelVersionNotFoundException":
        return UnknownVersion("unknown_version", "The model server knows no such version of the model.")
    if response.status_code == 413:
        return ImageRefused("too_large", "The image is too large for the model server.")
    log.error("The model server answered %s: %s", response.status_code, content.get("type", "no type"))
    return ModelUnavailable(f"The model server failed with status {response.status_code}.")


@lru_cache(maxsize=32)
def _client(
    url: str, management_url: str, key_file: str, model: str, metrics_socket: str
) -> TorchServeClient:
    return TorchServeClient(url, management_url, key_file, model, metrics_socket)


def client(model: str = "") -> ModelServer:
    """The client of the TorchServe that the settings name, for a model; without one for the default modality's.

    There is one for all threads, so that they share connections.
    """
    return _client(
        settings.MODEL_URL,
        settings.MODEL_MANAGEMENT_URL,
        settings.MODEL_KEY_FILE,
        model or settings.MODEL_NAME,
        settings.MODEL_METRICS_SOCKET,
    )
