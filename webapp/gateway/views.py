"""The call that nginx makes (`auth_request`) before it passes a service's call on to the model server."""

from __future__ import annotations

import hmac
import logging

from django.conf import settings
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods
from pymongo.errors import PyMongoError

from webapp.api.errors import body
from webapp.gateway.admission import Admission, Outcome, admit
from webapp.inference.model_server import ModelUnavailable, model_client
from webapp.metrics import instruments

log = logging.getLogger(__name__)

GATEWAY_HEADER = "X-Gateway-Secret"
KEY_HEADER = "X-Api-Key"
MODEL_HEADER = "X-Model-Authorization"
"""What the gateway sends to the model server in place of the service's key."""
BEARER = "bearer "
REFUSALS = {
    Outcome.UNKNOWN: ("key_unknown", "This service key is not known. Send it as Authorization: Bearer KEY."),
    Outcome.EXPIRED: ("key_expired", "This service key has expired. Ask an administrator for a new one."),
    Outcome.REVOKED: ("key_revoked", "This service key was revoked. Ask an administrator for a new one."),
}


@csrf_exempt  # no cookie counts here: the two secrets in the headers do
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def inference_key(request: HttpRequest) -> HttpResponse:
    """204 with the model server's own key for a call with a valid service key, else why it is refused.

    Only the gateway gets an answer. For everybody else there is nothing at this address.
    """
    if not _is_gateway(request):
        raise Http404
    try:
        admission = admit(key_of_call(request))
        instruments.SERVICE_KEY_CALLS.labels(admission.service, admission.outcome).inc()
        refusal = refusal_of(admission)
        if refusal:
            log.info("service %s: %s", admission.service or "-", admission.outcome)
            return refusal
        return HttpResponse(status=204, headers={MODEL_HEADER: model_client().authorization()})
    except (PyMongoError, DatabaseError) as error:
        log.error("The database does not answer: %s", type(error).__name__)
        reason = "Service keys can't be looked up at the moment."
    except ModelUnavailable as error:
        log.error("No key of the model server: %s", error)
        reason = "The model server is not available at the moment."
    return JsonResponse(body("unavailable", f"{reason} Try again in a minute."), status=503)


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
    if admission.outcome is Outcome.LIMITED:
        wait_s = admission.retry_after_s
        message = f"This service key has used up its calls of this minute. Try again in {wait_s} s."
        headers = {"Retry-After": str(wait_s)}
        return JsonResponse(body("key_limit_reached", message), status=429, headers=headers)
    headers = {"WWW-Authenticate": 'Bearer realm="inference"'}
    return JsonResponse(body(*REFUSALS[admission.outcome]), status=401, headers=headers)
