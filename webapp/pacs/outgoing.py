"""What is sent to a destination, and by which protocol."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from imaging.dicom.results.instance import Written
from imaging.dicom.results.report import Predecessor
from webapp.fhir.bundle import bundle_of
from webapp.pacs import association, web
from webapp.pacs.models import FHIR, Destination, Protocol, Sending, may_stand_for
from webapp.pacs.network import Refused
from webapp.pacs.results import NothingToSend, What, make
from webapp.scans.models import Scan
from webapp.volumes.serializers import lead_of


@dataclass(frozen=True)
class Outgoing:
    """A result that is ready: an object of DICOM, or a bundle."""

    content_key: str
    """The same for the same content."""
    written: Written | None = None
    bundle: dict[str, Any] | None = None
    replaces: Sequence[str] = ()
    """Study, series and instance of the report that this one replaces."""

    @property
    def study(self) -> str:
        """Of an object of DICOM."""
        return self.written.study if self.written else ""

    @property
    def series(self) -> str:
        """Of an object of DICOM."""
        return self.written.series if self.written else ""

    @property
    def instance(self) -> str:
        """Of an object of DICOM."""
        return self.written.instance if self.written else ""


def prepare(sending: Sending) -> Outgoing:
    """Make what is to be sent, as the destination's account may know it.

    Raises NothingToSend, Refused for an account that may not stand for the destination, and what `results.make` raises.
    """
    account = sending.destination.account
    if not may_stand_for(account):
        raise Refused("The account by which it is sent may not do that any more.", for_good=True)
    scan = Scan.objects.visible_to(account).filter(pk=sending.scan_id).first()
    if scan is None:
        raise NothingToSend("The account by which it is sent may not see the scan.")
    lead = lead_of(list(scan.together().order_by("place")), account)
    if sending.what == FHIR:
        bundle = bundle_of(lead, account, whole=True)
        lasting = {name: value for name, value in bundle.items() if name != "timestamp"}
        return Outgoing(
            hashlib.sha256(json.dumps(lasting, sort_keys=True).encode()).hexdigest(), bundle=bundle
        )
    written = make(sending.what, lead, account, whole=True)
    key = hashlib.sha256(written.instance.encode()).hexdigest()
    if sending.what != What.SR or not sending.instance:
        return Outgoing(key, written)
    # As before, it is the same report, which replaces what that has replaced.
    is_same = sending.content == key
    before = sending.replaces if is_same else [sending.study, sending.series, sending.instance]
    if before:
        written = make(sending.what, lead, account, whole=True, replaces=[Predecessor(*before)])
    return Outgoing(key, written, replaces=before)


def deliver(destination: Destination, outgoing: Outgoing) -> None:
    """Send it. Raises Unreachable, Refused."""
    if outgoing.bundle is not None:
        web.post_bundle(destination, outgoing.bundle)
    elif outgoing.written is not None and destination.protocol == Protocol.STOW:
        web.stow(destination, outgoing.written)
    elif outgoing.written is not None:
        association.store(destination, outgoing.written)


def echo(destination: Destination) -> str:
    """Ask a destination whether it is there and lets us in; what it says, in a sentence. Raises Unreachable, Refused."""
    return association.echo(destination) if destination.protocol == Protocol.DICOM else web.echo(destination)
