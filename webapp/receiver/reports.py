"""The queue of reports on storage commitment: who has ended its association gets them over one of ours (PS3.4, J.3.3)."""

from __future__ import annotations

import logging
import ssl
from datetime import timedelta
from typing import Any

from bson import ObjectId
from django.conf import settings
from django.db import DatabaseError
from django.db.models import F
from pymongo.errors import PyMongoError

from webapp.core import clock
from webapp.receiver import filing
from webapp.receiver.commitment import COMMITMENT, SOP_INSTANCE_OF_ALL, Asked, report_on
from webapp.receiver.models import CommitmentReport, Sender

log = logging.getLogger(__name__)

GRACE = timedelta(seconds=30)
"""So long a sender has to answer a report over its own association, while that lasts."""
CLAIM = timedelta(minutes=2)
"""Longer than one report can take."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=10), timedelta(minutes=15)
GIVE_UP_AFTER = timedelta(days=1)
CONNECT_S, ANSWER_S = 5, 30
BATCH = 50
REASON_LETTERS = 300
SUCCESS = 0x0000


class NotTaken(Exception):
    """The sender did not take a report, and may later."""


def keep(sender: Sender, host: str, asked: Asked) -> ObjectId | None:
    """Note that the sender waits for a report; None for one that takes none over an association of ours."""
    if sender.report_port is None:
        return None
    kept = CommitmentReport.objects.create(
        sender=sender,
        host=host,
        transaction=asked.transaction,
        instances=[list(each) for each in asked.named],
        next_attempt_at=clock.now() + GRACE,
    )
    return ObjectId(str(kept.pk))


def answered(key: ObjectId) -> None:
    """The sender has taken it."""
    CommitmentReport.objects.filter(pk=key).delete()


def send_soon(key: ObjectId) -> None:
    """The sender ended its association without an answer to it."""
    CommitmentReport.objects.filter(pk=key).update(next_attempt_at=clock.now())


def send_due() -> int:
    """Send the reports that are due; returns how many were tried."""
    tried = 0
    while tried < BATCH and (report := _claim()) is not None:
        tried += 1
        _send(report)
    return tried


def _claim() -> CommitmentReport | None:
    """The next report that is due, if this caller is the one to send it."""
    now = clock.now()
    due = CommitmentReport.objects.filter(next_attempt_at__lte=now, claimed_until__lte=now)
    for key in list(due.order_by("next_attempt_at").values_list("pk", flat=True)[:BATCH]):
        until = clock.now() + CLAIM
        if due.filter(pk=key).update(claimed_until=until):
            return (
                CommitmentReport.objects.select_related("sender").filter(pk=key, claimed_until=until).first()
            )
    return None


def _send(report: CommitmentReport) -> None:
    try:
        filing.file_all()
        _deliver(report)
    except (NotTaken, filing.Busy, OSError, ValueError, RuntimeError, DatabaseError, PyMongoError) as error:
        _later(report, str(error) if isinstance(error, NotTaken) else type(error).__name__)
    else:
        answered(ObjectId(str(report.pk)))
        log.info("%s has its report on %d instance(s)", report.sender, len(report.instances))


def _later(report: CommitmentReport, reason: str) -> None:
    now = clock.now()
    if now - report.asked > GIVE_UP_AFTER:
        log.error("%s did not take a report on storage commitment: %s", report.sender, reason)
        CommitmentReport.objects.filter(pk=report.pk).delete()
        return
    log.warning("%s gets a report on storage commitment later: %s", report.sender, reason)
    pause = min(FIRST_PAUSE * 2 ** min(report.attempts, 16), LONGEST_PAUSE)
    CommitmentReport.objects.filter(pk=report.pk).update(
        attempts=F("attempts") + 1,
        next_attempt_at=now + pause,
        claimed_until=now,
        reason=reason[:REASON_LETTERS],
    )


def _deliver(report: CommitmentReport) -> None:
    """Send it over an association of ours, in which we are the provider of the service. Raises NotTaken, OSError."""
    # Imported on demand: few processes of an installation send anything.
    from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
    from pynetdicom import AE, build_role

    from imaging.dicom.associating import associate

    sender = report.sender
    if sender.report_port is None or not sender.enabled:
        raise NotTaken("The sender takes no reports over an association of ours.")
    made = report_on(Asked(report.transaction, [(each[0], each[1]) for each in report.instances]), sender)
    entity = AE(ae_title=settings.DICOM_AE_TITLE)
    entity.connection_timeout = entity.acse_timeout = CONNECT_S
    entity.dimse_timeout = entity.network_timeout = ANSWER_S
    entity.add_requested_context(COMMITMENT, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
    context = _tls()
    secured: dict[str, Any] = {"tls_args": (context, report.host)} if context else {}
    association = associate(
        entity,
        report.host,
        sender.report_port,
        ae_title=sender.ae_title,
        ext_neg=[build_role(COMMITMENT, scp_role=True)],
        **secured,
    )
    if not association.is_established:
        raise NotTaken(f"No association with {report.host} port {sender.report_port}.")
    try:
        if not any(each.as_scp for each in association.accepted_contexts):
            raise NotTaken("It does not let us report (storage commitment, with us as provider).")
        answer, _ = association.send_n_event_report(made.data, made.event, COMMITMENT, SOP_INSTANCE_OF_ALL)
    finally:
        association.release()
    status = answer.get("Status")
    if status != SUCCESS:
        raise NotTaken("It did not answer." if status is None else f"It answered with status 0x{status:04X}.")


def _tls() -> ssl.SSLContext | None:
    """As whom we connect where the receiver speaks TLS: with its certificate, to who has one of the same authorities."""
    if not settings.DICOM_TLS_CERTIFICATE:
        return None
    context = ssl.create_default_context(cafile=settings.DICOM_TLS_CLIENTS or None)
    context.check_hostname = False  # devices are known by address, and named in no certificate
    context.load_cert_chain(settings.DICOM_TLS_CERTIFICATE, settings.DICOM_TLS_KEY or None)
    return context
