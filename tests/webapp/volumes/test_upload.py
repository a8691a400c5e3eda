"""A file of several B-scans comes in, stays together, and is read."""

from __future__ import annotations

import errno
import io
import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from PIL import Image
from pydicom.uid import JPEG2000Lossless
from rest_framework.response import Response

from imaging.laterality import suggested
from tests.dicom_files import written
from tests.images import bscan, encoded, png_bytes
from tests.services import ModelServer
from tests.volume_files import bscans, compressed, localizer, opt, tomography, zipped
from tests.volumes import tiff_of, tiff_volume
from tests.waiting import wait_for
from tests.webapp.conftest import Clients
from tests.webapp.report_text import report_text
from tests.webapp.volumes.conftest import busy_at
from training.simulator.enface import ENFACE_UM
from training.simulator.volume_writing import as_zip
from training.simulator.volumes import simulate_volume
from webapp.accounts.models import User
from webapp.api.limits import limit_of
from webapp.scans import prediction, storage
from webapp.scans.models import Prediction, Scan, Status
from webapp.scans.sweep import sweep
from webapp.volumes.models import Volume

Upload = Callable[..., Response]
PATH = "/api/v1/volumes/"


def jpeg_2000(count: int = 3) -> bytes:
    """A volume that is decoded in a process of its own."""
    streams = [encoded(image, "JPEG2000", no_jp2=True) for image in bscans(count)]
    return written(compressed(tomography(bscans(count)), JPEG2000Lossless, streams))


def as_files(contents: dict[str, bytes]) -> list[SimpleUploadedFile]:
    return [SimpleUploadedFile(name, content) for name, content in contents.items()]


def test_a_volume_is_kept_whole_and_answered_with_its_middle(
    away: None, clinician: User, upload: Upload, api: Clients
) -> None:
    answer = upload(clinician, tiff_volume(5), eye="OD", patient_ref="P-7")

    assert answer.status_code == 202, answer.content
    lead = answer.json()
    assert lead["volume"] == {"id": lead["volume"]["id"], "place": 2, "count": 5}
    volume = api(clinician).get(f"{PATH}{lead['volume']['id']}/").json()
    assert (volume["lead"], volume["count"], volume["gaps"], volume["complete"]) == (lead["id"], 5, [], False)
    assert volume["statuses"] == {"queued": 5, "predicted": 0, "failed": 0}
    assert [each["place"] for each in volume["bscans"]] == [0, 1, 2, 3, 4]
    assert (volume["answer"], volume["enface"]) == (None, None)
    assert volume["spacing"] == {"x": None, "z": None, "between": None}
    for each in volume["bscans"]:
        scan = api(clinician).get(f"/api/v1/scans/{each['id']}/").json()
        assert (scan["eye"], scan["patient_ref"], scan["sha256"]) == ("OD", "P-7", lead["sha256"])
        picture = api(clinician).get(scan["image_path"])
        stored = np.asarray(Image.open(io.BytesIO(picture.getvalue())))
        assert np.array_equal(stored, bscan(96, 64, seed=each["place"]))


def test_what_the_enface_image_suggests_of_the_eye_is_kept(
    away: None, clinician: User, researcher: User, upload: Upload, api: Clients
) -> None:
    drawn = (simulate_volume("NORMAL", 8, number, 2, (124, 128)) for number in range(8))
    sure = next(each for each in drawn if suggested(each.enface, ENFACE_UM))
    other = {"OD": "OS", "OS": "OD"}[sure.eye]
    answer = upload(clinician, as_zip(sure, 8, 0), eye=other)

    assert answer.status_code == 202, answer.content
    lead = answer.json()
    assert (lead["eye"], lead["eye_in_file"]) == (other, sure.eye)
    for user, id in ((clinician, lead["volume"]["id"]), (researcher, None)):
        seen = id or api(user).get("/api/v1/scans/").json()["results"][0]["volume"]["id"]
        assert api(user).get(f"{PATH}{seen}/").json()["eye_in_picture"] == sure.eye
    scan = Scan.objects.get(pk=lead["id"])
    assert f"Eye in the en-face image: perhaps {sure.eye}" in report_text(api, clinician, scan)
    plain = upload(clinician, tiff_volume(3)).json()["volume"]["id"]
    assert api(clinician).get(f"{PATH}{plain}/").json()["eye_in_picture"] == ""


