"""What comes after the rest of its series was read."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.volume_files import bscans, localizer
from tests.webapp.conftest import Clients
from tests.webapp.pacs.test_sending import dicom
from tests.webapp.pacs.test_sending import receiver as pacs_of_the_clinic
from tests.webapp.receiver.conftest import read_all, send, series
from tests.webapp.volumes.conftest import answer
from webapp.accounts.models import User
from webapp.core import clock
from webapp.pacs.models import Destination
from webapp.pacs.queue import send_due
from webapp.receiver import reading
from webapp.receiver.listening import Receiver
from webapp.receiver.models import Arrival, Instance, State
from webapp.reviews import reading as verdicts
from webapp.scans.models import Scan, Status
from webapp.volumes import leads
from webapp.volumes.models import Volume

DETAILS = ("patient_ref", "eye", "acquired", "note", "micrometres_x", "micrometres_y")


def told_of_each(user: User, api: Clients) -> list[dict[str, Any]]:
    """What is said of each B-scan of the one volume, as the user sees it."""
    [lead] = api(user).get("/api/v1/scans/").json()["results"]
    bscans = api(user).get("/api/v1/scans/", {"volume": lead["volume"]["id"]}).json()["results"]
    return [{name: scan[name] for name in DETAILS} for scan in bscans]


@pytest.mark.parametrize(
    "correction",
    [
        {"patient_ref": "P-1", "eye": "OS", "acquired": "2024-03", "note": "seen"},
        {"micrometres_x": 5.5, "micrometres_y": 3.9},
        {"patient_ref": "", "eye": ""},
    ],
    ids=["changed", "measured", "cleared"],
)
def test_what_was_corrected_holds_for_bscans_that_come_later(
    receiver: Receiver, clinician: User, api: Clients, correction: dict[str, Any]
) -> None:
    *early, late = series(3)
    send(receiver, *early)
    read_all()
    [lead] = api(clinician).get("/api/v1/scans/").json()["results"]
    assert lead["eye"] == "OD"
    assert api(clinician).patch(f"/api/v1/scans/{lead['id']}/", correction).status_code == 200

    send(receiver, late)
    read_all()

    first, *others = told_of_each(clinician, api)
    assert first.items() >= correction.items()
    assert others == [first, first]


def test_bscans_that_come_after_a_verdict_on_their_volume_are_read_too(
    receiver: Receiver, clinician: User, api: Clients
) -> None:
    *early, late = series(3)
    send(receiver, *early)
    read_all()
    [lead] = api(clinician).get("/api/v1/scans/").json()["results"]
    verdicts.record(Scan.objects.get(pk=lead["id"]), clinician, label="CNV")

    send(receiver, late)
    read_all()

    bscans = api(clinician).get("/api/v1/scans/", {"volume": lead["volume"]["id"]}).json()["results"]
    assert [(scan["reviewed"], scan["reader_count"]) for scan in bscans] == [(True, 1)] * 3


def places_in(page: dict[str, Any]) -> list[int]:
    """Which places of their volume the scans of a page have."""
    return [scan["volume"]["place"] for scan in page["results"]]


def test_bscans_that_came_later_are_listed_at_their_places(
    receiver: Receiver, clinician: User, api: Clients
) -> None:
    instances = series(5)
    for some in (instances[1::2], instances[::2]):
        send(receiver, *some)
        read_all()
    client, asked = api(clinician), {"volume": str(Volume.objects.get().pk)}

    page = client.get("/api/v1/scans/", asked).json()
    assert places_in(page) == [0, 1, 2, 3, 4]
    keys = [scan["id"] for scan in page["results"]]
    history = client.get("/api/v1/history/", asked).json()
    assert [scan["id"] for scan in history["results"]] == keys

    first = client.get("/api/v1/scans/", asked | {"page_size": 2}).json()
    second = client.get(first["next"]).json()
    assert (places_in(first), places_in(second)) == ([0, 1], [2, 3])
    assert places_in(client.get(second["next"]).json()) == [4]
    assert places_in(client.get(second["previous"]).json()) == [0, 1]
    assert places_in(client.get("/api/v1/scans/", asked | {"after": keys[2]}).json()) == [3, 4]
    of_another_list = first["next"].replace(f"volume={asked['volume']}", "volume=")
    assert client.get(of_another_list).status_code == 404


@pytest.mark.parametrize("count", [1, 2], ids=["a scan", "a volume"])
def test_the_report_of_what_came_first_is_replaced_by_that_of_the_whole_series(
    receiver: Receiver,
    clinician: User,
    colleague: User,
    administrator: User,
    api: Clients,
    settings: Any,
    count: int,
) -> None:
    settings.DICOM_ORIGIN = "keep"
    instances = series(5)
    with pacs_of_the_clinic(lambda _: 0) as (port, given):
        Destination.objects.create(name="pacs", account=administrator, sends=["sr"], **dicom(port))
        send(receiver, *instances[:count])
        read_all()
        verdicts.record(lead_once_all_are_answered(), clinician, "agree")
        send_due()
        send(receiver, *instances[count:])
        read_all()
        verdicts.record(lead_once_all_are_answered(), colleague, "agree")
        send_due()

    first, second = given
    (study,) = second.PredecessorDocumentsSequence
    replaced = study.ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
    assert replaced.ReferencedSOPInstanceUID == first.SOPInstanceUID
    for scan in Scan.objects.all():
        [sending] = api(clinician).get(f"/api/v1/scans/{scan.pk}/sendings/").json()
        assert (sending["what"], sending["status"]) == ("sr", "sent")


def lead_once_all_are_answered() -> Scan:
    """What stands for the series when the model has answered all that waits."""
    for scan in Scan.objects.filter(status=Status.QUEUED):
        answer(scan, 3, weights_sha256="ab" * 32)
    leads.follow_all()
    return Scan.objects.leading().get()


def forget_what_came(settings: Any) -> None:
    """Remove all originals that were read, as if they had come long ago."""
    hours, settings.DICOM_KEEP_HOURS = settings.DICOM_KEEP_HOURS, 0
    assert reading.forget_old()
    settings.DICOM_KEEP_HOURS = hours


def volumes_of(user: User, api: Clients) -> list[tuple[int, list[int]]]:
    """Each volume that the user's list has, newest first: how many B-scans it says it has, and the places of those."""
    found = []
    for lead in api(user).get("/api/v1/scans/").json()["results"]:
        if lead["volume"] is None:
            found.append((1, [0]))
            continue
        bscans = api(user).get(f"/api/v1/volumes/{lead['volume']['id']}/").json()
        found.append((bscans["count"], [bscan["place"] for bscan in bscans["bscans"]]))
    return found


