"""What is done leaves one record each, and what is refused leaves none."""

from __future__ import annotations

import json

import pytest

from tests.images import answered_png
from tests.services import ModelServer
from tests.webapp.audit.conftest import NewRecords, actions_of
from tests.webapp.conftest import Clients, Upload, predict_again, signed_in
from webapp.accounts.models import User
from webapp.annotations.models import Annotation
from webapp.audit.hashing import document_sha256
from webapp.audit.models import AppendOnly, Record, WaitingRecord
from webapp.reviews.models import Adjudication, Review
from webapp.scans.models import Prediction, Scan

BOX = {"target": {"selector": {"type": "FragmentSelector", "value": "xywh=pixel:10,20,30,40"}}}


@pytest.fixture
def scan(predicting: ModelServer, clinician: User, upload: Upload, api: Clients) -> Scan:
    answer = upload(clinician, answered_png(), patient_ref="P-7")
    key = answer.json()["id"]
    if answer.status_code == 202:  # the model server that all tests share had no time for it
        predict_again(api(clinician), key)
    return Scan.objects.get(pk=key)


def test_an_upload_and_its_prediction(
    predicting: ModelServer, clinician: User, upload: Upload, new_records: NewRecords
) -> None:
    key = upload(clinician, patient_ref="P-7", note="dark spot").json()["id"]

    uploaded, predicted = new_records()

    assert actions_of([uploaded, predicted]) == [
        ("scan.upload", str(clinician.pk)),
        ("prediction.create", str(clinician.pk)),
    ]
    made = Prediction.objects.get()
    assert predicted.after == document_sha256(made)
    assert predicted.weights_sha256 == made.weights_sha256 != ""
    assert uploaded.object_id == uploaded.scan_id == predicted.scan_id == key
    assert uploaded.request_id == predicted.request_id == Scan.objects.get().request_id


def test_the_hash_is_that_of_the_stored_document(
    away: None, clinician: User, upload: Upload, new_records: NewRecords
) -> None:
    said = {"eye": "OD", "note": "ä😀", "acquired": "2024-03-05", "micrometres_x": "4", "micrometres_y": "4"}
    assert upload(clinician, **said).status_code == 202

    (uploaded,) = new_records()
    assert uploaded.after == document_sha256(Scan.objects.get())


@pytest.mark.parametrize("path", ["", "image/", "overlay/", "heatmap/", "findings/", "report/"])
def test_a_look(scan: Scan, clinician: User, api: Clients, new_records: NewRecords, path: str) -> None:
    new_records()
    assert api(clinician).get(f"/api/v1/scans/{scan.pk}/{path}").status_code == 200
    (record,) = new_records()
    assert actions_of([record]) == [(f"scan.{path.rstrip('/') or 'view'}", str(clinician.pk))]
    assert record.scan_id == str(scan.pk)


def test_a_look_at_what_the_browser_has_kept(
    scan: Scan, clinician: User, api: Clients, new_records: NewRecords
) -> None:
    client = api(clinician)
    etag = client.get(f"/api/v1/scans/{scan.pk}/image/").headers["ETag"]
    new_records()
    assert client.get(f"/api/v1/scans/{scan.pk}/image/", headers={"If-None-Match": etag}).status_code == 304
    assert actions_of(new_records()) == [("scan.image", str(clinician.pk))]


@pytest.mark.parametrize("path", ["", "image/", "overlay/", "heatmap/", "findings/", "report/"])
def test_a_look_that_is_refused(
    scan: Scan, stranger: User, api: Clients, new_records: NewRecords, path: str
) -> None:
    new_records()
    assert api(None).get(f"/api/v1/scans/{scan.pk}/{path}").status_code == 401
    assert api(stranger).get(f"/api/v1/scans/{scan.pk}/{path}").status_code == 404
    assert new_records() == []


def test_a_file_that_was_uploaded_before_is_looked_at(
    away: None, clinician: User, upload: Upload, new_records: NewRecords
) -> None:
    upload(clinician)
    new_records()
    assert upload(clinician).status_code == 200
    assert actions_of(new_records()) == [("scan.view", str(clinician.pk))]


def test_a_refused_upload(clinician: User, upload: Upload, new_records: NewRecords) -> None:
    new_records()
    assert upload(clinician, b"no image").status_code == 400
    assert new_records() == []


def test_correcting_and_deleting_a_scan(
    away: None, clinician: User, upload: Upload, api: Clients, new_records: NewRecords
) -> None:
    path = f"/api/v1/scans/{upload(clinician).json()['id']}/"
    new_records()
    before = document_sha256(Scan.objects.get())
    assert api(clinician).patch(path, {"patient_ref": "P-8"}).status_code == 200
    after = document_sha256(Scan.objects.get())
    assert api(clinician).delete(path).status_code == 204

    corrected, deleted = new_records()

    assert actions_of([corrected, deleted]) == [
        ("scan.change", str(clinician.pk)),
        ("scan.delete", str(clinician.pk)),
    ]
    assert (corrected.before, corrected.after, deleted.before, deleted.after) == (before, after, after, "")


