"""`python -m django clinic_sim`: behind `./retinote clinic-sim`, which knows nothing of the web app."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from webapp.accounts.abilities import Ability
from webapp.accounts.models import User
from webapp.audit.models import Action
from webapp.audit.recording import acting, by_operator, record
from webapp.gateway import issuing
from webapp.gateway.models import ServiceKey
from webapp.origins.models import DicomOrigin
from webapp.pacs.models import Destination, When, may_stand_for
from webapp.pacs.results import What
from webapp.receiver.models import Arrival, Sender
from webapp.scans.models import Scan, Status

NAME, CLINIC = "clinic-sim", "Simulated clinic"
DEVICE, PACS = "CLINICSIM", "SIMPACS"
LOOPBACK = "127.0.0.1"


class Command(BaseCommand):
    """Let a simulated clinic in, or tell what became of what it sent."""

    help = "Let the simulated clinic of ./retinote clinic-sim in, or tell what became of what it sent."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to do, and with which port or studies."""
        parser.add_argument("action", choices=["prepare", "look"])
        parser.add_argument("given", nargs="*", help="prepare: the PACS's port; look: studies")

    def handle(self, *args: Any, action: str, given: list[str], **options: Any) -> None:
        """Print what was asked for, as JSON. Raises CommandError."""
        with by_operator():
            answer = _prepare(int(given[0])) if action == "prepare" else {each: _look(each) for each in given}
        self.stdout.write(json.dumps({study: found for study, found in answer.items() if found is not None}))


def _may_manage(user: User) -> bool:
    return user.may(Ability.MANAGE) and may_stand_for(user)


def _prepare(port: int) -> dict[str, Any]:
    """Enter the device, a key and the PACS; a key of an earlier run ends."""
    administrator = next(filter(_may_manage, User.objects.order_by("pk").iterator()), None)
    if administrator is None:
        raise CommandError("There is no administrator, by whom keys are issued.")
    if not Sender.objects.filter(ae_title=DEVICE, clinic=CLINIC).exists():
        sender = Sender.objects.create(ae_title=DEVICE, network=LOOPBACK, clinic=CLINIC)
        record(Action.SENDER_CREATE, acting(), "sender", after=sender)
    for former in ServiceKey.objects.filter(service=NAME, revoked_at=None):
        issuing.revoke(former, administrator)
    key = issuing.issue(ServiceKey(service=NAME, clinic=CLINIC), administrator)
    destination = Destination.objects.filter(name=NAME).first() or Destination(name=NAME)
    destination.host, destination.port, destination.ae_title = LOOPBACK, port, PACS
    destination.sends = [What.SR, What.HEATMAP, What.PDF]
    destination.when, destination.clinic, destination.account = When.ANSWERED, CLINIC, administrator
    try:
        destination.full_clean()
    except ValidationError as error:
        raise CommandError("; ".join(error.messages)) from error
    destination.save()
    return {"key": key, "ae_title": settings.DICOM_AE_TITLE}


def _look(study: str) -> dict[str, Any] | None:
    """What became of a study; None while nothing of it was read."""
    arrivals = list(Arrival.objects.filter(clinic=CLINIC, study_uid=study))
    stands = list(
        Scan.objects.filter(pk__in=[each.scan_id for each in arrivals if each.scan_id]).select_related(
            "volume"
        )
    )
    reason = next((each.reason for each in arrivals if each.reason), "")
    if not stands and not reason:
        return None
    first = stands[0] if stands else Scan()
    line = Scan.objects.leading().filter(clinic=CLINIC, patient_ref=first.patient_ref, eye=first.eye)
    waiting = sum(scan.together().exclude(status=Status.PREDICTED).count() for scan in stands)
    volumes = [scan.volume_id for scan in stands if scan.volume_id]
    return {
        "reason": reason,
        "origin": DicomOrigin.objects.filter(volume__in=volumes).exists(),
        "volumes": len(stands),
        "patient": first.patient_ref,
        "eye": first.eye,
        "on_line": line.count() if first.patient_ref and first.eye else 0,
        "waiting": waiting,
        "answered": bool(stands) and not waiting,
        "enface": all(scan.volume is not None and scan.volume.enface_name for scan in stands),
    }
