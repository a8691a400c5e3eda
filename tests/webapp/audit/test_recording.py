"""What is done leaves one record each, and what is refused leaves none."""

from __future__ import annotations

import io
import json
import os

import pytest
from django.core.management import call_command
from django.test import Client
from rest_framework.test import APIClient

from serving.changes import actor
from tests.images import answered_png
from tests.services import ModelServer
from tests.webapp.audit.conftest import Written, told
from tests.webapp.conftest import PASSWORD, Clients, Upload, predict_again, signed_in
from webapp.accounts import tokens
from webapp.accounts.models import RefreshSession, User
from webapp.annotations.models import Annotation
from webapp.audit.hashing import document_sha256
from webapp.audit.models import AppendOnly, Record, WaitingRecord
from webapp.mongodb.transactions import all_or_nothing
from webapp.reviews.models import Adjudication, Review
from webapp.scans.models import Prediction, Scan

BOX = {"target": {"selector": {"type": "FragmentSelector", "value": "xywh=pixel:10,20,30,40"}}}
TOKEN, LOGOUT, SESSION = (f"/api/v1/auth/{name}/" for name in ("token", "logout", "session"))


@pytest.fixture
def scan(predicting: ModelServer, clinician: User, upload: Upload, api: Clients) -> Scan:
    answer = upload(clinician, answered_png(), patient_ref="P-7")
    key = answer.json()["id"]
    if answer.status_code == 202:  # the model server that all tests share had no time for it
        predict_again(api(clinician), key)
    return Scan.objects.get(pk=key)


def test_an_upload_and_its_prediction(
    predicting: ModelServer, clinician: User, upload: Upload, written: Written
) -> None:
    key = upload(clinician, patient_ref="P-7", note="dark spot").json()["id"]

    uploaded, predicted = written()

    assert told([uploaded, predicted]) == [
        ("scan.upload", str(clinician.pk)),
        ("prediction.create", str(clinician.pk)),
    ]
    made = Prediction.objects.get()
    assert predicted.after == document_sha256(made)
    assert predicted.weights_sha256 == made.weights_sha256 != ""
    assert uploaded.object_id == uploaded.scan_id == predicted.scan_id == key
    assert uploaded.request_id == predicted.request_id == Scan.objects.get().request_id


def test_the_hash_is_that_of_the_stored_document(
    away: None, clinician: User, upload: Upload, written: Written
) -> None:
    said = {"eye": "OD", "note": "ä😀", "acquired": "2024-03-05", "micrometres_x": "4", "micrometres_y": "4"}
    assert upload(clinician, **said).status_code == 202

    (uploaded,) = written()
    assert uploaded.after == document_sha256(Scan.objects.get())


@pytest.mark.parametrize("path", ["", "image/", "overlay/", "heatmap/", "findings/", "report/"])
def test_a_look(scan: Scan, clinician: User, api: Clients, written: Written, path: str) -> None:
    written()
    assert api(clinician).get(f"/api/v1/scans/{scan.pk}/{path}").status_code == 200
    (record,) = written()
    assert told([record]) == [(f"scan.{path.rstrip('/') or 'view'}", str(clinician.pk))]
    assert record.scan_id == str(scan.pk)


def test_a_look_at_what_the_browser_has_kept(
    scan: Scan, clinician: User, api: Clients, written: Written
) -> None:
    client = api(clinician)
    etag = client.get(f"/api/v1/scans/{scan.pk}/image/").headers["ETag"]
    written()
    assert client.get(f"/api/v1/scans/{scan.pk}/image/", headers={"If-None-Match": etag}).status_code == 304
    assert told(written()) == [("scan.image", str(clinician.pk))]


