"""The call that nginx makes (`auth_request`) before it passes a service's call on to the model server."""

from __future__ import annotations

import hmac
import logging
import re

from django.conf import settings
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods
from pymongo.errors import PyMongoError

from webapp.api.errors import body
from webapp.core import modalities, request_id
from webapp.gateway.admission import Admission, Outcome, admit
from webapp.inference.model_server import ModelUnavailable, model_client
from webapp.metrics import instruments
from webapp.versions import choosing

log = logging.getLogger(__name__)

GATEWAY_HEADER = "X-Gateway-Secret"
KEY_HEADER = "X-Api-Key"
MODEL_HEADER = "X-Model-Authorization"
"""What the gateway sends to the model server in place of the service's key."""
ROUTE_HEADER = "X-Model-Route"
"""What the gateway adds to the address of a call without a version: `/VERSION` of a canary, or nothing."""
REFUSAL_HEADER = "X-Key-Refusal"
"""The code of a refusal, by which the gateway says why: it sees no body of what is said here."""
SUBJECT_HEADER, ASKED_HEADER = "X-Subject", "X-Original-URI"
WITHOUT_VERSION = re.compile(r"/inference/([A-Za-z0-9][A-Za-z0-9_.-]*)")
LONGEST_SUBJECT = 200
BEARER = "bearer "
REFUSALS = {
    Outcome.UNKNOWN: ("key_unknown", "This service key is not known. Send it as Authorization: Bearer KEY."),
    Outcome.EXPIRED: ("key_expired", "This service key has expired. Ask an administrator for a new one."),
    Outcome.REVOKED: ("key_revoked", "This service key was revoked. Ask an administrator for a new one."),
    Outcome.LIMITED: (
        "key_limit_reached",
        "This service key has used up its calls of this minute. Try again in {wait_s} s.",
    ),
}


@csrf_exempt  # no cookie counts here: the two secrets in the headers do
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def inference_key(request: HttpRequest) -> HttpResponse:
    """204 with the model server's own key for a call with a valid service key, else why it is refused.

    The answer also says which version is to answer. Only the gateway gets an answer. For everybody else there is nothing
    at this address.
    """
    if not _is_gateway(request):
        raise Http404
    try:
        admission = admit(key_of_call(request))
        instruments.SERVICE_KEY_CALLS.labels(admission.service, admission.outcome).inc()
        refusal = refusal_of(admission)
        if refusal:
            log.info("service %s: %s", admission.service or "-", admission.outcome)
            refusal[REFUSAL_HEADER] = REFUSALS[admission.outcome][0]
            return refusal
        headers = {MODEL_HEADER: model_client().authorization(), ROUTE_HEADER: route(request, admission)}
        return HttpResponse(status=204, headers=headers)
    except (PyMongoError, DatabaseError) as error:
        log.error("The database does not answer: %s", type(error).__name__)
        reason = "Service keys can't be looked up at the moment."
    except ModelUnavailable as error:
        log.error("No key of the model server: %s", error)
        reason = "The model server is not available at the moment."
    return JsonResponse(body("unavailable", f"{reason} Try again in a minute."), status=503)


def route(request: HttpRequest, admission: Admission) -> str:
    """`/VERSION` for a call that a canary answers; "" for all others, also for those that name their version.

    A caller keeps to one version by naming whom the picture is of (X-Subject); otherwise each call is a subject.
    """
    asked = WITHOUT_VERSION.fullmatch(request.headers.get(ASKED_HEADER, ""))
    if asked is None or asked[1] not in modalities.models():
        return ""
    subject = request.headers.get(SUBJECT_HEADER, "")[:LONGEST_SUBJECT] or request_id.current()
    choice = choosing.choose(f"direct {admission.service}\n{subject}", direct=True, model=asked[1])
    return f"/{choice.version}" if choice.version else ""


def _is_gateway(request: HttpRequest) -> bool:
    expected: str = settings.GATEWAY_SECRET
    given = request.headers.get(GATEWAY_HEADER, "")
    return bool(expected) and hmac.compare_digest(given.encode(), expected.encode())


def key_of_call(request: HttpRequest) -> str:
    """The service key that a call shows; "" without one."""
    authorization = request.headers.get("Authorization", "")
    if authorization.lower().startswith(BEARER):
        return authorization[len(BEARER) :].strip()
    return request.headers.get(KEY_HEADER, "").strip()


def refusal_of(admission: Admission) -> HttpResponse | None:
    """Why the call is refused; None for one that is admitted."""
    if admission.outcome is Outcome.ALLOWED:
        return None
    code, message = REFUSALS[admission.outcome]
    if admission.outcome is Outcome.LIMITED:
        wait_s = admission.retry_after_s
        headers = {"Retry-After": str(wait_s)}
        return JsonResponse(body(code, message.format(wait_s=wait_s)), status=429, headers=headers)
    headers = {"WWW-Authenticate": 'Bearer realm="inference"'}
    return JsonResponse(body(code, message), status=401, headers=headers)