def test_what_comes_when_the_originals_are_gone_is_a_scan_of_its_own(
    receiver: Receiver, clinician: User, api: Clients, settings: Any
) -> None:
    instances = series(5)
    send(receiver, *instances[:2])
    read_all()
    forget_what_came(settings)

    send(receiver, instances[2])
    read_all()
    assert volumes_of(clinician, api) == [(1, [0]), (2, [0, 1])]

    send(receiver, *instances[3:])
    read_all()
    assert volumes_of(clinician, api) == [(3, [0, 1, 2]), (2, [0, 1])]
    assert Scan.objects.count() == 5
    assert {arrival.state for arrival in Arrival.objects.all()} == {State.READ}


@pytest.mark.parametrize("is_photograph", [False, True], ids=["B-scan", "photograph"])
def test_what_comes_when_the_first_original_is_gone_leaves_the_volume_as_it_is(
    receiver: Receiver, clinician: User, api: Clients, settings: Any, is_photograph: bool
) -> None:
    instances = series(4)
    send(receiver, *instances[:3])
    read_all()
    long_ago = clock.now() - timedelta(hours=settings.DICOM_KEEP_HOURS + 1)
    Instance.objects.filter(sop_uid=instances[0].SOPInstanceUID).update(received=long_ago)
    assert reading.forget_old() == 1

    send(receiver, localizer(bscans(1)[0]) if is_photograph else instances[3])
    read_all()

    assert volumes_of(clinician, api) == [*([] if is_photograph else [(1, [0])]), (3, [0, 1, 2])]
    assert not Instance.objects.filter(is_read=False).exists()


def test_a_volume_without_its_originals_is_deleted_without_what_came_later(
    receiver: Receiver, clinician: User, api: Clients, settings: Any
) -> None:
    instances = series(3)
    send(receiver, *instances[:2])
    read_all()
    forget_what_came(settings)
    send(receiver, instances[2])
    read_all()

    assert api(clinician).delete(f"/api/v1/volumes/{Volume.objects.get().pk}/").status_code == 204
    assert volumes_of(clinician, api) == [(1, [0])]

    send(receiver, *instances)
    read_all()
    assert volumes_of(clinician, api) == [(2, [0, 1]), (1, [0])]
