"""The queue of results: what is to be sent follows from answers and verdicts, and documents say what is left to do."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from bson import ObjectId
from django.db.models import F

from webapp.api.errors import StorageAway
from webapp.audit.models import Action
from webapp.audit.recording import SYSTEM, record
from webapp.core import clock
from webapp.mongodb.transactions import all_or_nothing
from webapp.origins.models import DicomOrigin
from webapp.pacs.models import FHIR, Destination, Sending, Status, When
from webapp.pacs.network import Refused, Unreachable
from webapp.pacs.outgoing import Outgoing, deliver, prepare
from webapp.pacs.results import NothingToSend, What
from webapp.scans.models import Scan
from webapp.scans.outcomes import Outcome
from webapp.scans.room import NoRoom

log = logging.getLogger(__name__)

CLAIM = timedelta(minutes=5)
"""Longer than sending one result can take (`network.py`)."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=10), timedelta(minutes=15)
MOST_ATTEMPTS = 10
"""Of a result that a destination can't take at the moment; with the pauses that is an hour and a half."""
GIVE_UP_AFTER = timedelta(days=7)
"""For a destination, or for pictures, that can't be reached."""
BATCH = 20
"""Results of one destination in one run: the worker has other work, too."""
NEED_PICTURES = (What.HEATMAP, What.PDF)
"""They are made of stored pictures; reports, drawn regions and bundles are not."""
IMAGES_AWAY = "The images can't be reached."
LEFT_ALONE = timedelta(minutes=1)
"""For so long after a try that could not reach the images nothing else needs them: a try may take as long itself
(`serving/shared/s3.py`)."""
LONGEST_REASON = 300


def on_outcome(outcome: Outcome, keys: Sequence[ObjectId]) -> None:
    """Put into the queue what an answer, a verdict or a correction makes of scans. For the transaction that stores it.

    A correction has sent again what was asked for before, and nothing for the first time.
    """
    ask = _ask_again if outcome is Outcome.CORRECTED else _ask
    destinations = Destination.objects.filter(enabled=True)
    if outcome is Outcome.ANSWERED:
        destinations = destinations.filter(when=When.ANSWERED)
    found = list(destinations)
    if not found:
        return
    for key, volume, clinic in Scan.objects.filter(pk__in=list(keys)).values_list(
        "pk", "volume_id", "clinic"
    ):
        together = [key]
        if volume:
            of_volume = dict(Scan.objects.filter(volume=volume).values_list("pk", "in_the_middle"))
            key = next((each for each, in_the_middle in of_volume.items() if in_the_middle), key)
            together = list(of_volume)
            is_dicom = DicomOrigin.objects.filter(volume=volume).exists()
        else:
            is_dicom = DicomOrigin.objects.filter(scan=key).exists()
        for destination in found:
            if destination.clinic in ("", clinic):
                for what in destination.kinds:
                    if is_dicom or what == FHIR:
                        ask(destination, key, what, together)


def _ask(destination: Destination, scan: ObjectId, what: str, together: Sequence[ObjectId]) -> None:
    """Have a result of a scan sent, or sent again if it has changed; `together` are all scans that it is of."""
    if not _ask_again(destination, scan, what, together):
        Sending.objects.create(destination=destination, scan_id=scan, what=what, **_anew())


def _ask_again(destination: Destination, scan: ObjectId, what: str, together: Sequence[ObjectId]) -> bool:
    """Have a result that was asked for before sent again if it has changed; returns whether there is one.

    `together` are all scans that it is of. When more of a volume comes, another B-scan is in its middle: what was sent of
    those before is replaced, and not left beside the new one.
    """
    known = Sending.objects.filter(destination=destination, scan__in=list(together), what=what)
    keys = dict(known.order_by("asked").values_list("scan_id", "pk"))
    if not keys:
        return False
    of_scan = keys.get(scan, list(keys.values())[-1])
    Sending.objects.filter(pk=of_scan).update(scan=scan, version=F("version") + 1, **_anew())
    return True


