"""Documents that somebody changed, took away or put there in MongoDB are named, and nobody else's are."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from bson import ObjectId
from django.core.management import call_command
from django.test import Client

from tests.images import answered_png
from tests.services import ModelServer
from tests.volumes import tiff_volume
from tests.waiting import wait_for
from tests.webapp.audit.conftest import collection
from tests.webapp.conftest import PASSWORD, Clients, Upload, signed_in
from tests.webapp.pacs.conftest import picture
from tests.webapp.pacs.test_admin import form
from tests.webapp.rollouts.two_versions import NEW, WEIGHTS
from webapp.accounts import tokens
from webapp.accounts.models import User
from webapp.annotations.models import Annotation
from webapp.audit import objects, sealing
from webapp.audit.hashing import audited_kinds
from webapp.audit.models import Action, Record
from webapp.audit.objects import Comparison
from webapp.audit.recording import record
from webapp.calibration import profiles
from webapp.calibration.models import CalibrationProfile
from webapp.core import clock
from webapp.drift.acknowledging import acknowledge
from webapp.drift.models import Against, DriftStream
from webapp.drift.watching import notice
from webapp.gateway import admission, issuing
from webapp.gateway.models import ServiceKey
from webapp.learning.models import DataSet
from webapp.reviews.models import Adjudication, Review
from webapp.rollouts import repredicting, shadowing, steps
from webapp.scans.models import Prediction, Scan
from webapp.versions.models import State
from webapp.volumes.models import Volume

BOX = {"target": {"selector": {"type": "FragmentSelector", "value": "xywh=pixel:10,20,30,40"}}}


@pytest.fixture
def busy(
    predicting: ModelServer,
    administrator: User,
    clinician: User,
    colleague: User,
    upload: Upload,
    api: Clients,
    settings: Any,
) -> Scan:
    """An installation in which everything that can be recorded was done, by those with a right to."""
    for user in (administrator, clinician, colleague):
        user.save()
    key = upload(clinician, answered_png(), patient_ref="P-7").json()["id"]
    path = f"/api/v1/scans/{key}/"
    for user in (clinician, colleague):
        client = api(user)
        client.get(path)
        drawn = client.post(f"{path}annotations/", BOX).json()["id"]
        client.put(f"/api/v1/annotations/{drawn}/", {**BOX, "comment": "fluid"})
        for verdict in ({"verdict": "agree"}, {"verdict": "disagree", "label": "DME"}):
            assert client.post(f"{path}review/", verdict).status_code == 201
    assert api(clinician).post(f"{path}predictions/", {"label": "DME"}).status_code == 201
    assert api(clinician).patch(path, {"note": "squints"}).status_code == 200
    for label in ("CNV", "DME"):
        assert api(administrator).post(f"{path}adjudication/", {"label": label}).status_code == 201
    service = ServiceKey(service="reports")
    admission.admit(issuing.issue(service, administrator))
    issuing.change(service, administrator)
    issuing.revoke(service, administrator)
    profiles.store(
        CalibrationProfile(
            model_name="retina-oct",
            temperature=1.7,
            least={"CNV": 0.1},
            labels={"CNV": 50},
            scans=50,
            patients=40,
        )
    )
    profiles.undo(administrator)
    stream = DriftStream.objects.create(
        model_name="retina-oct", weights_sha256="ab" * 32, seen_until=clock.now()
    )
    acknowledge(notice(stream, Against.BEFORE, clock.now(), 50, [{"p": 0.25}]), administrator, accept=True)
    frozen = DataSet.objects.create(
        number=1, model_name="retina-oct", sha256="ab" * 32, held_out_sha256="cd" * 32, made_by=administrator
    )
    record(Action.DATA_SET_CREATE, administrator, "data_set", after=frozen)
    # What comes and goes, and goes with what it belongs to.
    gone = upload(colleague, seed=5).json()["id"]
    api(colleague).post(f"/api/v1/scans/{gone}/annotations/", BOX)
    api(colleague).delete(f"/api/v1/scans/{gone}/")
    User.objects.create(username="dora", password="!").delete()
    browser = Client()
    browser.post("/admin/login/", {"username": "anna", "password": PASSWORD})
    tokens.issue(clinician)
    everywhere = {"action": "sign_out_everywhere", "_selected_action": [str(clinician.pk)]}
    assert browser.post("/admin/accounts/user/", everywhere).status_code == 302
    clinician.refresh_from_db()  # whoever signs in from now on does so anew
    sealing.seal()
    return Scan.objects.get(pk=key)


def try_another_version(settings: Any, upload: Callable[..., Any]) -> None:
    """A version answers in shadow and as canary, is stopped by a guardrail, and its answers are asked for again."""
    settings.MODEL_SERVER = "tests.webapp.rollouts.two_versions.client"
    steps.start_shadow("retina-oct", NEW, 100)
    assert upload(seed=77).status_code == 201
    assert shadowing.answer_due()
    canary = steps.start_canary("retina-oct", NEW, 5, web_app_only=True)
    steps.end(steps.grow(canary, 10, "10 % by hand."), State.BREACHED, "Too slow.", "latency")
    Scan.objects.filter(pk=Scan.objects.first().pk).update(weights_sha256=WEIGHTS[NEW])  # type: ignore[union-attr]
    assert repredicting.ask("retina-oct") == 1
    assert repredicting.predict_due() == 1


def differences() -> list[str]:
    return [str(found) for found in Comparison().differences()]


def test_nothing_differs_after_all_that_is_done_with_a_right_to(
    busy: Scan, clinician: User, administrator: User, upload: Upload, settings: Any
) -> None:
    settings.DICOM_ORIGIN = "keep"
    upload(clinician, picture())
    upload(clinician, tiff_volume(2))
    browser = signed_in(administrator)
    sender = {"ae_title": "OCT", "network": "10.0.0.7", "clinic": "Berlin", "enabled": "on"}
    assert browser.post("/admin/receiver/sender/add/", sender).status_code == 302
    assert browser.post("/admin/pacs/destination/add/", form(administrator)).status_code == 302
    wait_for(lambda: Volume.objects.filter(complete=True).exists(), timeout_s=60, what="the volume's end")
    try_another_version(settings, partial(upload, clinician))
    for known in audited_kinds():
        assert known.model._default_manager.exists(), f"there is no {known.kind} to compare"
    sealing.seal()
    comparison = Comparison()
    assert list(comparison.differences()) == []
    assert (comparison.incomparable, comparison.unrecorded) == (0, 0)
    assert comparison.compared == sum(known.model._default_manager.count() for known in audited_kinds())


@pytest.mark.parametrize(
    ("model", "field", "value", "what"),
    [
        (Scan, "patient_ref", "P-8", "it is not what it was by record "),
        (Scan, "image_name", "0" * 32 + ".png", "it is not what it was by record "),
        (Scan, "label", "NORMAL", "the answer that it shows is none of its predictions"),
        (Scan, "recommendation", None, "the answer that it shows is none of its predictions"),
        (Scan, "readers", [], "its readers are not those who gave a verdict"),
        (Scan, "settled_label", "CNV", "the label that settles it is not that of its last adjudication"),
        (Scan, "final_reading", None, "its final reading is not what its verdicts and adjudications come to"),
        (Prediction, "confidence", 0.1, "it is not what it was by record "),
        (Annotation, "comment", "a cyst", "it is not what it was by record "),
        (Review, "label", "CNV", "it is not what it was by record "),
        (Review, "blind", True, "it is not what it was by record "),
        (Adjudication, "label", "NORMAL", "it is not what it was by record "),
        (User, "password", "!", "it is not what it was by record "),
        (User, "role", "researcher", "it is not what it was by record "),
        (ServiceKey, "key_sha256", "ab" * 32, "it is not what it was by record "),
        (ServiceKey, "revoked_at", None, "it is not what it was by record "),
    ],
    ids=lambda value: getattr(value, "__name__", None) or str(value)[:20],
)
def test_a_changed_document_is_named(busy: Scan, model: Any, field: str, value: Any, what: str) -> None:
    changed = model.objects.order_by("pk").first()
    collection(model).update_one({"_id": changed.pk}, {"$set": {field: value}})
    found = differences()
    kind = next(known.kind for known in audited_kinds() if known.model is model)
    assert found[0].startswith(f"{kind} {changed.pk}: {what}")
    # A changed prediction is no longer what its scan shows, and so on.
    assert all(str(busy.pk) in text for text in found[1:])


def test_an_earlier_verdict_that_was_made_the_current_one(busy: Scan, clinician: User) -> None:
    earlier, later = Review.objects.filter(reader=clinician).order_by("created")
    collection(Review).update_one({"_id": later.pk}, {"$set": {"current": False}})
    collection(Review).update_one({"_id": earlier.pk}, {"$set": {"current": True}})
    assert differences() == [
        f"review {earlier.pk}: it counts as its reader's last verdict, and is not that",
        f"review {later.pk}: it doesn't count as its reader's last verdict, and is that",
    ]


@pytest.mark.parametrize("model", [Scan, Prediction, Annotation, Review, Adjudication, ServiceKey])
def test_a_missing_document_is_named(busy: Scan, model: Any) -> None:
    gone = model.objects.order_by("pk").first()
    collection(model).delete_one({"_id": gone.pk})
    named = f"{next(known.kind for known in audited_kinds() if known.model is model)} {gone.pk}: "
    assert any(found.startswith(f"{named}it is missing, and was there by record ") for found in differences())


def test_a_document_that_was_put_there_is_named(busy: Scan, administrator: User) -> None:
    # What is from before the first record has none; an id tells whole seconds.
    later = ObjectId.from_datetime(clock.now() + timedelta(seconds=1))
    put = collection(User).find_one({"_id": administrator.pk}) | {"_id": later, "username": "mallory"}
    collection(User).insert_one(put)
    assert differences() == [f"user {put['_id']}: no record tells where it came from"]


def test_a_deleted_document_that_is_there_again_is_named(busy: Scan, clinician: User, api: Clients) -> None:
    drawn = Annotation.objects.filter(author=clinician).get()
    before = collection(Annotation).find_one({"_id": drawn.pk})
    assert api(clinician).delete(f"/api/v1/annotations/{drawn.pk}/").status_code == 204
    collection(Annotation).insert_one(before)
    sealing.seal()
    (found,) = differences()
    assert found.startswith(f"annotation {drawn.pk}: it is there, and by record ")


def test_what_an_earlier_version_recorded_is_counted_and_not_called_changed(busy: Scan) -> None:
    told = {"kind": "user", "after": {"$ne": ""}}
    collection(Record).update_many(told, {"$set": {"hashing": 0, "after": "ab" * 32}})
    comparison = Comparison()
    assert list(comparison.differences()) == []
    assert comparison.incomparable == User.objects.count()


def test_a_change_with_a_right_to_it_meanwhile_is_no_difference(
    busy: Scan, clinician: User, api: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, changed = objects._last_records, []

    def late(kind: str, keys: list[str]) -> Any:
        found = look(kind, keys)
        if kind == "scan" and not changed:
            changed.append(api(clinician).patch(f"/api/v1/scans/{busy.pk}/", {"note": "another"}))
            sealing.seal()
            found = look(kind, keys)
        return found

    monkeypatch.setattr(objects, "_last_records", late)
    assert differences() == []
    assert changed[0].status_code == 200


def test_the_pieces_are_as_long_as_they_are_said_to_be(busy: Scan, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many documents there are, a walk holds one piece of them; and none is left out."""
    expected = Comparison()
    list(expected.differences())
    monkeypatch.setattr(objects, "CHUNK", 2)
    pieces = [len(piece) for piece in objects._in_pieces(User)]
    assert max(pieces) == 2 and sum(pieces) == User.objects.count()
    steps: list[tuple[str, int, int]] = []
    comparison = Comparison(lambda *step: steps.append(step))
    assert list(comparison.differences()) == []
    assert comparison.compared == expected.compared
    assert ("user", User.objects.count(), User.objects.count()) in steps


def test_the_command_names_them_and_says_how_far_it_is(busy: Scan) -> None:
    def run() -> tuple[int, str, str]:
        output, errors = io.StringIO(), io.StringIO()
        try:
            call_command("verify_audit", objects=True, stdout=output, stderr=errors)
        except SystemExit as end:
            return int(str(end.code)), output.getvalue(), errors.getvalue()
        return 0, output.getvalue(), errors.getvalue()

    status, said, progress = run()
    assert status == 0
    assert "documents are as recorded; 0 were recorded by an earlier version" in said
    assert "scan: 1 of 1\n" in progress
    review = Review.objects.first()
    assert review
    collection(Review).update_one({"_id": review.pk}, {"$set": {"comment": "not mine"}})
    status, said, _ = run()
    assert status == 1
    assert said.startswith(f"DIFFERENT review {review.pk}: it is not what it was by record ")
