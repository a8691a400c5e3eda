"""What senders send by C-STORE becomes volumes and scans of their clinic."""

from __future__ import annotations

import io
from typing import Any

import imagecodecs
import pytest
from django.utils.dateparse import parse_datetime
from pydicom import FileDataset, dcmread
from pydicom.uid import CTImageStorage, JPEG2000Lossless, JPEGLosslessSV1

from tests.dicom_files import written
from tests.images import encoded
from tests.volume_files import Values, bscans, compressed, localizer, tomography
from tests.webapp.conftest import Clients
from tests.webapp.meanwhile import meanwhile
from tests.webapp.receiver.conftest import CLINIC, DEVICE, associated, read_all, send, series
from tests.webapp.volumes.conftest import busy_at
from webapp.accounts.models import User
from webapp.audit.models import Action, WaitingRecord
from webapp.core import clock
from webapp.receiver import filing, reading
from webapp.receiver.listening import Receiver
from webapp.receiver.models import Arrival, Instance, Sender, State
from webapp.scans import deletion, storage
from webapp.scans.deletion import delete_scan
from webapp.scans.models import Scan
from webapp.scans.sweep import sweep
from webapp.volumes.models import Volume

SUCCESS = 0x0000


def test_an_instance_of_several_frames_is_a_volume_of_the_clinic(
    receiver: Receiver, clinician: User, stranger: User, researcher: User, api: Clients
) -> None:
    assert send(receiver, tomography(bscans(5))) == [SUCCESS]
    assert not Scan.objects.exists()

    read_all()

    scans = list(Scan.objects.order_by("place"))
    assert [scan.place for scan in scans] == [0, 1, 2, 3, 4]
    assert {(scan.user, scan.clinic, scan.received_from, scan.eye) for scan in scans} == {
        (None, CLINIC, DEVICE, "OS")
    }
    assert Volume.objects.get().count == 5
    came = Instance.objects.get().received
    assert {scan.received_at for scan in scans} == {came}
    [listed] = api(clinician).get("/api/v1/scans/").json()["results"]
    volume = api(clinician).get(f"/api/v1/volumes/{listed['volume']['id']}/").json()
    assert (volume["received_from"], parse_datetime(volume["received_at"])) == (DEVICE, came)
    assert parse_datetime(listed["received_at"]) == came
    assert (listed["user_id"], listed["received_from"], listed["may_change"]) == ("", DEVICE, True)
    assert api(stranger).get("/api/v1/scans/").json()["results"] == []
    [hidden] = api(researcher).get("/api/v1/scans/").json()["results"]
    assert (hidden["user_id"], hidden["received_from"], hidden["may_change"]) == ("", "", False)
    assert hidden["received_at"] is None
    volume = api(researcher).get(f"/api/v1/volumes/{hidden['volume']['id']}/").json()
    assert (volume["received_from"], volume["received_at"]) == ("", None)


def test_lossless_jpeg_is_taken_as_everything_else_that_is_read(receiver: Receiver) -> None:
    streams = [imagecodecs.jpeg8_encode(image, lossless=True) for image in bscans(2)]
    file = written(compressed(tomography(bscans(2)), JPEGLosslessSV1, streams))

    assert send(receiver, dcmread(io.BytesIO(file))) == [SUCCESS]
    read_all()

    assert (Volume.objects.get().count, Scan.objects.count()) == (2, 2)


def in_jpeg_2000(data: FileDataset, images: Values) -> FileDataset:
    """The instance with its frames compressed: decoding them takes a process of its own, and so much memory."""
    streams = [encoded(image, "JPEG2000", no_jp2=True) for image in images]
    return dcmread(io.BytesIO(written(compressed(data, JPEG2000Lossless, streams))))


@pytest.mark.parametrize("frames", [1, 3], ids=["a picture", "a volume"])
def test_what_decoding_takes_most_of_the_room_for_is_read_beside_its_own_file(
    small_room: None, receiver: Receiver, frames: int
) -> None:
    images = bscans(frames)
    sent = series(1)[0] if frames == 1 else tomography(images)

    assert send(receiver, in_jpeg_2000(sent, images)) == [SUCCESS]
    read_all()

    assert (Arrival.objects.get().state, Scan.objects.count()) == (State.READ, frames)


