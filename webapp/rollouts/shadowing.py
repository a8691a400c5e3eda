"""The worker's part of a shadow: scans that were answered are answered again by the challenger, for nobody to see.

Nothing is added to an upload. The worker finds what was answered since the shadow began and has no answer of it yet, so
that nothing is lost with a message or a process.
"""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import Any

from bson import ObjectId
from django.db import IntegrityError

from webapp.audit.models import Action
from webapp.audit.recording import SYSTEM, record
from webapp.core import clock, request_id
from webapp.inference.model_server import (
    ImageRefused,
    ModelAnswer,
    ModelUnavailable,
    UnknownVersion,
    model_client,
)
from webapp.mongodb.transactions import all_or_nothing
from webapp.recommendations.rules import recommend
from webapp.rollouts.evidence import since
from webapp.rollouts.models import ShadowAnswer
from webapp.scans import prediction, storage
from webapp.scans.holding import hold
from webapp.scans.models import Scan
from webapp.scans.prediction import BACKGROUND_DEADLINE_S, IMAGE_MISSING
from webapp.versions.choosing import share_of
from webapp.versions.models import Kind, Rollout

log = logging.getLogger(__name__)

BATCH = 20
"""Scans that one run answers: the worker has other work, and comes again after 5 s."""
CHUNK = 200
LATE = timedelta(minutes=2)
"""Predictions may be stored so much later than their ids tell: they are looked for again."""
COMPARED_EVERY = 5
"""Of so many scans one is sent to the champion again, so that both times are taken alike."""
FIELDS = ("pk", "scan_id", "weights_sha256", "label", "confidence", "state", "recommendation")


def answer_due() -> int:
    """Have a challenger answer what is due in shadow; returns how many scans it has answered, or refused."""
    answered = 0
    for shadow in Rollout.objects.filter(active__isnull=False, kind=Kind.SHADOW):
        answered += _answer(shadow)
    return answered


def _answer(shadow: Rollout) -> int:
    answered = 0
    for given in _due(shadow):
        # Whoever waits comes first, also before what nobody will see.
        if answered >= BATCH or _somebody_waits():
            break
        try:
            _answer_one(shadow, given)
        except (ModelUnavailable, UnknownVersion):
            break  # `watching` ends a shadow whose version is gone
        except OSError as error:
            log.warning("%s waits, as images can't be read: %s", shadow, error.strerror)
            break
        answered += 1
    return answered


def _somebody_waits() -> bool:
    """Whether scans are due that can be predicted now: the model of their modality may be away, or not served any more."""
    waiting = Scan.objects.due().order_by().values_list("modality", flat=True).distinct()
    return any(map(prediction.is_ready, waiting))


def _due(shadow: Rollout) -> list[dict[str, Any]]:
    """The newest-but-unanswered predictions, oldest first; moves the shadow's cursor over what is done for good."""
    certain = ObjectId.from_datetime(clock.now() - LATE)
    after = ObjectId(shadow.cursor) if shadow.cursor else ObjectId.from_datetime(shadow.started)
    due: dict[object, dict[str, Any]] = {}
    done_up_to = after
    while len(due) < BATCH:
        page = list(
            since(shadow.started)
            .filter(pk__gt=after, model_name=shadow.model_name)
            .order_by("pk")
            .values(*FIELDS)[:CHUNK]
        )
        known = set(
            ShadowAnswer.objects.filter(
                rollout=shadow, scan__in=[given["scan_id"] for given in page]
            ).values_list("scan_id", flat=True)
        )
        for given in page:
            if _is_wanted(shadow, given) and given["scan_id"] not in known:
                due.setdefault(given["scan_id"], given)
            elif not due and given["pk"] < certain:
                done_up_to = given["pk"]
        if len(page) < CHUNK:
            break
        after = page[-1]["pk"]
    if str(done_up_to) != shadow.cursor:
        Rollout.objects.filter(pk=shadow.pk).update(cursor=str(done_up_to))
    return list(due.values())


def _is_wanted(shadow: Rollout, given: dict[str, Any]) -> bool:
    """Whether the challenger is to answer it: not what it has answered itself, and the share of scans."""
    purpose = f"shadow {shadow.model_name}/{shadow.version}"
    return (
        given["weights_sha256"] != shadow.weights_sha256
        and share_of(purpose, str(given["scan_id"])) < shadow.percent
    )


def _answer_one(shadow: Rollout, given: dict[str, Any]) -> None:
    # By its value: nobody looks at the scan.
    names = list(Scan.objects.filter(pk=given["scan_id"]).values_list("image_name", flat=True))
    if not names:
        return
    request_id.begin()
    try:
        image = storage.read(names[0])
        answer, ms = _timed(image, shadow.model_name, shadow.version)
    except FileNotFoundError:
        _store(shadow, given, failure=IMAGE_MISSING[0])
        return
    except UnknownVersion:
        raise
    except ImageRefused as refused:
        _store(shadow, given, failure=refused.code[:80])
        return
    except ModelUnavailable as error:
        if not model_client(shadow.model_name).is_ready():
            raise
        _store(shadow, given, failure=error.code[:80])
        return
    tier = recommend(
        answer.model_name, answer.probabilities, answer.quality, answer.caveats, answer.answer
    ).urgency
    compared = int(str(given["scan_id"])[-4:], 16) % COMPARED_EVERY == 0
    given_tier = (given["recommendation"] or {}).get("urgency", "")
    _store(
        shadow,
        given,
        weights_sha256=answer.weights_sha256,
        label=answer.label,
        confidence=answer.confidence,
        probabilities=answer.probabilities,
        state=answer.state,
        because=answer.because,
        urgency=tier,
        agrees=(answer.label, answer.state) == (given["label"], given["state"]),
        same_tier=tier == given_tier,
        ms=ms,
        given_ms=_champion_ms(image, shadow.model_name) if compared else None,
    )


def _timed(image: bytes, model: str, version: str) -> tuple[ModelAnswer, float]:
    began = time.monotonic()
    answer = model_client(model).predict(
        image, deadline_s=BACKGROUND_DEADLINE_S, request_id=request_id.current(), version=version
    )
    return answer, (time.monotonic() - began) * 1000


def _champion_ms(image: bytes, model: str) -> float | None:
    try:
        return _timed(image, model, "")[1]
    except (ModelUnavailable, ImageRefused):
        return None


def _store(shadow: Rollout, given: dict[str, Any], **said: Any) -> None:
    def write() -> None:
        hold(given["scan_id"])
        made = ShadowAnswer.objects.create(
            rollout=shadow,
            scan_id=given["scan_id"],
            given_sha256=given["weights_sha256"],
            given_label=given["label"],
            given_confidence=given["confidence"],
            given_state=given["state"] or "",
            given_urgency=(given["recommendation"] or {}).get("urgency", ""),
            **said,
        )
        record(
            Action.SHADOW_ANSWER,
            SYSTEM,
            "shadow answer",
            scan_id=given["scan_id"],
            after=made,
            weights_sha256=made.weights_sha256,
        )

    try:
        all_or_nothing(write)
    except (IntegrityError, Scan.DoesNotExist):
        pass  # another worker was first, or the scan was deleted meanwhile
