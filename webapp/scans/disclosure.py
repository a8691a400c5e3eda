"""Notes what of a scan was shown to whom, so that the server itself knows who read blind.

Whatever sends answers of the model, or readings of others, notes it here before it sends them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bson import ObjectId
from django.db import connection
from pymongo import UpdateOne

from webapp.accounts.models import User
from webapp.core import clock
from webapp.scans.answered import Answered
from webapp.scans.models import Disclosure, Scan, reads_blind, sees_all_readings

MOST_SINGLE = 1000
"""More scans at once, such as the 50,000 of an export, are noted as all that exist; see `disclose_readings`."""


@dataclass(frozen=True)
class Disclosed:
    """What a user was shown of a scan: the model's answer, and others' readings.

    `label`, `model_version` and `state` are those of the answer that was shown last, "" where that is not known.
    """

    answer: bool
    readings: bool
    label: str
    model_version: str
    state: str


def disclosed_to(user: User, scan: Scan) -> Disclosed:
    """What the user was shown of the scan until now: of a B-scan, what was shown of any of its volume."""
    together = list(scan.together().values_list("pk", flat=True)) if scan.volume_id else [scan.pk]
    keys = [_key(user), *(_key(user, key) for key in together)]
    found = {note.scan_id: note for note in Disclosure.objects.filter(pk__in=keys)}
    everything, own = found.pop(None, None), found.get(scan.pk)

    def shown(name: str) -> bool:
        of_all = getattr(everything, name, None)
        singly = any(getattr(note, name) is not None for note in found.values())
        return singly or (of_all is not None and of_all >= scan.timestamp)

    return Disclosed(
        answer=shown("answer_at"),
        readings=shown("readings_at"),
        label=own.label if own else "",
        model_version=own.model_version if own else "",
        state=(own.state or "") if own else "",
    )


def disclose(user: User, scans: Collection[Scan]) -> None:
    """Note that scans are shown to the user, with all that lists and their own pages have.

    That is the model's answer unless it is hidden, and others' agreement and the settled label where these are open.
    """
    disclose_answers(user, scans)
    others = (
        scan.pk
        for scan in scans
        if scan.is_open_to(user) and (set(scan.readers) - {str(user.pk)} or scan.settled_label)
    )
    disclose_readings(user, others)


def disclose_answers(user: User, scans: Iterable[Scan]) -> None:
    """Note that the model's answers to the scans are shown to the user, except hidden ones."""
    shown = [scan for scan in scans if scan.label and not scan.hides_answer_from(user)]
    _note(
        user,
        "answer_at",
        {scan.pk: _said(scan) for scan in shown},
    )


def disclose_new_answers(user: User, answers: Mapping[ObjectId, Answered]) -> None:
    """Note that answers are shown to the user that nobody has seen before, by the keys of scans that nobody has read.

    One write, without a look at what is noted, in the transaction that stores the answers; none for a blind reader.
    """
    if reads_blind(user) or not answers:
        return
    now = clock.now()
    changes = [
        UpdateOne(
            {"_id": _key(user, scan_id)},
            [
                {
                    "$set": {
                        "user_id": user.pk,
                        "scan_id": scan_id,
                        "answer_at": {"$ifNull": ["$answer_at", now]},
                        **{name: {"$literal": value} for name, value in _said(answer).items()},
                    }
                }
            ],
            upsert=True,
        )
        for scan_id, answer in answers.items()
    ]
    _collection().bulk_write(changes, ordered=False, session=connection.session)  # type: ignore[attr-defined]


def disclose_readings(user: User, scan_ids: Iterable[ObjectId]) -> None:
    """Note that verdicts or shapes of others on the scans are shown to the user, or counts that tell them."""
    shown = list(dict.fromkeys(scan_ids))
    # A note on all that exist would be wrong for users who learn of readings by their own verdict alone.
    at_once = len(shown) if sees_all_readings(user) else MOST_SINGLE
    for at in range(0, len(shown), at_once or 1):
        _note(user, "readings_at", {scan_id: {} for scan_id in shown[at : at + at_once]})


def disclose_all_answers(user: User) -> None:
    """Note that the user learns something about the answers to all scans that exist; nothing for a blind reader."""
    if not reads_blind(user):
        _note_all(user, "answer_at")


def disclose_everything(user: User) -> None:
    """Note that the user may have seen the answers and readings of all scans that exist, hidden or not."""
    _note_all(user, "answer_at", "readings_at")


def _said(answer: Answered) -> dict[str, Any]:
    """What is noted of an answer that is shown."""
    return {"label": answer.label, "model_version": answer.model_version, "state": answer.state or ""}


def _note(user: User, moment: str, shown: Mapping[ObjectId, dict[str, Any]]) -> None:
    """Note when the scans were first shown, and the answers that were shown last. What is noted costs no write."""
    if not shown:
        return
    if len(shown) > MOST_SINGLE:
        _note_all(user, moment)
        return
    known = Disclosure.objects.in_bulk([_key(user, scan_id) for scan_id in shown])
    now = clock.now()
    changes = []
    for scan_id, values in shown.items():
        key = _key(user, scan_id)
        note = known.get(key)
        if note is None or getattr(note, moment) is None:
            values = values | {moment: now}
        elif all(getattr(note, name) == value for name, value in values.items()):
            continue
        born = {"user_id": user.pk, "scan_id": scan_id}
        changes.append(UpdateOne({"_id": key}, {"$set": values, "$setOnInsert": born}, upsert=True))
    if changes:
        _collection().bulk_write(changes, ordered=False, session=connection.session)  # type: ignore[attr-defined]


def _note_all(user: User, *moments: str) -> None:
    values = dict.fromkeys(moments, clock.now())
    change = {"$set": values, "$setOnInsert": {"user_id": user.pk, "scan_id": None}}
    _collection().update_one({"_id": _key(user)}, change, upsert=True, session=connection.session)  # type: ignore[attr-defined]


def _collection() -> Any:
    """The driver's collection, which upserts many documents in one write."""
    return connection.get_collection(Disclosure._meta.db_table)  # type: ignore[attr-defined]


def _key(user: User, scan_id: ObjectId | None = None) -> str:
    return f"{user.pk} {scan_id or ''}".strip()