def test_lists_have_one_scan_of_a_volume_and_all_when_asked(
    away: None, clinician: User, upload: Upload, api: Clients
) -> None:
    single = upload(clinician).json()
    lead = upload(clinician, tiff_volume(5)).json()
    client = api(clinician)

    for path in ("/api/v1/scans/", "/api/v1/scans/?ordering=urgent", "/api/v1/history/"):
        assert [scan["id"] for scan in client.get(path).json()["results"]] == [lead["id"], single["id"]], path
    assert client.get("/api/v1/scans/count/").json() == {"count": 2}
    asked = {"volume": lead["volume"]["id"], "page_size": "2"}
    places, page = [], client.get("/api/v1/scans/", asked).json()
    while True:
        places += [scan["volume"]["place"] for scan in page["results"]]
        if page["next"] is None:
            break
        page = client.get(page["next"]).json()
    assert places == [0, 1, 2, 3, 4]
    assert client.get("/api/v1/scans/count/", {"volume": asked["volume"]}).json() == {"count": 5}
    assert client.get("/api/v1/scans/", {"volume": "nothing"}).json()["results"] == []


def test_a_volume_is_read_to_its_end(
    predicting: ModelServer, clinician: User, upload: Upload, api: Clients
) -> None:
    answer = upload(clinician, tiff_volume(20, width=256, height=192))

    assert answer.status_code == 201, answer.content
    assert answer.json()["status"] == "predicted"
    path = f"{PATH}{answer.json()['volume']['id']}/"
    volume = wait_for(
        lambda: (found := api(clinician).get(path).json())["complete"] and found,
        timeout_s=120,
        what="the end of the volume",
    )
    assert volume["statuses"] == {"queued": 0, "predicted": 20, "failed": 0}
    assert sum(volume["answer"]["states"].values()) == 20
    said = next(each for each in volume["bscans"] if each["place"] == volume["answer"]["place"])
    assert volume["lead"] == said["id"]
    assert volume["answer"]["urgency"] == said["urgency"]
    assert Prediction.objects.count() == 20


def test_what_a_process_left_undone_the_worker_finishes(
    away: None, request: pytest.FixtureRequest, clinician: User, upload: Upload
) -> None:
    volume = upload(clinician, tiff_volume(7, width=256, height=192)).json()["volume"]["id"]
    Scan.objects.update(next_attempt_at=Scan.objects.first().timestamp)  # type: ignore[union-attr]
    request.getfixturevalue("predicting")

    for _ in range(10):
        prediction.predict_queued()
        if Volume.objects.get(pk=volume).complete:
            break

    assert set(Scan.objects.values_list("status", flat=True)) == {Status.PREDICTED}
    assert Volume.objects.get(pk=volume).complete


def test_the_same_volume_again_is_noticed(
    away: None, clinician: User, stranger: User, upload: Upload
) -> None:
    first, again, other = (upload(user, tiff_volume(3)) for user in (clinician, clinician, stranger))
    assert (again.status_code, again.json()["duplicate"]) == (200, True)
    assert again.json()["id"] == first.json()["id"]
    assert other.status_code == 202
    assert (Volume.objects.count(), Scan.objects.count()) == (2, 6)