def test_what_came_while_the_machine_was_busy_is_read_whole_later(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(receiver, in_jpeg_2000(tomography(bscans(3)), bscans(3)))
    with monkeypatch.context() as moment:
        busy_at(moment, 2)
        read_all()
    assert (Arrival.objects.get().state, Scan.objects.count()) == (State.WAITING, 0)

    Arrival.objects.update(claimed_until=clock.now())  # the pause ends
    read_all()

    assert (Arrival.objects.get().state, Scan.objects.count()) == (State.READ, 3)
    assert Volume.objects.get().gaps == []


def test_photographs_beside_a_volume_leave_it_the_room_to_be_decoded(
    small_room: None, receiver: Receiver
) -> None:
    send(receiver, localizer(bscans(1, width=256, height=192)[0]))
    send(receiver, in_jpeg_2000(tomography(bscans(3)), bscans(3)))
    read_all()
    assert (Scan.objects.count(), bool(Volume.objects.get().enface_name)) == (3, True)


def test_a_series_of_single_frames_is_a_volume(receiver: Receiver) -> None:
    assert send(receiver, *series(4)) == [SUCCESS] * 4
    read_all()
    assert (Volume.objects.get().count, Scan.objects.count()) == (4, 4)


def test_a_single_frame_is_a_scan(receiver: Receiver) -> None:
    send(receiver, *series(1))
    read_all()
    scan = Scan.objects.get()
    assert (scan.volume, scan.eye, scan.received_from) == (None, "OD", DEVICE)


def test_the_same_instance_twice_is_one(receiver: Receiver) -> None:
    instances = series(3)
    assert send(receiver, *instances, *instances) == [SUCCESS] * 6
    read_all()
    assert send(receiver, *instances) == [SUCCESS] * 3
    read_all()
    assert (Instance.objects.count(), Volume.objects.count(), Scan.objects.count()) == (3, 1, 3)
    assert len(list(storage.all_files())) == 6


def test_what_comes_later_completes_the_volume_and_keeps_what_was_said(receiver: Receiver) -> None:
    instances = series(5)
    send(receiver, instances[1], instances[2], instances[4])
    read_all()
    early = {scan.place: scan.pk for scan in Scan.objects.all()}
    assert [gap["place"] for gap in Volume.objects.get().gaps] == [2]

    Scan.objects.filter(pk=early[0]).update(note="seen")
    send(receiver, instances[0], instances[3])
    read_all()

    volume = Volume.objects.get()
    assert (volume.count, volume.gaps) == (5, [])
    scans = {scan.place: scan for scan in Scan.objects.all()}
    assert sorted(scans) == [0, 1, 2, 3, 4]
    assert scans[1].pk == early[0]
    assert scans[1].note == "seen"
    assert (scans[2].pk, scans[4].pk) == (early[1], early[3])
    assert [place for place, scan in scans.items() if scan.in_the_middle] == [2]
    assert Scan.objects.leading().count() == 1
    sweep(grace_s=0)
    assert all(storage.exists(scan.image_name) for scan in scans.values())


def test_a_scan_becomes_a_volume_when_the_rest_of_its_series_comes(receiver: Receiver) -> None:
    first, *others = series(3)
    send(receiver, first)
    read_all()
    alone = Scan.objects.get().pk
    send(receiver, *others)
    read_all()
    assert list(Scan.objects.order_by("place").values_list("place", flat=True)) == [0, 1, 2]
    assert Scan.objects.get(place=0).pk == alone
    assert Scan.objects.leading().count() == 1


def test_the_photograph_is_the_en_face_image_whenever_it_comes(receiver: Receiver) -> None:
    send(receiver, localizer(bscans(1)[0]))
    read_all()
    assert not Scan.objects.exists()
    send(receiver, tomography(bscans(3)))
    read_all()
    assert Volume.objects.get().enface_name


def test_a_photograph_that_comes_later_is_added(receiver: Receiver) -> None:
    send(receiver, tomography(bscans(3)))
    read_all()
    before = set(Scan.objects.values_list("pk", "image_name"))
    assert not Volume.objects.get().enface_name
    send(receiver, localizer(bscans(1)[0]))
    read_all()
    assert Volume.objects.get().enface_name
    assert set(Scan.objects.values_list("pk", "image_name")) == before


def test_instances_of_several_patients_in_a_series_are_refused_by_name(receiver: Receiver) -> None:
    ours, other = series(1)[0], series(2, PatientID="P-18")[1]
    send(receiver, ours, other)
    read_all()
    arrival = Arrival.objects.get()
    assert (arrival.state, arrival.code) == (State.REFUSED, "unsupported_image")
    assert "several patients" in arrival.reason
    assert not Scan.objects.exists()


def test_two_clinics_have_each_their_own(receiver: Receiver) -> None:
    Sender.objects.create(ae_title="OCT2", network="127.0.0.0/8", clinic="west")
    instances = series(2)
    send(receiver, *instances)
    send(receiver, *instances, calling="OCT2")
    read_all()
    assert sorted(Volume.objects.values_list("bscans__clinic", flat=True).distinct()) == [CLINIC, "west"]


def test_a_deleted_volume_takes_its_originals_along_and_may_come_again(
    receiver: Receiver, clinician: User, api: Clients
) -> None:
    instances = series(2)
    send(receiver, *instances)
    read_all()
    volume = Volume.objects.get().pk
    assert api(clinician).delete(f"/api/v1/volumes/{volume}/").status_code == 204
    assert not Instance.objects.exists()
    assert not Arrival.objects.exists()
    assert not list(storage.all_files())
    send(receiver, *instances)
    read_all()
    assert Volume.objects.count() == 1


def test_the_photographs_of_a_study_go_with_the_last_of_its_volumes(
    receiver: Receiver, clinician: User, api: Clients
) -> None:
    """They name the patient, and were taken beside all that came of the study."""
    of_another = localizer(bscans(1)[0])
    of_another.StudyInstanceUID = "1.2.826.0.1.3680043.8.498.77"
    of_another.SOPInstanceUID = of_another.file_meta.MediaStorageSOPInstanceUID = (
        "1.2.826.0.1.3680043.8.498.78"
    )
    photograph = localizer(bscans(1)[0])
    send(receiver, photograph, tomography(bscans(3)), *series(2), of_another)
    read_all()
    first, last = Volume.objects.order_by("pk").values_list("pk", flat=True)
    photographs = Instance.objects.filter(is_enface=True)

    assert api(clinician).delete(f"/api/v1/volumes/{first}/").status_code == 204
    assert photographs.filter(sop_uid=photograph.SOPInstanceUID).exists()

    assert api(clinician).delete(f"/api/v1/volumes/{last}/").status_code == 204
    kept = Instance.objects.get()
    assert kept.sop_uid == of_another.SOPInstanceUID
    assert [path.name for path in storage.all_files()] == [kept.file_name]


def test_a_refused_series_keeps_no_photographs_of_its_study(
    receiver: Receiver, clinician: User, api: Clients
) -> None:
    """It names the patient, and a refused series shows it to nobody."""
    of_several_patients = [series(1)[0], series(2, PatientID="P-18")[1]]
    photograph = localizer(bscans(1)[0])
    send(receiver, photograph, tomography(bscans(3)), *of_several_patients)
    read_all()
    assert Arrival.objects.filter(state=State.REFUSED).count() == 1

    assert api(clinician).delete(f"/api/v1/volumes/{Volume.objects.get().pk}/").status_code == 204

    kept = Instance.objects.all()
    assert {instance.sop_uid for instance in kept} == {each.SOPInstanceUID for each in of_several_patients}
    assert {path.name for path in storage.all_files()} == {instance.file_name for instance in kept}


def test_a_series_that_waits_to_be_read_keeps_the_photographs_of_its_study(
    receiver: Receiver, clinician: User, api: Clients
) -> None:
    send(receiver, localizer(bscans(1)[0]), tomography(bscans(3)))
    read_all()
    send(receiver, *series(2))
    filing.file_all()

    assert api(clinician).delete(f"/api/v1/volumes/{Volume.objects.get().pk}/").status_code == 204

    assert Instance.objects.filter(is_enface=True).exists()


def test_the_photographs_go_when_the_last_two_volumes_are_deleted_at_once(
    receiver: Receiver, clinician: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(receiver, localizer(bscans(1)[0]), tomography(bscans(3)), *series(2))
    read_all()
    first, last = (Scan.objects.filter(volume=volume)[0] for volume in Volume.objects.all())
    record_each = deletion.record_each

    def delete_the_other(*given: Any) -> None:
        monkeypatch.setattr(deletion, "record_each", record_each)
        meanwhile(lambda: delete_scan(last, clinician))
        record_each(*given)

    monkeypatch.setattr(deletion, "record_each", delete_the_other)
    delete_scan(first, clinician)

    assert not Volume.objects.exists()
    assert not Instance.objects.exists()
    assert not list(storage.all_files())


def test_originals_are_kept_for_a_while_only(receiver: Receiver, settings: object) -> None:
    send(receiver, *series(2))
    read_all()
    assert reading.forget_old() == 0
    settings.DICOM_KEEP_HOURS = 0  # type: ignore[attr-defined]
    assert reading.forget_old() == 2
    assert {path.suffix for path in storage.all_files()} == {".png"}
    assert send(receiver, *series(2)) == [SUCCESS] * 2
    read_all()
    assert Scan.objects.count() == 2


def test_the_sweep_leaves_what_waits_to_be_read(receiver: Receiver) -> None:
    send(receiver, *series(2))
    filing.file_all()
    assert sweep(grace_s=0).files_removed == 0
    read_all()
    assert Scan.objects.count() == 2


def test_other_sop_classes_are_not_accepted(receiver: Receiver) -> None:
    association = associated(receiver, classes=[str(CTImageStorage)])
    assert association.accepted_contexts == []
    association.abort()


def test_who_sent_is_in_the_audit(receiver: Receiver) -> None:
    send(receiver, *series(1))
    read_all()
    found = WaitingRecord.objects.get(action=Action.SCAN_UPLOAD, kind="scan")
    assert (found.actor, found.object_id) == (f"sender:{DEVICE}", str(Scan.objects.get().pk))


def test_an_administrator_deletes_what_was_sent(receiver: Receiver, administrator: User) -> None:
    send(receiver, *series(1))
    read_all()
    delete_scan(Scan.objects.get(), administrator)
    assert not Instance.objects.exists()
