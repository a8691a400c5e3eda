"""The one module that talks to the model server: pooled connections, bounded waits, typed answers."""

from __future__ import annotations

import base64
import logging
import time
from dataclasses import dataclass, field
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
from serving.management import ManagementClient, ModelVersion
from webapp.recommendations.answers import State

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 1.0
PING_TIMEOUT_S = 2.0
CARD_TIMEOUT_S = 4.0
PAUSES_S = (0.1, 0.3)  # before the second and third try
POOL_SIZE = 32
# The overlay shows a reader where to look; the scan and the heat map, from which it can be drawn again, are kept
# without loss. As PNG it would be four fifths of the answer and of what is stored.
OVERLAY_FORMAT = "jpeg"
# TorchServe: no workers or a full queue, and a worker that died while it had the request.
BUSY_STATUSES = frozenset({502, 503, 504, 507})


class ModelUnavailable(Exception):
    """The model server can't answer now; the same request may succeed later."""


class ImageRefused(Exception):
    """The model server looked at the request and refuses it; trying again changes nothing."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class UnknownVersion(ImageRefused):
    """The asked version of the model is not registered."""


@dataclass(frozen=True)
class ModelAnswer:
    """What the model server said of one image. Regions are in pixels of the image that was sent."""

    label: str
    confidence: float
    probabilities: dict[str, float]
    model_name: str
    model_version: str
    weights_sha256: str
    quality: dict[str, Any]
    gradcam_label: str
    overlay: bytes
    heatmap: bytes
    regions: list[dict[str, Any]] = field(default_factory=list)
    caveats: list[str] = field(default_factory=list)
    familiarity: float | None = None
    known: bool | None = None
    prediction_set: list[str] | None = None
    state: str = ""
    because: str = ""
    group: str = ""
    nearest: list[str] = field(default_factory=list)
    calibration: str = ""

    @classmethod
    def from_json(cls, answer: dict[str, Any]) -> ModelAnswer:
        """Read the model server's answer; raises KeyError, TypeError or ValueError when it isn't one."""
        gradcam = answer["gradcam"]
        return cls(
            label=answer["prediction"]["label"],
            confidence=answer["prediction"]["confidence"],
            probabilities=answer["probabilities"],
            model_name=answer["model"]["name"],
            model_version=answer["model"]["version"],
            weights_sha256=answer["model"]["weights_sha256"],
            quality=answer["quality"],
            gradcam_label=gradcam["label"],
            overlay=base64.b64decode(gradcam["overlay"]),
            heatmap=base64.b64decode(gradcam["heatmap"]),
            regions=gradcam["regions"],
            # Archives of earlier handlers don't tell these.
            caveats=answer.get("caveats", []),
            familiarity=answer.get("familiarity"),
            known=answer.get("known"),
            prediction_set=answer.get("prediction_set"),
            state=State(answer["state"]).value if answer.get("state") else "",
            because=answer.get("because") or "",
            group=answer.get("group") or "",
            nearest=answer.get("nearest") or [],
            calibration=answer.get("calibration") or "",
        )


class ModelClient:
    """Asks one model server for predictions; safe to share between threads."""

    def __init__(self, url: str, management_url: str, key_file: str, model: str) -> None:
        self._url = url.rstrip("/")
        self._model = model
        path = Path(key_file) if key_file else None
        self._key = InferenceKey(path, management_url)
        # Out of reach where the model server runs in a container: only tools in there manage models.
        self._management = (
            ManagementClient(management_url, ManagementKey(path, management_url)) if management_url else None
        )
        self._session = requests.Session()
        # No proxy stands before a peer on a private network, and looking for one costs each request.
        self._session.trust_env = False
        self._session.mount("http", HTTPAdapter(pool_maxsize=POOL_SIZE))

    def predict(
        self, image: bytes, *, deadline_s: float, request_id: str, version: str = "", label: str = ""
    ) -> ModelAnswer:
        """Prediction and heat map of an image in a file format that the model server reads, of `label` when given, else of the most probable one.

        Raises ModelUnavailable when no answer came within `deadline_s`, ImageRefused when the image or the label
        is at fault, UnknownVersion when `version` is not registered.
        """
        path = f"/predictions/{quote(self._model)}" + (f"/{quote(version)}" if version else "")
        # TorchServe drops a query on this path, so options of a raw body travel as headers.
        kind = media_type(image) or "application/octet-stream"
        headers = {"Content-Type": kind, "X-Request-Id": request_id, "X-Overlay-Format": OVERLAY_FORMAT}
        if label:
            headers["X-Label"] = label
        response = self._post(path, image, headers, deadline_s)
        try:
            return ModelAnswer.from_json(response.json())
        except (KeyError, TypeError, ValueError) as error:
            log.error("The model server's answer is not what the contract says: %r", error)
            raise ModelUnavailable("The model server's answer can't be read.") from error

    def card(self) -> ModelCard:
        """The model card of the version that answers now, also where the management is out of reach.

        Raises ModelUnavailable.
        """
        headers = {"Content-Type": "application/octet-stream", "X-Card": "true"}
        path = f"/predictions/{quote(self._model)}"
        try:
            return ModelCard.from_dict(self._post(path, b"", headers, CARD_TIMEOUT_S).json())
        except ImageRefused as error:  # it looked for an image
            raise ModelUnavailable(
                "The model server does not tell its card: it was started by an earlier Retinote. Start it anew."
            ) from error
        except (CardError, ValueError) as error:
            log.error("The model server's card is not what it should be: %r", error)
            raise ModelUnavailable("The model server's card can't be read.") from error

    def is_ready(self) -> bool:
        """Whether the model server answers and has a worker for the version that answers by default.

        What its ping says is not enough: it is content without any model, and discontent for as long as one worker
        of any version is missing. In a container it has to be: there its key is published, and its readiness told,
        once the models are served.
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
        """The Authorization header of whoever calls the model server now, empty where it asks for no key.

        Raises ModelUnavailable when the key can't be had.
        """
        try:
            return self._key.headers().get("Authorization", "")
        except ServingError as error:
            raise ModelUnavailable(str(error)) from error

    def versions(self) -> list[ModelVersion]:
        """The registered versions of the model; raises ModelUnavailable."""
        if self._management is None:
            raise ModelUnavailable(
                "The model server's management can't be reached from here; "
                "`retinote models list` in its container tells its versions."
            )
        try:
            return self._management.versions(self._model)
        except ServingError as error:
            raise ModelUnavailable(str(error)) from error

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
                # It may still be working on this one: asking again would only add to its load.
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
        return ImageRefused(str(error.get("code", "refused")), str(error.get("message", "")))
    if content.get("type") == "ModelVersionNotFoundException":
        return UnknownVersion("unknown_version", "The model server knows no such version of the model.")
    if response.status_code == 413:
        return ImageRefused("too_large", "The image is too large for the model server.")
    log.error("The model server answered %s: %s", response.status_code, content.get("type", "no type"))
    return ModelUnavailable(f"The model server failed with status {response.status_code}.")


@lru_cache(maxsize=8)
def _client(url: str, management_url: str, key_file: str, model: str) -> ModelClient:
    return ModelClient(url, management_url, key_file, model)


def model_client() -> ModelClient:
    """The client for the model server of the settings."""
    return _client(
        settings.MODEL_URL, settings.MODEL_MANAGEMENT_URL, settings.MODEL_KEY_FILE, settings.MODEL_NAME
    )
