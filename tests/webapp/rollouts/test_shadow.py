"""A challenger in shadow answers what was answered, and nobody who reads is shown it."""

from __future__ import annotations

import errno
import json
from typing import Any
from unittest.mock import Mock

import pytest

from benchmarks.bundled import MODEL_NAME
from tests.volumes import tiff_volume
from tests.waiting import wait_for
from tests.webapp.conftest import Clients, Upload, signed_in
from tests.webapp.exports.test_exports import exported
from tests.webapp.rollouts.conftest import CHEST, actions
from tests.webapp.rollouts.two_versions import NEW, NORMAL, OLD, TwoVersions
from webapp.accounts.models import User
from webapp.api.errors import StorageAway
from webapp.rollouts import disagreements, shadowing, steps, summary
from webapp.rollouts.figures import shadow_figures
from webapp.rollouts.models import ShadowAnswer
from webapp.scans import prediction, storage
from webapp.scans.deletion import delete_scan
from webapp.scans.models import Prediction, Scan, Status
from webapp.versions.models import Kind, Rollout

pytestmark = pytest.mark.usefixtures("db")


def begin(percent: float = 100) -> Rollout:
    return steps.start_shadow(MODEL_NAME, NEW, percent)


def test_what_was_answered_since_is_answered_once(
    versions: TwoVersions, clinician: User, upload: Upload
) -> None:
    begin()
    upload(clinician, seed=1)
    upload(clinician, tiff_volume(3))
    wait_for(lambda: Prediction.objects.count() == 4, what="the volume's end")
    asked = versions.asked[NEW]

    done = [shadowing.answer_due() for _ in range(2)]

    assert (asked, done) == (0, [4, 0])
    assert ShadowAnswer.objects.count() == 4
    assert set(ShadowAnswer.objects.values_list("agrees", "same_tier")) == {(True, True)}
    assert Prediction.objects.count() == 4
    assert actions() == ["rollout.start", *["shadow.answer"] * 4]


def test_only_a_share_and_always_the_same_scans(
    versions: TwoVersions, clinician: User, upload: Upload
) -> None:
    begin(40)
    for seed in range(20):
        upload(clinician, seed=seed)
    shadowing.answer_due()

    first = ShadowAnswer.objects.count()
    assert 0 < first < 20
    ShadowAnswer.objects.all().delete()
    shadowing.answer_due()
    assert ShadowAnswer.objects.count() == first


def test_whoever_waits_comes_first(versions: TwoVersions, clinician: User, upload: Upload) -> None:
    begin()
    scan = upload(clinician).json()["id"]
    upload(clinician, seed=2)
    Scan.objects.filter(pk=scan).update(status=Status.QUEUED)

    assert shadowing.answer_due() == 0
    prediction.predict_queued()
    assert shadowing.answer_due() == 2


def test_scans_that_no_model_can_answer_now_keep_no_shadow_waiting(
    versions: TwoVersions, chest: TwoVersions, clinician: User, upload: Upload
) -> None:
    begin()
    for seed in range(3):
        upload(clinician, seed=seed, modality="oct")
    taken_away, lungs = Scan.objects.order_by("pk")[:2]
    Scan.objects.filter(pk=taken_away.pk).update(status=Status.QUEUED, modality="fundus")
    assert shadowing.answer_due() == 3

    Scan.objects.filter(pk=lungs.pk).update(status=Status.QUEUED, modality=CHEST)
    upload(clinician, seed=4, modality="oct")
    assert shadowing.answer_due() == 0, "the model of the chest answers that first"
    chest.away = True
    assert shadowing.answer_due() == 1