@pytest.mark.django_db(transaction=True)
def test_the_same_volume_from_many_clients_at_once_is_kept_once(
    away: None, clinician: User, upload: Upload, settings: Any
) -> None:
    def send(_: int) -> tuple[int, str]:
        try:
            answer = upload(clinician, tiff_volume(3))
            return answer.status_code, answer.json()["id"]
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(send, range(4)))
    assert len({scan for _, scan in answers}) == 1
    assert [status for status, _ in answers].count(202) == 1
    assert (Volume.objects.count(), Scan.objects.count()) == (1, 3)
    assert len([file for file in Path(settings.MEDIA_ROOT).rglob("*") if file.is_file()]) == 3


def test_a_volume_that_lost_a_picture_gets_it_back(
    away: None, clinician: User, upload: Upload, settings: Any
) -> None:
    lead = upload(clinician, tiff_volume(3), note="as it was").json()
    lost = Scan.objects.get(place=2)
    storage.delete(lost.image_name)
    Scan.objects.filter(pk=lost.pk).update(status=Status.FAILED)

    again = upload(clinician, tiff_volume(3), note="another")

    assert (again.status_code, again.json()["id"], again.json()["note"]) == (200, lead["id"], "as it was")
    lost.refresh_from_db()
    assert (lost.status, storage.exists(lost.image_name)) == (Status.QUEUED, True)
    assert len([file for file in Path(settings.MEDIA_ROOT).rglob("*") if file.is_file()]) == 3


@pytest.mark.parametrize("path", ["/api/v1/scans/", PATH])
def test_a_volume_that_takes_all_the_room_is_decoded_beside_its_own_file(
    small_room: None, away: None, clinician: User, api: Clients, path: str
) -> None:
    answer = api(clinician).post(path, {"image": as_files({"a.dcm": jpeg_2000()})}, format="multipart")

    assert answer.status_code == 202, answer.content
    assert Scan.objects.count() == 3


@pytest.mark.parametrize("path", ["/api/v1/scans/", PATH])
def test_a_machine_that_is_busy_for_a_moment_stores_nothing_of_a_volume(
    away: None, clinician: User, api: Clients, settings: Any, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    def sent() -> Response:
        found = api(clinician).post(path, {"image": as_files({"a.dcm": jpeg_2000()})}, format="multipart")
        assert isinstance(found, Response)
        return found

    with monkeypatch.context() as moment:
        busy_at(moment, 2)
        refused = sent()
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "busy")
    assert refused["Retry-After"]
    assert not Scan.objects.exists()
    assert not [file for file in Path(settings.MEDIA_ROOT).rglob("*") if file.is_file()]

    assert sent().status_code == 202
    assert (Scan.objects.count(), Volume.objects.get().gaps) == (3, [])


def test_a_disk_without_room_for_a_process_to_decode_in_is_told(
    away: None, clinician: User, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    answer = upload(clinician, jpeg_2000())
    assert (answer.status_code, answer.json()["error"]["code"]) == (507, "storage_full")
    assert not Scan.objects.exists()


def test_files_are_one_volume_in_the_order_of_their_names(away: None, clinician: User, api: Clients) -> None:
    contents = {f"B{number}.png": png_bytes(96, 64, seed=number) for number in (10, 9, 1)}
    given = api(clinician).post(PATH, {"image": as_files(contents), "eye": "OS"}, format="multipart")

    assert given.status_code == 202, given.content
    scans = Scan.objects.filter(volume=given.json()["volume"]["id"]).order_by("place")
    for scan, number in zip(scans, (1, 9, 10), strict=True):
        stored = np.asarray(Image.open(io.BytesIO(storage.read(scan.image_name))))
        assert np.array_equal(stored, bscan(96, 64, seed=number))
        assert scan.eye == "OS"
    turned = dict(reversed(contents.items()))
    again = api(clinician).post(PATH, {"image": as_files(turned)}, format="multipart")
    assert (again.status_code, again.json()["id"]) == (200, given.json()["id"])


def test_of_a_dicom_volume_with_its_localizer_is_kept_how_it_lies(
    away: None, clinician: User, upload: Upload, api: Clients, settings: Any
) -> None:
    settings.FILE_IDENTITY = "keep"
    front = bscan(96, 96)
    content = zipped({"a/volume.dcm": opt(bscans(5)), "a/front.dcm": written(localizer(front))})

    lead = upload(clinician, content).json()

    assert (lead["eye"], lead["patient_ref"], lead["device"]) == (
        "OS",
        "P-17",
        "Heidelberg Engineering Spectralis",
    )
    told = api(clinician).get(f"{PATH}{lead['volume']['id']}/").json()
    assert told["spacing"] == {"x": 11.47, "z": 3.87, "between": 120.0}
    assert told["enface_size"] == {"width": 96, "height": 96}
    rows = [place[1] for place in told["places"]]
    assert [after - before for before, after in pairwise(rows)] == [4.0] * 4
    picture = api(clinician).get(told["enface"])
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(picture.getvalue()))), front)