@pytest.mark.parametrize("path", ["", "image/", "overlay/", "heatmap/", "findings/", "report/"])
def test_a_look_that_is_refused(
    scan: Scan, stranger: User, api: Clients, written: Written, path: str
) -> None:
    written()
    assert api(None).get(f"/api/v1/scans/{scan.pk}/{path}").status_code == 401
    assert api(stranger).get(f"/api/v1/scans/{scan.pk}/{path}").status_code == 404
    assert written() == []


def test_a_file_that_was_uploaded_before_is_looked_at(
    away: None, clinician: User, upload: Upload, written: Written
) -> None:
    upload(clinician)
    written()
    assert upload(clinician).status_code == 200
    assert told(written()) == [("scan.view", str(clinician.pk))]


def test_a_refused_upload(clinician: User, upload: Upload, written: Written) -> None:
    written()
    assert upload(clinician, b"no image").status_code == 400
    assert written() == []


def test_correcting_and_deleting_a_scan(
    away: None, clinician: User, upload: Upload, api: Clients, written: Written
) -> None:
    path = f"/api/v1/scans/{upload(clinician).json()['id']}/"
    written()
    before = document_sha256(Scan.objects.get())
    assert api(clinician).patch(path, {"patient_ref": "P-8"}).status_code == 200
    after = document_sha256(Scan.objects.get())
    assert api(clinician).delete(path).status_code == 204

    corrected, deleted = written()

    assert told([corrected, deleted]) == [
        ("scan.change", str(clinician.pk)),
        ("scan.delete", str(clinician.pk)),
    ]
    assert (corrected.before, corrected.after, deleted.before, deleted.after) == (before, after, after, "")


def test_another_prediction(scan: Scan, clinician: User, api: Clients, written: Written) -> None:
    written()
    assert api(clinician).post(f"/api/v1/scans/{scan.pk}/predictions/", {"label": "DME"}).status_code == 201
    (record,) = written()
    assert record.action == "prediction.create"
    assert record.weights_sha256 == scan.weights_sha256
    assert api(clinician).post(f"/api/v1/scans/{scan.pk}/predictions/", {"label": "none"}).status_code == 400
    assert written() == []


def test_drawing(
    away: None, clinician: User, colleague: User, upload: Upload, api: Clients, written: Written
) -> None:
    client = api(clinician)
    scan = upload(clinician).json()["id"]
    written()
    key = client.post(f"/api/v1/scans/{scan}/annotations/", {**BOX, "comment": "fluid"}).json()["id"]
    first = document_sha256(Annotation.objects.get())
    assert client.put(f"/api/v1/annotations/{key}/", BOX).status_code == 200
    second = document_sha256(Annotation.objects.get())
    assert client.put(f"/api/v1/annotations/{key}/", BOX, headers={"If-Match": '"1"'}).status_code == 412
    assert api(colleague).delete(f"/api/v1/annotations/{key}/").status_code == 404
    assert client.delete(f"/api/v1/annotations/{key}/").status_code == 204

    drawn, changed, deleted = written()

    assert [record.action for record in (drawn, changed, deleted)] == [
        "annotation.create",
        "annotation.change",
        "annotation.delete",
    ]
    assert (drawn.before, drawn.after) == ("", first)
    assert (changed.before, changed.after) == (first, second)
    assert (deleted.before, deleted.after, deleted.object_id, deleted.scan_id) == (second, "", key, scan)


def test_verdicts_and_what_settles_them(
    scan: Scan, clinician: User, administrator: User, api: Clients, written: Written
) -> None:
    written()
    path = f"/api/v1/scans/{scan.pk}/"
    said = {"verdict": "agree", "comment": "yes"}
    assert api(clinician).post(f"{path}review/", said).status_code == 201
    assert api(clinician).post(f"{path}adjudication/", {"label": "DME"}).status_code == 403
    assert api(administrator).post(f"{path}adjudication/", {"label": "DME"}).status_code == 201

    said, settled = written()

    assert told([said, settled]) == [
        ("review.create", str(clinician.pk)),
        ("adjudication.create", str(administrator.pk)),
    ]
    assert said.after == document_sha256(Review.objects.get())
    assert said.weights_sha256 == scan.weights_sha256
    assert settled.after == document_sha256(Adjudication.objects.get())


