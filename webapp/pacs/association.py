"""Sends by DICOM's own protocol: C-STORE and C-ECHO, as a service class user (PS3.4)."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from imaging.dicom.results.instance import Written
from webapp.pacs.models import Destination
from webapp.pacs.network import ANSWER_S, CONNECT_S, Refused, Unreachable, tls

VERIFICATION = "1.2.840.10008.1.1"
"""The SOP class of C-ECHO."""
SUCCESS, OUT_OF_RESOURCES = 0x0000, 0xA700
WARNINGS = range(0xB000, 0xC000)
"""It is stored, with a remark (PS3.4, B.2.3)."""
TRY_LATER = range(OUT_OF_RESOURCES, OUT_OF_RESOURCES + 0x100)


def store(destination: Destination, written: Written) -> None:
    """Send one object. Raises Unreachable, Refused."""
    # Imported on demand: few processes of an installation send anything.
    from pydicom import dcmread
    from pydicom.uid import UID

    with _association(destination, written.kind) as association:
        if not any(context.abstract_syntax == written.kind for context in association.accepted_contexts):
            raise Refused(
                f"{destination} does not take objects of this kind ({UID(written.kind).name}).", for_good=True
            )
        answer = association.send_c_store(dcmread(io.BytesIO(written.content)))
        _check(destination, answer)


def echo(destination: Destination) -> str:
    """Ask whether it is there. Raises Unreachable, Refused."""
    with _association(destination, VERIFICATION) as association:
        if not association.accepted_contexts:
            raise Refused(f"{destination} lets us in, but does not answer C-ECHO.", for_good=False)
        _check(destination, association.send_c_echo())
    return f"{destination} answers C-ECHO as {destination.ae_title}."


def _check(destination: Destination, answer: Any) -> None:
    status = getattr(answer, "Status", None)
    if status is None:
        raise Unreachable(f"{destination} did not answer in time.")
    if status != SUCCESS and status not in WARNINGS:
        raise Refused(
            f"{destination} did not take it (status 0x{status:04X}).", for_good=status not in TRY_LATER
        )


@contextmanager
def _association(destination: Destination, kind: str) -> Iterator[Any]:
    from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
    from pynetdicom import AE

    from imaging.dicom.associating import associate

    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)  # what it says is said here
    entity = AE(ae_title=destination.calling_ae_title)
    entity.connection_timeout, entity.acse_timeout = CONNECT_S, CONNECT_S
    entity.dimse_timeout = entity.network_timeout = ANSWER_S
    entity.add_requested_context(kind, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
    options: dict[str, Any] = (
        {"tls_args": (tls(destination.name), destination.host)} if destination.tls else {}
    )
    association = associate(
        entity, destination.host, destination.port, ae_title=destination.ae_title, **options
    )
    if association.is_rejected:
        raise Refused(
            f"{destination} refuses the association: does it know {destination.calling_ae_title}, and is it "
            f"{destination.ae_title}?",
            for_good=False,
        )
    if not association.is_established:
        # It may have taken the connection and none of what we offered.
        if association.rejected_contexts:
            raise Refused(f"{destination} takes none of the objects that are offered.", for_good=True)
        raise Unreachable(f"{destination} can't be reached at {destination.host}:{destination.port}.")
    try:
        yield association
    finally:
        association.release()
