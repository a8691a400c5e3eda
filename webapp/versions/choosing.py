"""Which version answers a request: the default, or the canary for its share of the patients.

The canary's document is read for each request, and kept nowhere: what is stored counts from the next request on, in all
processes of all machines. The read takes some tenths of a millisecond.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from django.conf import settings
from django.db import connection
from django.utils.crypto import salted_hmac

from webapp.core.normal_form import normal
from webapp.inference.model_server import (
    ImageRefused,
    ModelAnswer,
    ModelUnavailable,
    UnknownVersion,
    model_client,
)
from webapp.versions import calls
from webapp.versions.models import Kind, Rollout, active_key

SALT = "webapp.versions.choosing"
BUCKETS = 2**64
LEAST_S = 0.1
"""Seconds that the default gets where a canary that is gone has used up the time."""
DEFAULT = ""
"""The version of a request that names none."""


@dataclass(frozen=True)
class Choice:
    """The version of a model to ask; "" for the default version, and for the default modality's model.

    `rollout` is the key of the canary that runs, `champion` its champion. `is_named` says that the caller has named it, so that no other may answer.
    """

    version: str = DEFAULT
    rollout: object = None
    champion: str = ""
    is_named: bool = False
    model: str = ""


def subject_of(circle: str, patient_ref: str, sha256: str) -> str:
    """Whom a picture is of, for the choice of a version: the patient within a clinic, else the file.

    `circle` is the clinic, or the user without one, within what a reference means one patient.
    """
    return f"patient {circle}\n{normal(patient_ref)}" if patient_ref else f"file {sha256}"


def share_of(purpose: str, subject: str) -> float:
    """A number from 0 to 100 (exclusive) that a keyed hash gives a subject, the same each time.

    Another purpose, such as another version, gives another one: it is not always the same patients who come first.
    """
    digest = salted_hmac(SALT, f"{purpose}\n{subject}", algorithm="sha256").digest()
    return int.from_bytes(digest[:8], "big") / BUCKETS * 100


def choose(subject: str, *, direct: bool = False, model: str = "") -> Choice:
    """The version of a model that answers the subject now; without one, of the default modality's.

    `direct`: the request is of a direct caller behind the gateway.
    """
    name: str = model or settings.MODEL_NAME
    collection = connection.get_collection(Rollout._meta.db_table)  # type: ignore[attr-defined]
    canary = collection.find_one({"active": active_key(Kind.CANARY, name)})
    if canary is None or direct and canary["web_app_only"]:
        return Choice(model=name)
    version: str = canary["version"]
    is_its = share_of(f"{name}/{version}", subject) < canary["percent"]
    return Choice(version if is_its else DEFAULT, canary["_id"], canary["champion"], model=name)


def predict(
    choice: Choice, image: bytes, *, deadline_s: float, request_id: str, label: str = ""
) -> ModelAnswer:
    """Ask the chosen version, and note how that went where a canary runs. Raises as `ModelServer.predict`.

    If the model server no longer has the canary, the default answers: nobody is refused for that. Needs no database.
    """
    ends = time.monotonic() + deadline_s
    try:
        return _noted(choice, image, deadline_s, request_id, label)
    except UnknownVersion:
        if choice.version == DEFAULT or choice.is_named:
            raise
        left = replace(choice, version=DEFAULT)
        return _noted(left, image, max(LEAST_S, ends - time.monotonic()), request_id, label)


def _noted(choice: Choice, image: bytes, deadline_s: float, request_id: str, label: str) -> ModelAnswer:
    failure: str | None = ""
    began = time.monotonic()
    try:
        return model_client(choice.model).predict(
            image, deadline_s=deadline_s, request_id=request_id, version=choice.version, label=label
        )
    except UnknownVersion:
        # The version has not failed: a server that has just started loads it after the default.
        failure = None
        raise
    except (ImageRefused, ModelUnavailable) as error:
        failure = error.code
        raise
    finally:
        if choice.rollout is not None and failure is not None:
            ms = (time.monotonic() - began) * 1000
            calls.note(choice.rollout, choice.version or choice.champion, failure, ms)
