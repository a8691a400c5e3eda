"""Records signing in and out, by the signals that Django sends for all ways of doing so."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models import Model
from django.utils.crypto import salted_hmac

from webapp.audit.models import Action
from webapp.audit.recording import ANONYMOUS, record
from webapp.audit.search import ids_of_name


def listen() -> None:
    """Connect to the signals, before django-axes does: its receivers may stop a signal."""
    user_logged_in.connect(_signed_in, dispatch_uid="audit")
    user_logged_out.connect(_signed_out, dispatch_uid="audit")
    user_login_failed.connect(_failed, dispatch_uid="audit")


def signed_out(user: Model, by: Model | None = None) -> None:
    """Record that the user has signed out, or was signed out `by` an administrator."""
    record(Action.SIGN_OUT, by or user, "user", object_id=user.pk)


def _signed_in(sender: object, user: Model, **_: Any) -> None:
    record(Action.SIGN_IN, user, "user", object_id=user.pk)


def _signed_out(sender: object, user: Model | None, **_: Any) -> None:
    if user is not None:
        signed_out(user)


def _failed(sender: object, credentials: dict[str, Any], **_: Any) -> None:
    name = str(credentials.get("username", ""))
    known = next(iter(ids_of_name(name)), None)
    # People type passwords where names belong. A keyed hash tells only whether two tries had the same name.
    object_id = known or salted_hmac("webapp.audit.sign_ins", name, algorithm="sha256").hexdigest()
    record(Action.SIGN_IN_FAILED, ANONYMOUS, "user" if known else "unknown name", object_id=object_id)
