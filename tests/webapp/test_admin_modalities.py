"""An administrator of some modalities: no page of the administration shows what is of another one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client

from tests.webapp.conftest import Clients, signed_in
from tests.webapp.scans import two_models
from webapp.accounts.administration import ByModality
from webapp.accounts.bounds import path_of
from webapp.accounts.models import RefreshSession, User
from webapp.annotations.models import Annotation
from webapp.audit.models import Record
from webapp.calibration import summary
from webapp.calibration.models import CalibrationProfile
from webapp.core import clock, modalities
from webapp.drift.models import DriftStream
from webapp.gates.models import ChangedTier, Direction
from webapp.gateway.models import ServiceKey
from webapp.inference.models import RegisteredVersion
from webapp.learning.models import DataSet, ExportRequest, LearningRun
from webapp.learning.rules import Rules
from webapp.learning.run_document import RunState
from webapp.pacs.models import Destination, Sending
from webapp.receiver.models import Arrival, CommitmentReport, Instance, Sender
from webapp.recommendations.answers import State
from webapp.reviews.models import Review
from webapp.scans.models import Scan, Status
from webapp.servers.models import ModelServer
from webapp.versions.models import Kind, Rollout, Withdrawal, Withdrawn

OF_NONE: dict[type[Model], str] = {
    User: "accounts, with what they are called",
    RefreshSession: "who is signed in",
    Record: "who did what, with ids and hashes; who looked at a scan must be found by whoever answers for it",
    Destination: "where results go",
    Sender: "who may send",
    CommitmentReport: "what a sender asked about, by UIDs, before anything is read",
    ServiceKey: "services",
    RegisteredVersion: "asks the model server; bounded by itself",
    ModelServer: "which servers there are, and what they serve",
}
"""The kinds of documents that are of no modality, and what they hold."""
OWN, OTHER = "oct", "chest-xray"
WEIGHTS = "ab" * 32
METRICS = {**dict.fromkeys(summary.METRICS, 0.5), "states": dict.fromkeys(State, 0.5), "labels": {}}


def _scan(name: str, user: User) -> Scan:
    model = modalities.model_of(name)
    label = next(iter(two_models.SAYS[model]))
    return Scan.objects.create(
        user=user, clinic="east", modality=name, sha256=name.ljust(64, "0"), image_name=f"{name}.png", width=64, height=64,
        patient_ref=f"P-{name}", status=Status.PREDICTED, label=label, confidence=0.9, probabilities={label: 0.9},
        model_name=model, model_version="1.0.0", weights_sha256=WEIGHTS,
    )  # fmt: skip


def _arrival(scan: Scan) -> Arrival:
    return Arrival.objects.create(
        key=f"a-{scan.modality}", clinic="east", study_uid="1.2", series_uid="1.2.3", scan=scan
    )


def _sending(scan: Scan) -> Sending:
    values = {"host": "pacs", "ae_title": "PACS", "sends": ["sr"], "account": scan.user}
    destination, _ = Destination.objects.get_or_create(name="pacs", defaults=values)
    return Sending.objects.create(destination=destination, scan=scan, what="sr")


MADE: dict[type[Model], Callable[[Scan], Model]] = {
    Scan: lambda scan: scan,
    Review: lambda scan: Review.objects.create(
        scan=scan, reader=scan.user, verdict="agree", label=scan.label, model_label=scan.label,
        model_name=scan.model_name, model_version="1.0.0",
    ),
    Annotation: lambda scan: Annotation.objects.create(
        scan=scan, author=scan.user, label=scan.label,
        selector={"type": "FragmentSelector", "value": "xywh=pixel:1,2,3,4"},
    ),
    Sending: _sending,
    Arrival: _arrival,
    Instance: lambda scan: Instance.objects.create(
        key=f"i-{scan.modality}", arrival=Arrival.objects.filter(scan=scan).first() or _arrival(scan), clinic="east",
        sop_class="1.2", sop_uid="1.2.3.4", study_uid="1.2", series_uid="1.2.3", sender="OCT", sha256=WEIGHTS, size=1,
    ),
    ChangedTier: lambda scan: ChangedTier.objects.create(
        scan=scan, model_name=scan.model_name, model_version="1.1.0", weights_sha256=WEIGHTS, before="Soon", after="Now",
        direction=Direction.RAISED, rank_after=3, label_before=scan.label, label_after=scan.label,
    ),
    DataSet: lambda scan: DataSet.objects.create(
        number=DataSet.objects.count() + 1, model_name=scan.model_name, sha256=WEIGHTS, held_out_sha256=WEIGHTS,
        counts={"scans": 1, "patients": 1, "test_patients": 0, "masks": 0, "labels": {}}, rules=Rules.given(scan.model_name).to_dict(),
    ),
    LearningRun: lambda scan: LearningRun.objects.create(
        name=f"run-{scan.modality}", model_name=scan.model_name, reason="by hand", is_open=False, state=RunState.STOPPED,
    ),
    Rollout: lambda scan: Rollout.objects.create(
        kind=Kind.SHADOW, model_name=scan.model_name, version=f"1.1.0-{scan.modality}", weights_sha256=WEIGHTS,
        champion="1.0.0", champion_sha256=WEIGHTS, percent=10,
    ),
    Withdrawal: lambda scan: Withdrawal.objects.create(
        model_name=scan.model_name, version=f"0.9.0-{scan.modality}", weights_sha256=WEIGHTS, why=Withdrawn.ROLLBACK,
    ),
    CalibrationProfile: lambda scan: CalibrationProfile.objects.create(
        name=f"cal-{scan.modality}", model_name=scan.model_name, model_version="1.0.0", weights_sha256=WEIGHTS,
        temperature=1.0, before=METRICS, after=METRICS, scans=9, patients=9,
    ),
    DriftStream: lambda scan: DriftStream.objects.create(
        clinic=f"clinic-{scan.modality}", model_name=scan.model_name, model_version="1.0.0", weights_sha256=WEIGHTS,
        seen_until=clock.now(),
    ),
}  # fmt: skip
"""Makes a document of each kind that is of a modality, about a scan."""


@pytest.fixture
def scans(settings: Any, administrator: User, clinician: User) -> dict[str, Scan]:
    """A scan of each of two modalities; the administrator works with one of them."""
    settings.MODELS = []
    settings.MODEL_SERVER = f"{two_models.__name__}.client"
    User.objects.filter(pk=administrator.pk).update(modalities=[OWN])
    return {name: _scan(name, clinician) for name in (OWN, OTHER)}


@pytest.fixture
def bounded(scans: dict[str, Scan], administrator: User) -> Client:
    """A browser of the administrator of one modality."""
    return signed_in(User.objects.get(pk=administrator.pk))


def _place(document: Model, page: str = "") -> str:
    return f"/admin/{document._meta.app_label}/{document._meta.model_name}/{page}"


def test_each_kind_of_page_is_bounded_or_of_no_modality() -> None:
    registered = admin.site._registry
    assert {kind for kind in registered if path_of(kind)} == set(MADE)
    assert {kind for kind in registered if not path_of(kind)} == set(OF_NONE)
    for pages in registered.values():
        assert isinstance(pages, ByModality)
        assert type(pages).get_queryset is ByModality.get_queryset, "nothing may stand before the bound"


@pytest.mark.parametrize("kind", MADE, ids=lambda kind: kind.__name__)
def test_an_administrator_of_one_modality_sees_that_alone(
    kind: type[Model], scans: dict[str, Scan], bounded: Client
) -> None:
    own, other = (MADE[kind](scans[name]) for name in (OWN, OTHER))
    listed = bounded.get(_place(own))
    assert listed.status_code == 200
    shown = listed.content.decode()
    assert [each.pk for each in listed.context["cl"].result_list] == [own.pk]
    for foreign in (str(scans[OTHER].pk), "P-chest-xray", "PNEUMONIA"):
        assert foreign not in shown
    for page in ("change", "history", "delete"):
        assert bounded.get(_place(other, f"{other.pk}/{page}/")).status_code in (302, 403, 404), page
    assert bounded.get(_place(own, f"{own.pk}/change/")).status_code == 200


@pytest.mark.parametrize("kind", MADE, ids=lambda kind: kind.__name__)
def test_an_administrator_of_all_sees_both(
    kind: type[Model], scans: dict[str, Scan], bounded: Client, administrator: User
) -> None:
    documents = [MADE[kind](scans[name]) for name in (OWN, OTHER)]
    User.objects.filter(pk=administrator.pk).update(modalities=[])
    listed = bounded.get(_place(documents[0]))
    assert {each.pk for each in listed.context["cl"].result_list} == {each.pk for each in documents}


def test_a_small_picture_of_another_modality_is_not_there(scans: dict[str, Scan], bounded: Client) -> None:
    assert bounded.get(_place(scans[OTHER], f"{scans[OTHER].pk}/thumbnail/")).status_code == 404


def test_what_was_received_and_not_read_is_nobodys_modality(scans: dict[str, Scan], bounded: Client) -> None:
    waiting = Arrival.objects.create(key="w", clinic="east", study_uid="1.2", series_uid="1.2.4")
    Instance.objects.create(
        key="i", arrival=waiting, clinic="east", sop_class="1.2", sop_uid="1.9", study_uid="1.2", series_uid="1.2.4",
        sender="OCT", sha256=WEIGHTS, size=1,
    )  # fmt: skip
    for kind in ("arrival", "instance"):
        assert not bounded.get(f"/admin/receiver/{kind}/").context["cl"].result_list


def test_what_buttons_do_is_of_the_own_modality(
    scans: dict[str, Scan], bounded: Client, settings: Any
) -> None:
    settings.LEARNING = True
    run = MADE[LearningRun](scans[OTHER])
    for place in (
        "/admin/calibration/calibrationprofile/calibrate/",
        "/admin/calibration/calibrationprofile/undo/",
        "/admin/learning/learningrun/start/",
        "/admin/learning/learningrun/resume/",
    ):
        assert bounded.post(place, {"model": "chest-xray"}).status_code == 403, place
    LearningRun.objects.filter(pk=run.pk).update(is_open=True, state=RunState.WAITING)
    assert bounded.post("/admin/learning/learningrun/stop/").status_code == 403
    page = bounded.get("/admin/learning/learningrun/").content.decode()
    assert "A run of another modality is open" in page
    assert "run-chest-xray" not in page
    for name, status in (("retina-oct", 404), ("chest-xray", 403)):
        assert bounded.get(f"/admin/gates/changedtier/evidence/{name}/1.0.0/").status_code == status
    assert bounded.get("/admin/inference/registeredversion/chest-xray/1.0.0/version/").status_code == 403
    versions = bounded.get("/admin/inference/registeredversion/").content.decode()
    assert "retina-oct" in versions and "chest-xray" not in versions
    calibrations = bounded.get("/admin/calibration/calibrationprofile/").content.decode()
    assert "Chest X-ray" not in calibrations


def test_data_sets_of_another_modality_stay_with_who_works_with_it(
    scans: dict[str, Scan], administrator: User, api: Clients, bounded: Client
) -> None:
    MADE[DataSet](scans[OWN])
    MADE[DataSet](scans[OTHER])
    ExportRequest.objects.create(
        rules={"model": "chest-xray"},
        asked_by=administrator,
        done_at=clock.now(),
        said="7 scans of PNEUMONIA",
    )
    client = api(User.objects.get(pk=administrator.pk))
    answer = client.get("/api/v1/data-sets/").json()
    assert [each["model_name"] for each in answer["data_sets"]] == ["retina-oct"]
    assert answer["last"] is None
    assert client.post("/api/v1/data-sets/", {"model": "chest-xray"}).status_code == 403
    assert "PNEUMONIA" not in bounded.get("/admin/learning/dataset/").content.decode()
    User.objects.filter(pk=administrator.pk).update(modalities=[OTHER])
    assert bounded.post("/admin/learning/dataset/export/").status_code == 403