def _anew() -> dict[str, Any]:
    """What a result has to be given to be sent from now on."""
    now = clock.now()
    return {
        "status": Status.WAITING,
        "reason": "",
        "asked": now,
        "attempts": 0,
        "next_attempt_at": now,
    }


def send_again(sending: Sending) -> None:
    """Have a result sent, whether or not it has changed, and its destination tried at once."""
    Sending.objects.filter(pk=sending.pk).update(version=F("version") + 1, again=True, **_anew())
    Destination.objects.filter(pk=sending.destination_id).update(quiet_until=clock.now(), failures=0)


def send_due() -> int:
    """Send what is due, for each destination the oldest first; returns how many results were tried.

    While the images can't be reached, what is made of them is left alone, at all destinations: a try may take a minute,
    and the worker has other work.
    """
    tried = 0
    left_alone = NEED_PICTURES if _are_images_away() else ()
    for destination in Destination.objects.filter(enabled=True, quiet_until__lte=clock.now()):
        for _ in range(BATCH):
            sending = _claim(destination, left_alone)
            if sending is None:
                break
            tried += 1
            try:
                if not _send(sending):
                    break
            except StorageAway:
                left_alone = NEED_PICTURES
    return tried


def _are_images_away() -> bool:
    """Whether a result could not be made for want of the images a moment ago, or is being tried again after that."""
    since = clock.now() - LEFT_ALONE
    return Sending.objects.filter(status=Status.WAITING, reason=IMAGES_AWAY, claimed_until__gt=since).exists()


def _claim(destination: Destination, left_alone: Sequence[str]) -> Sending | None:
    """The next result that is due and of none of these kinds, if this caller is the one to send it."""
    now = clock.now()
    due = Sending.objects.filter(
        status=Status.WAITING, destination=destination, next_attempt_at__lte=now, claimed_until__lte=now
    ).exclude(what__in=left_alone)
    for key in list(due.order_by("next_attempt_at", "pk").values_list("pk", flat=True)[:BATCH]):
        until = clock.now() + CLAIM
        # One update with its condition inside: of two workers at the same moment, one finds nothing to update.
        if due.filter(pk=key).update(claimed_until=until):
            return Sending.objects.select_related("destination").filter(pk=key, claimed_until=until).first()
    return None


def _send(sending: Sending) -> bool:
    """Send a claimed result; false where its destination can't be reached, so that nothing else is tried there now.

    Raises StorageAway where the images can't be reached, once that is noted.
    """
    destination = sending.destination
    try:
        outgoing = prepare(sending)
    except (NothingToSend, NoRoom, Refused, OSError, ValueError) as error:
        _not_made(sending, error)
        if isinstance(error, StorageAway):
            raise
        return True
    if not sending.again and outgoing.content_key == sending.content:
        _sent(sending, outgoing, is_new=False)
        return True
    try:
        deliver(destination, outgoing)
    except (Unreachable, OSError) as error:
        _unreachable(sending, str(error))
        return False
    except ValueError as error:
        _not_made(sending, error)
        return True
    except Refused as error:
        if error.for_good:
            _end(sending, Status.FAILED, str(error))
        else:
            _later(sending, str(error))
    else:
        _sent(sending, outgoing, is_new=True)
    # Only here it has answered: what was not made says nothing about the destination.
    Destination.objects.filter(pk=destination.pk, failures__gt=0).update(failures=0, last_failure="")
    return True


def _not_made(sending: Sending, error: Exception) -> None:
    """Note that a result could not be made: for good, or at the moment."""
    if isinstance(error, NothingToSend):
        _end(sending, Status.NOTHING, str(error))
    elif isinstance(error, Refused):
        _end(sending, Status.FAILED, str(error))
    elif isinstance(error, NoRoom):
        _later(sending, "The server was busy with large pictures.")
    elif isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
        log.error("The pictures of scan %s can't be read: %s", sending.scan_id, error.strerror)
        reason = IMAGES_AWAY if isinstance(error, StorageAway) else "A stored picture can't be read."
        _until_given_up(sending, reason, _pause_of_pictures(sending))
    else:
        log.error("A result of scan %s can't be made: %s", sending.scan_id, type(error).__name__)
        _end(sending, Status.FAILED, "It can't be made: a stored picture is gone or can't be read.")


