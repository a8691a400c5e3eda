"""What a withdrawn version has said is marked everywhere, and predicted again when somebody asks for it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from benchmarks.bundled import MODEL_NAME
from serving import changes
from serving.registry import Choice
from tests.volumes import tiff_volume
from tests.waiting import wait_for
from tests.webapp.conftest import Clients, Upload, signed_in
from tests.webapp.exports.test_exports import exported, rows
from tests.webapp.report_text import report_text
from tests.webapp.rollouts.conftest import actions, canary
from tests.webapp.rollouts.two_versions import NEW, NORMAL, OLD, WEIGHTS, TwoVersions
from webapp.accounts.models import User
from webapp.audit import sealing
from webapp.audit.objects import Comparison
from webapp.audit.recording import SYSTEM
from webapp.core import clock
from webapp.pacs.models import Destination, Sending
from webapp.rollouts import repredicting
from webapp.scans import prediction, storage
from webapp.scans.models import MOST_ATTEMPTS, Prediction, Scan
from webapp.scans.sweep import sweep
from webapp.versions.models import Rollout, State, Withdrawal, Withdrawn
from webapp.versions.withdrawals import withdraw

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def change(settings: Any, tmp_path: Path) -> Any:
    """Notes a change as `./retinote models` does, and has the web app take it in."""
    settings.MODEL_CHANGES_FILE = tmp_path / "changes.jsonl"

    def note(
        action: str, version: str, withdrawn: dict[str, str] | None = None, *, taken_in: bool = True
    ) -> None:
        changes.note(
            settings.MODEL_CHANGES_FILE,
            action,
            MODEL_NAME,
            version,
            weights_sha256=WEIGHTS[version],
            before=Choice(),
            after=Choice(),
            withdrawn=withdrawn,
        )
        if taken_in:
            sealing.seal()

    return note


@pytest.fixture
def rolled_back(versions: TwoVersions, clinician: User, upload: Upload, change: Any) -> list[str]:
    """The ids of three scans: two that the new version has answered before it was rolled back, and one of the old."""
    versions.default = NEW
    keys = [upload(clinician, seed=seed, patient_ref="P-1").json()["id"] for seed in range(2)]
    versions.default = OLD
    keys.append(upload(clinician, seed=7).json()["id"])
    change("rollback", OLD, {NEW: WEIGHTS[NEW]})
    return keys


def test_it_is_marked_wherever_it_is_shown(rolled_back: list[str], clinician: User, api: Clients) -> None:
    client = api(clinician)
    first, last = rolled_back[0], rolled_back[-1]

    listed = {
        scan["id"]: scan["model"]["withdrawn"] for scan in client.get("/api/v1/scans/").json()["results"]
    }
    assert listed == {rolled_back[0]: True, rolled_back[1]: True, last: False}
    for value, found in (("true", set(rolled_back[:2])), ("false", {last})):
        answer = client.get("/api/v1/scans/", {"withdrawn": value}).json()["results"]
        assert {scan["id"] for scan in answer} == found
    reports = [report_text(api, clinician, Scan.objects.get(pk=key)) for key in (first, last)]
    assert ["by a version of the model that has been withdrawn" in text for text in reports] == [True, False]
    table = rows(exported(api, clinician, "csv"))
    assert sorted((row["model_version"], row["withdrawn"]) for row in table) == [
        (OLD, ""),
        (NEW, "true"),
        (NEW, "true"),
    ]
    bundles = [json.dumps(client.get(f"/api/v1/scans/{key}/fhir/").json()) for key in (first, last)]
    assert ["has been withdrawn since" in bundle for bundle in bundles] == [True, False]


def test_from_a_blind_reader_it_is_hidden(rolled_back: list[str], colleague: User, api: Clients) -> None:
    colleague.reads_blind = True
    colleague.save()

    assert api(colleague).get(f"/api/v1/scans/{rolled_back[0]}/").json()["model"] is None
    assert api(colleague).get("/api/v1/scans/", {"withdrawn": "true"}).json()["results"] == []


def test_a_promotion_of_the_same_weights_lifts_it(
    rolled_back: list[str], clinician: User, api: Clients, change: Any
) -> None:
    change("promote", NEW)

    assert api(clinician).get(f"/api/v1/scans/{rolled_back[0]}/").json()["model"]["withdrawn"] is False
    assert actions() == [] or actions()[-1] == "version.accept"
    assert Withdrawal.objects.get().lifted_at


def test_no_trial_of_it_goes_on(versions: TwoVersions, change: Any) -> None:
    canary(50, web_app_only=True)

    # Promoted and rolled back between two looks at the canary: the default is what it was.
    change("promote", NEW)
    change("rollback", OLD, {NEW: WEIGHTS[NEW]})

    ended = Rollout.objects.get()
    assert (ended.state, ended.active) == (State.STOPPED, None)
    assert ended.reason == f"{NEW} was withdrawn, as {MODEL_NAME} was rolled back to {OLD}."


def try_as(kind: str, *options: str) -> None:
    call_command("rollout", kind, MODEL_NAME, NEW, "--percent=5", *options, stdout=io.StringIO())


def test_a_rollback_of_a_moment_ago_is_known_to_whoever_tries_the_version(
    versions: TwoVersions, change: Any
) -> None:
    change("rollback", OLD, {NEW: WEIGHTS[NEW]}, taken_in=False)

    with pytest.raises(CommandError, match=f"{NEW} was withdrawn, and whatever it answers is marked so"):
        try_as("canary")
    assert not Rollout.objects.exists()


@pytest.mark.parametrize("tried", [("canary", "--lift-withdrawal"), ("shadow",)])
def test_a_trial_that_begins_after_a_rollback_is_not_ended_by_it(
    versions: TwoVersions, change: Any, tried: tuple[str, ...]
) -> None:
    change("rollback", OLD, {NEW: WEIGHTS[NEW]}, taken_in=False)

    try_as(*tried)
    sealing.seal()

    assert Rollout.objects.get().state == State.RUNNING
    assert Withdrawal.objects.standing().exists() == (tried == ("shadow",))


def test_the_line_of_a_rollback_is_taken_in_once(rolled_back: list[str], change: Any) -> None:
    change("rollback", OLD, {NEW: WEIGHTS[NEW]})

    assert Withdrawal.objects.count() == 1


@pytest.mark.parametrize(
    "withdrawn", [[NEW], {"2.0.0": 7}, {"x" * 81: "ab"}, {str(at): "" for at in range(101)}]
)
def test_a_line_that_withdraws_what_is_none_is_not_believed(change: Any, withdrawn: Any) -> None:
    change("rollback", OLD, withdrawn if isinstance(withdrawn, dict) else None)
    if isinstance(withdrawn, dict):
        assert not Withdrawal.objects.exists()


def test_its_scans_are_predicted_again_and_the_old_answers_kept(
    versions: TwoVersions, rolled_back: list[str], clinician: User, api: Clients
) -> None:
    output = io.StringIO()
    call_command("rollout", "repredict", MODEL_NAME, stdout=output)
    assert output.getvalue().startswith("2 scans are predicted again by the worker")

    assert [repredicting.predict_due() for _ in range(3)] == [2, 0, 0]

    assert set(Scan.objects.values_list("model_version", flat=True)) == {OLD}
    assert sorted(Prediction.objects.values_list("model_version", flat=True)) == [OLD, OLD, OLD, NEW, NEW]
    withdrawal = Withdrawal.objects.get()
    assert (withdrawal.repredicted, withdrawal.refused) == (2, 0)
    assert withdrawal.repredicted_at
    sealing.seal()
    assert [str(each) for each in Comparison().differences()] == []
    with pytest.raises(CommandError, match="No scan's answer is of a withdrawn version"):
        call_command("rollout", "repredict", MODEL_NAME)


@pytest.fixture
def volume_sent(
    versions: TwoVersions, clinician: User, administrator: User, upload: Upload, change: Any
) -> list[Scan]:
    """The B-scans of a volume that a health record is to get, and whose answers are of a version that was rolled back."""
    Destination.objects.create(
        name="record", account=administrator, protocol="fhir", url="http://127.0.0.1:1", when="answered"
    )
    versions.default = NEW
    versions.says[OLD] = NORMAL
    assert upload(clinician, tiff_volume(3)).status_code < 300
    prediction.predict_queued()
    wait_for(Sending.objects.exists, what="the last answer, which another thread may be about to store")
    versions.default = OLD
    change("rollback", OLD, {NEW: WEIGHTS[NEW]})
    assert times_sent() == 1
    return list(Scan.objects.order_by("pk"))


def times_sent() -> int:
    """How often the one result was put into the queue."""
    return Sending.objects.get().version


def test_a_volume_is_sent_again_once_all_of_it_is_predicted_again(
    volume_sent: list[Scan], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repredicting, "BATCH", 2)
    repredicting.ask(MODEL_NAME)

    assert repredicting.predict_due() == 2
    prediction.predict_queued()
    assert times_sent() == 1, "a mixture of both versions is not sent"

    assert repredicting.predict_due() == 1
    assert times_sent() == 2
    assert set(Scan.objects.values_list("label", flat=True)) == {"NORMAL"}
    repredicting.predict_due()
    prediction.predict_queued()
    assert times_sent() == 2


def test_a_volume_of_which_a_bscan_is_refused_is_sent_again_too(volume_sent: list[Scan]) -> None:
    storage.delete(volume_sent[-1].image_name)
    repredicting.ask(MODEL_NAME)

    repredicting.predict_due()
    prediction.predict_queued()

    assert times_sent() == 2
    assert Withdrawal.objects.get().refused == 1


def test_a_volume_is_sent_again_when_somebody_has_a_bscan_predicted_again(
    volume_sent: list[Scan], clinician: User, api: Clients
) -> None:
    answer = api(clinician).post(f"/api/v1/scans/{volume_sent[0].pk}/predictions/", {})

    assert (answer.status_code, answer.json()["prediction"]) == (201, "NORMAL")
    assert times_sent() == 2


def test_a_volume_is_sent_again_when_a_lost_picture_had_a_bscan_predicted_again(
    volume_sent: list[Scan],
) -> None:
    storage.delete(volume_sent[0].heatmap_name)
    sweep()
    prediction.predict_queued()

    assert Scan.objects.get(pk=volume_sent[0].pk).label == "NORMAL"
    assert times_sent() == 2


def test_a_model_server_that_is_away_leaves_them_for_later(
    versions: TwoVersions, rolled_back: list[str]
) -> None:
    repredicting.ask(MODEL_NAME)
    versions.away = True
    assert repredicting.predict_due() == 0
    versions.away = False
    versions.fails.add(OLD)
    repredicting.predict_due()
    assert Scan.objects.filter(model_version=NEW).count() == 2
    versions.fails.clear()
    repredicting.predict_due()

    assert not Scan.objects.filter(model_version=NEW).exists()


def test_one_whose_image_is_gone_holds_up_no_other(versions: TwoVersions, rolled_back: list[str]) -> None:
    storage.delete(Scan.objects.get(pk=rolled_back[0]).image_name)
    repredicting.ask(MODEL_NAME)
    repredicting.predict_due()

    withdrawal = Withdrawal.objects.get()
    assert (withdrawal.repredicted, withdrawal.refused) == (1, 1)


@pytest.fixture
def slow(versions: TwoVersions, rolled_back: list[str]) -> Any:
    """Lets the first of the scans take the model so many seconds."""

    def take(seconds: float) -> None:
        versions.takes_s[storage.read(Scan.objects.get(pk=rolled_back[0]).image_name)] = seconds

    return take


def predict_all_due(times: int) -> None:
    """Do what the worker does every 5 s, each time after all pauses."""
    for _ in range(times):
        Scan.objects.update(next_attempt_at=clock.now())
        repredicting.predict_due()


def test_one_that_takes_the_model_longer_than_an_upload_waits_is_predicted(
    slow: Any, rolled_back: list[str]
) -> None:
    slow(10)
    repredicting.ask(MODEL_NAME)
    repredicting.predict_due()
    assert Scan.objects.get(pk=rolled_back[0]).model_version == OLD


def test_one_that_the_model_never_answers_holds_up_no_other(slow: Any, rolled_back: list[str]) -> None:
    slow(1000)
    repredicting.ask(MODEL_NAME)
    for _ in range(4):
        repredicting.predict_due()

    versions = [Scan.objects.get(pk=key).model_version for key in rolled_back]
    assert versions == [NEW, OLD, OLD]
    assert Withdrawal.objects.get().repredicted_at is None, "it is tried again"

    slow(0)
    predict_all_due(2)
    assert Scan.objects.get(pk=rolled_back[0]).model_version == OLD
    assert Withdrawal.objects.get().repredicted_at


def test_one_that_the_model_never_answers_is_given_up_in_the_end_and_may_be_asked_for_again(
    slow: Any, rolled_back: list[str]
) -> None:
    slow(1000)
    repredicting.ask(MODEL_NAME)
    predict_all_due(MOST_ATTEMPTS + 2)
    withdrawal = Withdrawal.objects.get()
    assert (withdrawal.repredicted, withdrawal.refused, bool(withdrawal.repredicted_at)) == (1, 1, True)

    slow(0)
    repredicting.ask(MODEL_NAME)
    repredicting.predict_due()
    assert Scan.objects.get(pk=rolled_back[0]).model_version == OLD


def test_what_can_not_be_predicted_is_counted_once_while_another_is_tried_again(
    slow: Any, rolled_back: list[str]
) -> None:
    slow(1000)
    storage.delete(Scan.objects.get(pk=rolled_back[1]).image_name)
    repredicting.ask(MODEL_NAME)
    for _ in range(5):
        repredicting.predict_due()
    assert Withdrawal.objects.get().refused == 1


def test_a_volume_of_which_a_bscan_is_never_answered_is_sent_again_in_the_end(
    versions: TwoVersions, volume_sent: list[Scan]
) -> None:
    versions.takes_s[storage.read(volume_sent[0].image_name)] = 1000
    repredicting.ask(MODEL_NAME)
    predict_all_due(3)
    prediction.predict_queued()
    assert times_sent() == 1, "it may be answered yet"

    predict_all_due(MOST_ATTEMPTS)
    prediction.predict_queued()

    assert times_sent() == 2


def test_two_workers_do_not_predict_the_same_ones(versions: TwoVersions, rolled_back: list[str]) -> None:
    repredicting.ask(MODEL_NAME)
    withdrawal = Withdrawal.objects.get()
    Withdrawal.objects.update(claimed_until=withdrawal.at.replace(year=withdrawal.at.year + 1))

    assert repredicting.predict_due() == 0


def test_the_button(versions: TwoVersions, rolled_back: list[str], administrator: User) -> None:
    browser = signed_in(administrator)
    page = "/admin/versions/withdrawal/"
    assert "Scans that show its answer: 2." in browser.get(page).content.decode()

    asked = {"action": "predict_again", "_selected_action": [str(Withdrawal.objects.get().pk)]}
    assert (
        "2 scans of retina-oct are predicted again" in browser.post(page, asked, follow=True).content.decode()
    )
    assert repredicting.predict_due() == 2


def test_without_a_withdrawn_version() -> None:
    with pytest.raises(CommandError, match=f"No version of {MODEL_NAME} is withdrawn"):
        call_command("rollout", "repredict", MODEL_NAME)


def test_the_command_lists_what_runs(versions: TwoVersions) -> None:
    canary(5, 25, every_s=600)
    withdraw(MODEL_NAME, "0.9.0", "c" * 64, Withdrawn.ROLLBACK, "Rolled back.", SYSTEM)
    output = io.StringIO()
    call_command("rollout", "list", stdout=output)

    said = output.getvalue()
    assert f"{MODEL_NAME} {NEW} as canary: 5 % of all patients, beside {OLD}." in said
    assert "Next: 25 %, each after 600 guarded seconds" in said
    assert f"{MODEL_NAME} 0.9.0, withdrawn" in said
    with pytest.raises(CommandError, match=f"canary {MODEL_NAME} {NEW} --stop"):
        call_command("rollout", "running", MODEL_NAME, NEW)
    call_command("rollout", "running", MODEL_NAME, OLD)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "Say which share of the patients"),
        (("--stages", "5,x"), "percentages such as 5,25,50,100, and not '5,x'"),
        (("--stop",), "No canary of retina-oct 2.0.0 runs."),
    ],
)
def test_the_command_refuses(versions: TwoVersions, words: tuple[str, ...], says: str) -> None:
    with pytest.raises(CommandError, match=says):
        call_command("rollout", "canary", MODEL_NAME, NEW, *words)


def test_the_command_begins_with_the_first_stage(versions: TwoVersions) -> None:
    output = io.StringIO()
    call_command("rollout", "canary", MODEL_NAME, NEW, "--stages=5,25,100", "--every-s=60", stdout=output)

    assert "Next: 25 %, 100 % (then it is promoted)" in output.getvalue()


def test_the_command_says_what_comes_after_a_percentage_by_hand(versions: TwoVersions) -> None:
    canary(5, 25, 100, every_s=60)
    output = io.StringIO()

    call_command("rollout", "canary", MODEL_NAME, NEW, "--percent=10", stdout=output)
    assert "Next: 25 %, 100 % (then it is promoted), each after 60 guarded seconds" in output.getvalue()

    Rollout.objects.update(stages=[])
    call_command("rollout", "canary", MODEL_NAME, NEW, "--percent=40", stdout=output)
    assert "Next: nothing by itself; it stays at 40 %." in output.getvalue()