def test_a_bscan_that_can_not_be_read_is_a_gap_with_its_reason(
    away: None, clinician: User, api: Clients
) -> None:
    contents = {f"B{number}.png": png_bytes(96, 64, seed=number) for number in range(5)}
    contents["B1.png"] = contents["B1.png"][:1500]
    given = api(clinician).post(PATH, {"image": as_files(contents)}, format="multipart")

    told = api(clinician).get(f"{PATH}{given.json()['volume']['id']}/").json()
    assert (told["count"], [each["place"] for each in told["bscans"]]) == (5, [0, 2, 3, 4])
    ((place, reason),) = ((gap["place"], gap["reason"]) for gap in told["gaps"])
    assert place == 1 and reason


def test_one_picture_is_no_volume(away: None, clinician: User, api: Clients) -> None:
    answer = api(clinician).post(PATH, {"image": as_files({"a.png": png_bytes()})}, format="multipart")
    assert answer.status_code == 415, answer.content
    assert not Scan.objects.exists()


@pytest.mark.parametrize("path", ["/api/v1/scans/", PATH])
def test_a_volume_above_its_limit_is_refused(
    away: None, clinician: User, api: Clients, settings: Any, path: str
) -> None:
    settings.MAX_UPLOAD_BYTES = settings.MAX_VOLUME_BYTES = 10_000
    content = tiff_volume(5)
    answer = api(clinician).post(path, {"image": as_files({"a.tif": content})}, format="multipart")
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
    settings.MAX_VOLUME_BYTES = len(content)
    answer = api(clinician).post(path, {"image": as_files({"a.tif": content})}, format="multipart")
    assert answer.status_code == 202, "it is above the limit of pictures alone"
    picture = encoded(bscan(96, 192), "BMP")
    answer = api(clinician).post(path, {"image": as_files({"a.bmp": picture})}, format="multipart")
    assert answer.status_code in (413, 415)


def test_bodies_are_as_large_as_volumes_where_volumes_come_in_alone(settings: Any) -> None:
    form = "multipart/form-data"
    for path in ("/api/v1/scans", "/api/v1/scans/", PATH):
        assert limit_of(form, path) > settings.MAX_VOLUME_BYTES
    for path in ("/admin/login/", "/api/v1/exports/", "/api/v1/scans/1/predictions/"):
        assert limit_of(form, path) < settings.MAX_VOLUME_BYTES


def test_the_sweep_leaves_what_belongs_to_volumes(away: None, clinician: User, upload: Upload) -> None:
    upload(clinician, tiff_volume(3))
    enface = storage.save(png_bytes())
    Volume.objects.update(enface_name=enface)
    assert sweep(grace_s=0).files_removed == 0
    assert storage.exists(enface)


def test_a_colour_page_stays_one(away: None, clinician: User, upload: Upload) -> None:
    colour = np.dstack([bscan(96, 64, seed=number) for number in range(3)])
    lead = upload(clinician, tiff_of([colour, colour, colour])).json()
    scan = Scan.objects.get(pk=lead["id"])
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(storage.read(scan.image_name)))), colour)