def test_an_export(away: None, clinician: User, upload: Upload, api: Clients, written: Written) -> None:
    upload(clinician)
    written()
    assert api(clinician).post("/api/v1/exports/", {"format": "csv"}).status_code == 200
    assert api(clinician).post("/api/v1/exports/", {"format": "csv", "scans": ["0" * 24]}).status_code == 400
    assert told(written()) == [("export.create", str(clinician.pk))]


def test_signing_in_and_out(clinician: User, written: Written) -> None:
    written()
    client = APIClient()
    given = {"username": "clara", "password": PASSWORD}
    refresh = client.post(TOKEN, given).json()["refresh"]
    assert told(written()) == [("account.sign_in", str(clinician.pk))]
    assert client.post(LOGOUT, {"refresh": refresh}).status_code == 204
    assert client.post(LOGOUT, {"refresh": refresh}).status_code == 204  # there is nothing left to end
    assert told(written()) == [("account.sign_out", str(clinician.pk))]


def test_signing_out_of_page_and_administration_is_one_end(administrator: User, written: Written) -> None:
    client = APIClient()
    given = {"username": "anna", "password": PASSWORD, "cookie": True}
    access = client.post(TOKEN, given).json()["access"]
    bearer = {"Authorization": f"Bearer {access}"}
    assert client.post(SESSION, {"password": PASSWORD}, headers=bearer).status_code == 204
    written()
    assert client.post(LOGOUT, {}).status_code == 204
    assert told(written()) == [("account.sign_out", str(administrator.pk))]
    assert client.get("/admin/").status_code == 302


def test_signing_in_and_out_of_the_administration(administrator: User, written: Written) -> None:
    written()
    browser = Client()
    browser.post("/admin/login/", {"username": "anna", "password": PASSWORD})
    browser.post("/admin/logout/")
    assert told(written()) == [
        ("account.sign_in", str(administrator.pk)),
        ("account.sign_out", str(administrator.pk)),
    ]


def test_signing_somebody_out(clinician: User, administrator: User, written: Written) -> None:
    browser = Client()
    browser.force_login(administrator)
    tokens.issue(clinician)
    everywhere = {"action": "sign_out_everywhere", "_selected_action": [str(clinician.pk)]}
    written()

    before = document_sha256(User.objects.get(pk=clinician.pk))
    assert browser.post("/admin/accounts/user/", everywhere).status_code == 302
    (by_user,) = written()
    after = document_sha256(User.objects.get(pk=clinician.pk))
    assert (by_user.before, by_user.after) == (before, after) and before != after

    tokens.issue(clinician)
    session = RefreshSession.objects.get(user=clinician, revoked_at=None)
    one = {"action": "revoke", "_selected_action": [str(session.pk)]}
    for _ in range(2):  # the second time there is nothing left to end
        assert browser.post("/admin/accounts/refreshsession/", one).status_code == 302
    (by_session,) = written()

    for record in (by_user, by_session):
        assert told([record]) == [("account.sign_out", str(administrator.pk))]
        assert record.object_id == str(clinician.pk)


@pytest.mark.parametrize(("path", "client"), [(TOKEN, APIClient), ("/admin/login/", Client)])
def test_a_failed_sign_in_tells_who_but_not_what_was_typed(
    clinician: User, written: Written, path: str, client: type[Client]
) -> None:
    written()
    for name in ("clara", "my-secret-password", "my-secret-password", "another"):
        client().post(path, {"username": name, "password": "wrong-9"})

    records = written()

    assert told(records) == [("account.sign_in_failed", "anonymous")] * 4
    assert [record.kind for record in records] == ["user", *["unknown name"] * 3]
    known, first, second, other = (record.object_id for record in records)
    assert known == str(clinician.pk)
    assert first == second != other
    stored = json.dumps(list(Record.objects.values()), default=str)
    assert "my-secret-password" not in stored and "wrong-9" not in stored


