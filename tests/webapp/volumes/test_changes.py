"""What is changed of a volume is changed of all of it, and all of it goes at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.images import png_bytes
from tests.volume_files import zipped
from tests.webapp.conftest import Clients, Upload
from tests.webapp.volumes.conftest import volume_of
from webapp.accounts.models import User
from webapp.audit import sealing
from webapp.audit.models import Action, Record
from webapp.audit.objects import Comparison
from webapp.scans import storage
from webapp.scans.correction import correct
from webapp.scans.models import Disclosure, Scan
from webapp.volumes.models import Volume

Stored = Callable[..., list[Scan]]


def test_details_are_those_of_the_whole_volume(
    stored: Stored, clinician: User, researcher: User, api: Clients
) -> None:
    scans = stored(clinician, [1, 1, 3], eye="OD", patient_ref="P-1")
    answer = api(clinician).patch(
        f"/api/v1/scans/{scans[0].pk}/", {"eye": "OS", "micrometres_x": 5.5, "micrometres_y": 3.9}
    )
    assert answer.status_code == 200
    assert set(Scan.objects.values_list("eye", "patient_ref", "micrometres_y")) == {("OS", "P-1", 3.9)}
    told = api(clinician).get(f"/api/v1/volumes/{volume_of(scans).pk}/").json()
    assert told["spacing"] == {"x": 5.5, "z": 3.9, "between": None}
    sealing.seal()
    assert Record.objects.filter(action=Action.SCAN_CHANGE).count() == 3


def test_a_volume_moves_to_another_clinic_as_a_whole(
    stored: Stored, clinician: User, stranger: User, administrator: User, api: Clients
) -> None:
    scans = stored(clinician, [1, 1, 1])
    correct(scans[1], administrator, {"clinic": "west"})
    assert api(clinician).get(f"/api/v1/volumes/{volume_of(scans).pk}/").status_code == 404
    assert api(stranger).get(f"/api/v1/volumes/{volume_of(scans).pk}/").json()["count"] == 3


def test_a_volume_is_deleted_as_such_with_all_that_belongs_to_it(
    stored: Stored, clinician: User, colleague: User, api: Clients, settings: Any
) -> None:
    scans = stored(clinician, [1, 1, 3])
    Volume.objects.update(enface_name=storage.save(png_bytes()))
    path = f"/api/v1/volumes/{volume_of(scans).pk}/"
    client = api(clinician)

    for scan in scans:
        refused = client.delete(f"/api/v1/scans/{scan.pk}/")
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "part_of_volume")
    assert api(colleague).delete(path).status_code == 403
    assert client.delete(path).status_code == 204

    assert not (Scan.objects.exists() or Volume.objects.exists() or Disclosure.objects.exists())
    assert not [file for file in Path(settings.MEDIA_ROOT).rglob("*") if file.is_file()]
    assert client.get(path).status_code == 404
    assert list(Comparison().differences()) == []


def test_the_audit_tells_of_each_bscan_and_holds_them_to_their_volume(
    stored: Stored, clinician: User
) -> None:
    scans = stored(clinician, [1, 1, 3])
    Scan.objects.update(label="", status="queued")  # these answers have no predictions
    assert list(Comparison().differences()) == []
    sealing.seal()
    assert Record.objects.filter(action=Action.SCAN_UPLOAD).count() == 4

    Volume.objects.update(count=4)
    Scan.objects.filter(pk=scans[0].pk).update(follows=None)

    found = {(each.kind, each.key) for each in Comparison().differences()}
    assert found == {("volume", str(volume_of(scans).pk)), *(("scan", str(scan.pk)) for scan in scans)}


def test_who_looks_at_a_volume_looked_at_all_its_bscans(
    stored: Stored, clinician: User, colleague: User, api: Clients
) -> None:
    scans = stored(clinician, [1, 1, 3])
    sealing.seal()
    before = sealing.head().number
    api(colleague).get(f"/api/v1/volumes/{volume_of(scans).pk}/")
    sealing.seal()
    (seen,) = Record.objects.filter(number__gt=before)
    assert set(seen.scan_ids) == {str(scan.pk) for scan in scans}


def test_in_deidentified_data_ids_are_disguised_and_reasons_left_out(
    stored: Stored, clinician: User, researcher: User, api: Clients
) -> None:
    scans = stored(clinician, [1, 1, 3], patient_ref="PATIENT-SECRET")
    Volume.objects.update(
        gaps=[{"place": 3, "reason": "NAME-SECRET.png is damaged."}], enface_name=storage.save(png_bytes())
    )
    client = api(researcher)
    (lead,) = client.get("/api/v1/scans/").json()["results"]
    answer = client.get(f"/api/v1/volumes/{lead['volume']['id']}/")

    told = answer.json()
    assert b"SECRET" not in answer.content
    for key in (*(str(scan.pk) for scan in scans), str(volume_of(scans).pk)):
        assert key.encode() not in answer.content
    assert (told["lead"], told["timestamp"], told["gaps"]) == (lead["id"], None, [{"place": 3, "reason": ""}])
    assert client.get(told["enface"]).status_code == 200
    listed = client.get("/api/v1/scans/", {"volume": told["id"]}).json()["results"]
    assert [scan["id"] for scan in listed] == [each["id"] for each in told["bscans"]]


@pytest.mark.parametrize("is_all", [True, False], ids=["all files", "the en-face image"])
def test_an_enface_image_that_was_lost_comes_back_when_the_volume_is_uploaded_again(
    away: None, clinician: User, upload: Upload, api: Clients, settings: Any, is_all: bool
) -> None:
    front = png_bytes(96, 96, seed=9)
    content = zipped(
        {f"B{seed}.png": png_bytes(96, 64, seed=seed) for seed in range(3)} | {"enface.png": front}
    )
    path = f"/api/v1/volumes/{upload(clinician, content).json()['volume']['id']}/"
    client = api(clinician)
    told = client.get(path).json()
    before = client.get(told["enface"]).getvalue()
    storage.delete(Volume.objects.get().enface_name)
    if is_all:
        storage.delete(*Scan.objects.values_list("image_name", flat=True))
    assert client.get(told["enface"]).status_code == 404

    again = upload(clinician, content)

    assert (again.status_code, again.json()["duplicate"]) == (200, True)
    told = client.get(path).json()
    assert client.get(told["enface"]).getvalue() == before
    assert told["enface_size"] == {"width": 96, "height": 96}
    for bscan in told["bscans"]:
        assert client.get(f"/api/v1/scans/{bscan['id']}/image/").status_code == 200
    assert len([file for file in Path(settings.MEDIA_ROOT).rglob("*.png")]) == 4
    assert list(Comparison().differences()) == []


@pytest.mark.parametrize("method", ["get", "delete"])
def test_who_may_not_see_it_finds_nothing(
    stored: Stored, clinician: User, stranger: User, api: Clients, method: str
) -> None:
    scans = stored(clinician)
    assert getattr(api(stranger), method)(f"/api/v1/volumes/{volume_of(scans).pk}/").status_code == 404
    assert api(stranger).get("/api/v1/scans/", {"volume": str(volume_of(scans).pk)}).json()["results"] == []
