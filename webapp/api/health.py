"""Whether the web app is alive, and whether the services that it needs answer."""

from __future__ import annotations

import logging

from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from pymongo.errors import PyMongoError

from operations.version import installed_version
from webapp.core import modalities
from webapp.inference.model_server import model_client

log = logging.getLogger(__name__)


@never_cache
@require_safe
def alive(request: HttpRequest) -> JsonResponse:
    """200 as long as the process answers, with Retinote's version."""
    return JsonResponse({"status": "ok", "version": installed_version()})


@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """200 when requests can be served, 503 when not, with the state of each dependency.

    Without the model server the app is ready but degraded: uploads are kept and predicted later. It is asked for the
    default modality's model.
    """
    database = _database_answers()
    model_server = model_client(modalities.default().model).is_ready()
    status = "unavailable" if not database else "ok" if model_server else "degraded"
    states = {
        "mongodb": "ok" if database else "unavailable",
        "model_server": "ok" if model_server else "unavailable",
    }
    return JsonResponse({"status": status, "dependencies": states}, status=200 if database else 503)


def _database_answers() -> bool:
    try:
        connection.ensure_connection()
        connection.database.client.admin.command("ping")  # type: ignore[attr-defined]
    except PyMongoError as error:
        log.error("The database does not answer: %s", type(error).__name__)
        return False
    return True