def test_a_failed_sign_in_of_somebody_who_is_locked_out(clinician: User, written: Written) -> None:
    written()
    answers = [
        APIClient().post(TOKEN, {"username": "clara", "password": "wrong-9"}).status_code for _ in range(10)
    ]
    assert answers[-1] == 429
    assert told(written()) == [("account.sign_in_failed", "anonymous")] * 10


def test_users_made_changed_and_deleted_in_the_administration(administrator: User, written: Written) -> None:
    browser = signed_in(administrator)
    written()
    password = "green-otter-42-x"
    new = {"username": "dora", "usable_password": "true", "password1": password, "password2": password}
    browser.post("/admin/accounts/user/add/", {**new, "role": "clinician", "clinic": "east"})
    dora = User.objects.get(username="dora")
    change = f"/admin/accounts/user/{dora.pk}/"
    before = document_sha256(dora)
    assert browser.post(f"{change}change/", {"username": "dora", "role": "researcher"}).status_code == 302
    after = document_sha256(User.objects.get(pk=dora.pk))
    browser.post(
        f"{change}password/",
        {"usable_password": "true", "password1": f"{password}2", "password2": f"{password}2"},
    )
    browser.post(f"{change}delete/", {"post": "yes"})
    assert not User.objects.filter(pk=dora.pk).exists()

    records = written()

    actor = str(administrator.pk)
    actions = ["user.create", "user.change", "user.change", "user.delete"]
    assert told(records) == [(action, actor) for action in actions]
    assert {record.object_id for record in records} == {str(dora.pk)}
    assert (records[1].before, records[1].after) == (before, after)
    assert before != after


def test_scans_in_the_administration(
    away: None, clinician: User, administrator: User, upload: Upload, written: Written
) -> None:
    key = upload(clinician).json()["id"]
    browser = signed_in(administrator)
    written()
    page = f"/admin/scans/scan/{key}/"
    inlines = {
        f"{name}-{form}_FORMS": "0"
        for name in ("reviews", "annotations", "predictions")
        for form in ("TOTAL", "INITIAL")
    }
    assert browser.get(f"{page}change/").status_code == 200
    assert browser.post(f"{page}change/", {"eye": "OS", "note": "left", **inlines}).status_code == 302
    assert browser.post(f"{page}delete/", {"post": "yes"}).status_code == 302
    assert told(written()) == [
        (action, str(administrator.pk)) for action in ("scan.view", "scan.change", "scan.delete")
    ]


def test_a_user_made_by_the_command_line(
    written: Written, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("green-otter-42-x\n"))
    call_command("create_user", "dora", "--role", "clinician")
    assert told(written()) == [("user.create", actor(os.getuid()))]


def test_what_is_undone_leaves_no_record(clinician: User, written: Written) -> None:
    written()

    def fail() -> None:
        clinician.clinic = "west"
        clinician.save()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        all_or_nothing(fail)
    assert written() == []
    assert User.objects.get().clinic == "east"


def test_nothing_of_patients_is_in_a_record(
    scan: Scan, clinician: User, api: Clients, written: Written
) -> None:
    api(clinician).patch(f"/api/v1/scans/{scan.pk}/", {"patient_ref": "P-77-X", "note": "squints"})
    api(clinician).post(f"/api/v1/scans/{scan.pk}/annotations/", {**BOX, "comment": "a cyst"})
    api(clinician).get("/api/v1/scans/?patient_ref=P-77-X")
    written()
    stored = json.dumps(list(Record.objects.values()), default=str)
    for text in ("P-7", "squints", "cyst"):
        assert text not in stored


def test_records_can_neither_be_changed_nor_deleted(clinician: User, written: Written) -> None:
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
    written()
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