def test_a_worker_that_dies_loses_nothing(
    versions: TwoVersions, clinician: User, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin()
    for seed in range(4):
        upload(clinician, seed=seed)
    real, stored = shadowing._store, []

    def dies_at_the_third(shadow: Rollout, given: dict[str, Any], **said: Any) -> None:
        if len(stored) == 2:
            raise SystemExit
        stored.append(given["pk"])
        real(shadow, given, **said)

    monkeypatch.setattr(shadowing, "_store", dies_at_the_third)
    with pytest.raises(SystemExit):
        shadowing.answer_due()
    monkeypatch.setattr(shadowing, "_store", real)

    assert shadowing.answer_due() == 2
    assert ShadowAnswer.objects.count() == 4


def test_a_challenger_that_fails_alone_is_counted_and_a_model_server_that_is_away_is_not(
    versions: TwoVersions, clinician: User, upload: Upload
) -> None:
    shadow = begin()
    upload(clinician)
    versions.away = True
    assert shadowing.answer_due() == 0
    versions.away = False
    versions.fails.add(NEW)
    assert shadowing.answer_due() == 1

    assert shadow_figures(shadow).failures == {"unavailable": 1}


def test_a_picture_that_is_gone_is_no_reason_to_stop(
    versions: TwoVersions, clinician: User, upload: Upload
) -> None:
    begin()
    lost = Scan.objects.get(pk=upload(clinician).json()["id"])
    storage.delete(lost.image_name)
    upload(clinician, seed=2)

    assert shadowing.answer_due() == 2
    assert set(ShadowAnswer.objects.values_list("failure", flat=True)) == {"", "image_missing"}


def test_a_bucket_that_is_away_has_the_shadow_wait(
    versions: TwoVersions, clinician: User, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin()
    upload(clinician)
    with monkeypatch.context() as patched:
        patched.setattr(
            storage, "read", Mock(side_effect=StorageAway(errno.EIO, "the bucket does not answer"))
        )
        assert shadowing.answer_due() == 0

    assert shadowing.answer_due() == 1
    assert ShadowAnswer.objects.get().failure == ""


def test_what_a_scan_has_in_shadow_goes_with_it(
    versions: TwoVersions, clinician: User, upload: Upload
) -> None:
    begin()
    scan = Scan.objects.get(pk=upload(clinician).json()["id"])
    shadowing.answer_due()
    delete_scan(scan, clinician)

    assert not ShadowAnswer.objects.exists()


def test_a_scan_that_is_deleted_while_the_challenger_answers_gets_nothing(
    versions: TwoVersions, clinician: User, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin()
    scan = Scan.objects.get(pk=upload(clinician).json()["id"])
    timed = shadowing._timed

    def slow(*asked: Any) -> Any:
        delete_scan(scan, clinician)
        return timed(*asked)

    monkeypatch.setattr(shadowing, "_timed", slow)
    shadowing.answer_due()

    assert not ShadowAnswer.objects.exists()


def test_the_figures_and_the_disagreements(versions: TwoVersions, clinician: User, upload: Upload) -> None:
    shadow = begin()
    first = upload(clinician, seed=1).json()["id"]
    shadowing.answer_due()
    versions.says[NEW] = NORMAL
    second = upload(clinician, seed=2).json()["id"]
    shadowing.answer_due()

    figures = shadow_figures(shadow)
    assert (figures.scans, figures.agree, figures.same_tier) == (2, 1, 1)
    assert figures.states == (("answered", 2, 2),)
    assert figures.confidence == (pytest.approx(0.9), pytest.approx(0.945))
    assert figures.latency_ms
    assert [count for *_, count in figures.tiers] == [1]
    assert [str(key) for key in disagreements.disagreeing(MODEL_NAME)] == [second]
    assert first not in map(str, disagreements.disagreeing(MODEL_NAME))
    steps.stop(Kind.SHADOW, MODEL_NAME)
    assert [str(key) for key in disagreements.disagreeing(MODEL_NAME)] == [second]
    assert "the same answer on 1, the same urgency on 1" in " ".join(summary.lines(shadow))


def test_without_a_shadow_nothing_disagrees() -> None:
    assert disagreements.disagreeing(MODEL_NAME) == []
    assert shadowing.answer_due() == 0


def test_no_reader_is_shown_it(
    versions: TwoVersions,
    clinician: User,
    researcher: User,
    administrator: User,
    upload: Upload,
    api: Clients,
) -> None:
    """Nothing that the API, reports or exports give differs by what the challenger has said."""
    begin()
    key = upload(clinician, patient_ref="P-1").json()["id"]
    addresses = [
        "/api/v1/scans/",
        f"/api/v1/scans/{key}/",
        f"/api/v1/scans/{key}/fhir/",
        f"/api/v1/scans/{key}/reviews/",
        "/api/v1/history/",
        "/api/v1/dashboard/",
    ]

    def given() -> dict[str, Any]:
        found = {}
        for user in (clinician, researcher, administrator):
            for address in addresses:
                answer = api(user).get(address)
                found[user.username, address] = answer.content if answer.status_code == 200 else b""
            found[user.username, "export"] = exported(api, user, "csv")
        return found

    before = given()
    versions.says[NEW] = NORMAL
    assert shadowing.answer_due() == 1
    after = given()

    assert any(before.values())
    assert before.keys() == after.keys()
    assert [key for key in before if before[key] != after[key] and "fhir" not in key[1]] == []
    assert not [key for key, content in after.items() if NEW.encode() in content]


def test_the_administrations_page_has_sums_alone(
    versions: TwoVersions, clinician: User, administrator: User, upload: Upload
) -> None:
    shadow = begin()
    key = upload(clinician).json()["id"]
    shadowing.answer_due()
    browser = signed_in(administrator)

    listed = browser.get("/admin/versions/rollout/").content.decode()
    page = browser.get(f"/admin/versions/rollout/{shadow.pk}/change/").content.decode()

    assert NEW in listed and "100 % of scans" in listed
    assert "Answered in shadow: 1 scans; the same answer on 1" in page
    assert key not in page and json.dumps(OLD) not in page
    versions.says[NEW] = NORMAL
    disagreed = upload(clinician, seed=2).json()["id"]
    shadowing.answer_due()
    page = browser.get(f"/admin/versions/rollout/{shadow.pk}/change/").content.decode()
    assert f"/admin/scans/scan/{disagreed}/change/" in page and key not in page
    ended = {"action": "stop", "_selected_action": [str(shadow.pk)]}
    assert browser.post("/admin/versions/rollout/", ended).status_code == 302
    assert not Rollout.objects.running(Kind.SHADOW, MODEL_NAME)
    assert signed_in(clinician).get("/admin/versions/rollout/").status_code == 302
