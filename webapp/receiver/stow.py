"""DICOMweb STOW-RS (PS3.18, 10.5): instances in a request of a service, stored for the clinic of its key."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import BadRequest, RequestDataTooBig
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from pymongo.errors import PyMongoError

from webapp.api.errors import DATABASE_AWAY, body, too_large
from webapp.api.limits import announced_bytes, limit_of
from webapp.api.turns import TooManyAtOnce, turns
from webapp.gateway.admission import Outcome, admit
from webapp.gateway.views import key_of_call, refusal_of
from webapp.metrics import instruments
from webapp.receiver import commands
from webapp.receiver.multipart import BadMultipart, Part, parts, type_and_parameters
from webapp.receiver.storing import NotTaken, Receiving, Said

log = logging.getLogger(__name__)

RELATED, DICOM, JSON = "multipart/related", "application/dicom", "application/dicom+json"
ANSWER_TYPES = (JSON, "application/json", "application/*", "*/*")
SOP_CLASS, SOP_INSTANCE, RETRIEVE_URL, REASON = "00081150", "00081155", "00081190", "00081197"
FAILED, STORED, OTHERS = "00081198", "00081199", "0008119A"
OTHER_STUDY = 0xA900


@dataclass
class _Result:
    """What became of the instances of a request."""

    stored: list[Said] = field(default_factory=list)
    failed: list[tuple[Said | None, int]] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    is_lasting: bool = True

    def fail(self, said: Said | None, fault: NotTaken) -> None:
        """Note an instance that was not stored."""
        self.failed.append((said, _status(fault)))
        self.reasons.append(fault.message)
        self.is_lasting = self.is_lasting and fault.is_lasting

    @property
    def status(self) -> int:
        """Of the answer: all, some or none were stored."""
        if not self.failed:
            return 200
        if self.stored:
            return 202
        return 409 if self.is_lasting else 503

    def told(self) -> dict[str, Any]:
        """The answer, in DICOM's JSON."""
        answer: dict[str, Any] = {RETRIEVE_URL: {"vr": "UR"}}  # nothing is retrieved here
        if self.stored:
            answer[STORED] = _sequence([_named(said) for said in self.stored])
        known = [(said, status) for said, status in self.failed if said is not None]
        if known:
            answer[FAILED] = _sequence([_named(said) | _reason(status) for said, status in known])
        if len(known) < len(self.failed):
            answer[OTHERS] = _sequence([_reason(status) for said, status in self.failed if said is None])
        return answer


@csrf_exempt  # no cookie counts here: the key in the headers does
@never_cache
@require_POST
def store_studies(request: HttpRequest, study: str = "") -> HttpResponseBase:
    """Store the instances of a request; of one study, where the address names it."""
    try:
        clinic, service, refused = _let_in(request)
    except (PyMongoError, DatabaseError) as error:
        log.error("The database does not answer: %s", type(error).__name__)
        return _refused(503, "unavailable", DATABASE_AWAY)
    if refused is not None:
        return refused
    media_type, parameters = type_and_parameters(request.headers.get("Content-Type", ""))
    if media_type != RELATED or parameters.get("type", DICOM).lower() != DICOM:
        return _refused(415, "unsupported_media_type", f'Send the body as {RELATED}; type="{DICOM}".')
    accepted = [each.partition(";")[0].strip() for each in request.headers.get("Accept", "*/*").split(",")]
    if not any(each in ANSWER_TYPES for each in accepted):
        return _refused(406, "not_acceptable", f"Answers are {JSON}.")
    result = _Result()
    try:
        with turns.taken(f"service {service}", announced_bytes(request.META)) as turn:
            for part in parts(request, parameters.get("boundary", "")):
                _store(part, clinic, service, study, result)
            turn.is_for_nothing = not result.stored
    except TooManyAtOnce as error:
        answer = _refused(error.status_code, error.default_code, str(error.detail))
        answer["Retry-After"] = str(error.wait)
        return answer
    except BadMultipart as error:
        # What was stored before stays, and is one when it comes again.
        return _refused(400, "bad_request", str(error))
    except RequestDataTooBig:
        return too_large(request, limit_of(RELATED, request.path))
    except (BadRequest, OSError):
        return _refused(400, "bad_request", "The body broke off.")
    if not result.stored and not result.failed:
        return _refused(400, "bad_request", "The body has no part.")
    if result.failed:
        log.warning("%d instance(s) of %s are refused: %s", len(result.failed), service, result.reasons[0])
    return JsonResponse(result.told(), status=result.status, content_type=JSON)


def _let_in(request: HttpRequest) -> tuple[str, str, HttpResponse | None]:
    """The clinic of the call's key, and the service; or why the call is refused."""
    admission = admit(key_of_call(request))
    instruments.SERVICE_KEY_CALLS.labels(admission.service, admission.outcome).inc()
    if admission.outcome is not Outcome.ALLOWED:
        return "", "", refusal_of(admission)
    if not admission.clinic:
        reason = "This service key may not store studies. An administrator gives it a clinic."
        return "", "", _refused(403, "permission_denied", reason)
    return admission.clinic, admission.service, None


def _store(part: Part, clinic: str, service: str, study: str, result: _Result) -> None:
    said = None
    try:
        if part.media_type != DICOM:
            raise NotTaken(f"A part is no {DICOM}")
        with Receiving(clinic, service) as receiving:
            for piece in part.pieces():
                receiving.write(piece)
            said = receiving.said()
            if study and said.study_uid != study:
                raise NotTaken("It is of another study than the address", is_other_class=True)
            receiving.store(said)
        result.stored.append(said)
    except NotTaken as fault:
        result.fail(said, fault)


def _status(fault: NotTaken) -> int:
    if not fault.is_lasting:
        return commands.NO_RESOURCES
    if fault.is_other_class:
        return OTHER_STUDY if "study" in fault.message else commands.CLASS_NOT_SUPPORTED
    return commands.NOT_UNDERSTOOD


def _sequence(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {"vr": "SQ", "Value": items}


def _named(said: Said) -> dict[str, Any]:
    return {
        SOP_CLASS: {"vr": "UI", "Value": [said.sop_class]},
        SOP_INSTANCE: {"vr": "UI", "Value": [said.sop_uid]},
    }


def _reason(status: int) -> dict[str, Any]:
    return {REASON: {"vr": "US", "Value": [status]}}


def _refused(status: int, code: str, message: str) -> HttpResponse:
    return JsonResponse(body(code, message), status=status)