def test_another_prediction(scan: Scan, clinician: User, api: Clients, new_records: NewRecords) -> None:
    new_records()
    assert api(clinician).post(f"/api/v1/scans/{scan.pk}/predictions/", {"label": "DME"}).status_code == 201
    (record,) = new_records()
    assert record.action == "prediction.create"
    assert record.weights_sha256 == scan.weights_sha256
    assert api(clinician).post(f"/api/v1/scans/{scan.pk}/predictions/", {"label": "none"}).status_code == 400
    assert new_records() == []


def test_drawing(
    away: None, clinician: User, colleague: User, upload: Upload, api: Clients, new_records: NewRecords
) -> None:
    client = api(clinician)
    scan = upload(clinician).json()["id"]
    new_records()
    key = client.post(f"/api/v1/scans/{scan}/annotations/", {**BOX, "comment": "fluid"}).json()["id"]
    first = document_sha256(Annotation.objects.get())
    assert client.put(f"/api/v1/annotations/{key}/", BOX).status_code == 200
    second = document_sha256(Annotation.objects.get())
    assert client.put(f"/api/v1/annotations/{key}/", BOX, headers={"If-Match": '"1"'}).status_code == 412
    assert api(colleague).delete(f"/api/v1/annotations/{key}/").status_code == 404
    assert client.delete(f"/api/v1/annotations/{key}/").status_code == 204

    drawn, changed, deleted = new_records()

    assert [record.action for record in (drawn, changed, deleted)] == [
        "annotation.create",
        "annotation.change",
        "annotation.delete",
    ]
    assert (drawn.before, drawn.after) == ("", first)
    assert (changed.before, changed.after) == (first, second)
    assert (deleted.before, deleted.after, deleted.object_id, deleted.scan_id) == (second, "", key, scan)


def test_verdicts_and_what_settles_them(
    scan: Scan, clinician: User, administrator: User, api: Clients, new_records: NewRecords
) -> None:
    new_records()
    path = f"/api/v1/scans/{scan.pk}/"
    said = {"verdict": "agree", "comment": "yes"}
    assert api(clinician).post(f"{path}review/", said).status_code == 201
    assert api(clinician).post(f"{path}adjudication/", {"label": "DME"}).status_code == 403
    assert api(administrator).post(f"{path}adjudication/", {"label": "DME"}).status_code == 201

    said, settled = new_records()

    assert actions_of([said, settled]) == [
        ("review.create", str(clinician.pk)),
        ("adjudication.create", str(administrator.pk)),
    ]
    assert said.after == document_sha256(Review.objects.get())
    assert said.weights_sha256 == scan.weights_sha256
    assert settled.after == document_sha256(Adjudication.objects.get())


def test_an_export(
    away: None, clinician: User, upload: Upload, api: Clients, new_records: NewRecords
) -> None:
    upload(clinician)
    new_records()
    assert api(clinician).post("/api/v1/exports/", {"format": "csv"}).status_code == 200
    assert api(clinician).post("/api/v1/exports/", {"format": "csv", "scans": ["0" * 24]}).status_code == 400
    assert actions_of(new_records()) == [("export.create", str(clinician.pk))]


def test_scans_in_the_administration(
    away: None, clinician: User, administrator: User, upload: Upload, new_records: NewRecords
) -> None:
    key = upload(clinician).json()["id"]
    browser = signed_in(administrator)
    new_records()
    page = f"/admin/scans/scan/{key}/"
    inlines = {
        f"{name}-{form}_FORMS": "0"
        for name in ("reviews", "annotations", "predictions", "sendings")
        for form in ("TOTAL", "INITIAL")
    }
    assert browser.get(f"{page}change/").status_code == 200
    assert browser.post(f"{page}change/", {"eye": "OS", "note": "left", **inlines}).status_code == 302
    assert browser.post(f"{page}delete/", {"post": "yes"}).status_code == 302
    assert actions_of(new_records()) == [
        (action, str(administrator.pk)) for action in ("scan.view", "scan.change", "scan.delete")
    ]


def test_nothing_of_patients_is_in_a_record(
    scan: Scan, clinician: User, api: Clients, new_records: NewRecords
) -> None:
    api(clinician).patch(f"/api/v1/scans/{scan.pk}/", {"patient_ref": "P-77-X", "note": "squints"})
    api(clinician).post(f"/api/v1/scans/{scan.pk}/annotations/", {**BOX, "comment": "a cyst"})
    api(clinician).get("/api/v1/scans/?patient_ref=P-77-X")
    new_records()
    stored = json.dumps(list(Record.objects.values()), default=str)
    for text in ("P-7", "squints", "cyst"):
        assert text not in stored


def test_records_can_neither_be_changed_nor_deleted(clinician: User, new_records: NewRecords) -> None:
    waiting = WaitingRecord.objects.first() or WaitingRecord.objects.create(
        actor="system", action="user.change", kind="user"
    )
    for tamper in (
        waiting.save,
        waiting.delete,
        WaitingRecord.objects.all().delete,
        lambda: WaitingRecord.objects.update(actor="nobody"),
    ):
        with pytest.raises(AppendOnly):
            tamper()
    new_records()
    record = Record.objects.first()
    assert record
    for tamper in (
        record.save,
        record.delete,
        Record.objects.all().delete,
        lambda: Record.objects.update(actor="nobody"),
        lambda: Record.objects.bulk_update([record], ["actor"]),
    ):
        with pytest.raises(AppendOnly):
            tamper()
