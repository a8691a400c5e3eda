"""Searches the audit's records by who, what and when, and names the accounts in them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from bson import ObjectId
from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet

from webapp.audit.models import Record


def ids_of_name(name: str) -> list[str]:
    """The ids of the accounts (one, or none) with this name for signing in."""
    known: Any = get_user_model()  # a higher layer decides which model accounts are
    found = known._default_manager.filter(**{known.USERNAME_FIELD: name}).values_list("pk", flat=True)
    return [str(pk) for pk in found]


def by_actor(text: str) -> Q:
    """Records by an account, given its name (then or today) or id, or by an operating system's user, given the name."""
    accounts = ids_of_name(text)
    return Q(actor_name=text) | Q(actor__in=[text, f"operator:{text}", *accounts])


def about(text: str) -> Q:
    """Records about an object, or a scan with all that belongs to it and all lists that it was in, given its id.

    Or about an account, given its name.
    """
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
    """The sealed records that match all of these, newest first; from `since` on and before `until`."""
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
    """Who did it: the account's name then, and what has become of it; else the record's actor."""
    today = accounts.get(record.actor, "")
    then = record.actor_name or ""
    if not then:  # an older record, or nobody with an account
        return today or record.actor
    if not today:
        return f"{then} (deleted)"
    return then if then == today else f"{then} (now {today})"