def _sent(sending: Sending, outgoing: Outgoing, is_new: bool) -> None:
    """Note what was sent; with `is_new` false nothing had to be, as the destination has it."""

    def write() -> None:
        told = Sending.objects.filter(pk=sending.pk)
        told.update(
            content=outgoing.content_key,
            sent=clock.now() if is_new else sending.sent,
            claimed_until=clock.now(),
            study=outgoing.study,
            series=outgoing.series,
            instance=outgoing.instance,
            replaces=list(outgoing.replaces),
        )
        # Else something has changed while it was sent, and it goes out again.
        told.filter(version=sending.version).update(status=Status.SENT, reason="", again=False)
        if is_new:
            _record(Action.RESULT_SEND, sending)

    all_or_nothing(write)


def _record(action: Action, sending: Sending) -> None:
    record(action, SYSTEM, sending.what, object_id=sending.destination_id, scan_id=sending.scan_id)


def _end(sending: Sending, status: Status, reason: str) -> None:
    def write() -> None:
        ended = Sending.objects.filter(pk=sending.pk, version=sending.version)
        ended.update(status=status, reason=reason[:LONGEST_REASON])
        Sending.objects.filter(pk=sending.pk).update(claimed_until=clock.now())
        if status == Status.FAILED:
            _record(Action.RESULT_FAIL, sending)

    all_or_nothing(write)
    if status == Status.FAILED:
        log.error("A result of scan %s was not sent to %s: %s", sending.scan_id, sending.destination, reason)


def _later(sending: Sending, reason: str) -> None:
    if sending.attempts + 1 >= MOST_ATTEMPTS:
        _end(sending, Status.FAILED, f"{reason} Tried {MOST_ATTEMPTS} times.")
        return
    _wait(sending, reason, attempts=sending.attempts + 1, pause=_pause(sending.attempts))


def _unreachable(sending: Sending, reason: str) -> None:
    """Leave the destination alone for a while, longer each time. That counts as no attempt of the result."""
    destination = sending.destination
    pause = _pause(destination.failures)
    Destination.objects.filter(pk=destination.pk).update(
        failures=F("failures") + 1, quiet_until=clock.now() + pause, last_failure=reason[:LONGEST_REASON]
    )
    log.warning("%s can't be reached: %s", destination, reason)
    _until_given_up(sending, reason, pause)


def _until_given_up(sending: Sending, reason: str, pause: timedelta) -> None:
    """Try a result again after a pause, which counts as no attempt, or give it up after days."""
    if clock.now() - sending.asked > GIVE_UP_AFTER:
        _end(sending, Status.FAILED, f"{reason} Tried for {GIVE_UP_AFTER.days} days.")
        return
    _wait(sending, reason, attempts=sending.attempts, pause=pause)


def _wait(sending: Sending, reason: str, attempts: int, pause: timedelta) -> None:
    now = clock.now()
    Sending.objects.filter(pk=sending.pk, version=sending.version).update(
        reason=reason[:LONGEST_REASON], attempts=attempts, next_attempt_at=now + pause
    )
    Sending.objects.filter(pk=sending.pk).update(claimed_until=now)


def _pause(before: int) -> timedelta:
    doublings: int = 2 ** min(before, 16)
    return min(FIRST_PAUSE * doublings, LONGEST_PAUSE)


def _pause_of_pictures(sending: Sending) -> timedelta:
    """As long as it has waited so far, so that it grows without being counted."""
    return min(max(clock.now() - sending.asked, FIRST_PAUSE), LONGEST_PAUSE)
