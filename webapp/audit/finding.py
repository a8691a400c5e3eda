"""Finding records by who, what and when, and telling who that was by name."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from bson import ObjectId
from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet

from webapp.audit.models import Record


def ids_of_name(name: str) -> list[str]:
    """The ids of the accounts (one, or none) that people sign in to by this name."""
    known: Any = get_user_model()
    # Which model accounts are is for a higher layer to know.
    found = known._default_manager.filter(**{known.USERNAME_FIELD: name}).values_list("pk", flat=True)
    return [str(pk) for pk in found]


def by_actor(text: str) -> Q:
    """Of an account by its name, then or today, or its id; or of an operating system's user by name."""
    accounts = ids_of_name(text)
    return Q(actor_name=text) | Q(actor__in=[text, f"operator:{text}", *accounts])


def about(text: str) -> Q:
    """About an object, or a scan and all that belongs to it and all lists that it was in, by id; or an account by name."""
    accounts = ids_of_name(text)
    return Q(object_id__in=[text, *accounts]) | Q(scan_id=text) | Q(scan_ids__overlap=[text])


def records(
    *,
    actor: str = "",
    object_id: str = "",
    action: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[Record]:
    """The sealed records that all of these find, newest first; from `since` on and before `until`."""
    found = Record.objects.order_by("-number")
    if actor:
        found = found.filter(by_actor(actor))
    if object_id:
        found = found.filter(about(object_id))
    if action:
        found = found.filter(action=action)
    if since:
        found = found.filter(time__gte=since)
    if until:
        found = found.filter(time__lt=until)
    return found


def accounts_of(found: Iterable[Record]) -> dict[str, str]:
    """Today's names of the accounts that the records are by or about, by id."""
    ids = {id for record in found for id in (record.actor, record.object_id) if ObjectId.is_valid(id or "")}
    known: Any = get_user_model()
    accounts = known._default_manager.filter(pk__in=[ObjectId(id) for id in ids]).values_list(
        "pk", known.USERNAME_FIELD
    )
    return {str(pk): name for pk, name in accounts}


def actor_of(record: Record, accounts: dict[str, str]) -> str:
    """Who did it: the account's name then, and what has become of it; else what the record has in place of one."""
    today = accounts.get(record.actor, "")
    then = record.actor_name or ""
    if not then:  # an older record, or nobody with an account
        return today or record.actor
    if not today:
        return f"{then} (deleted)"
    return then if then == today else f"{then} (now {today})"
