"""An installation's calibration from its verified scans to the file that the model server reads, and back."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from handlers.answering import prediction_set
from handlers.card import ModelCard
from handlers.engines.settings import EngineSettings
from handlers.local_calibration import LocalCalibration, load_profile, rescaled
from handlers.predictor import Predictor
from handlers.request import Options, Request
from serving.changes import note
from serving.registry import Choice
from tests.images import png_bytes
from tests.webapp.audit.conftest import NewRecords, actions_of
from tests.webapp.calibration.conftest import Verified, command, excluding
from tests.webapp.conftest import Clients, signed_in
from webapp.accounts.models import User
from webapp.audit.objects import is_as_recorded
from webapp.calibration import profiles
from webapp.calibration.models import CalibrationProfile
from webapp.inference.torchserve import TorchServeClient
from webapp.scans.final import By, FinalReading
from webapp.scans.models import Disclosure

CALIBRATIONS, LIST = "/api/v1/calibrations/", "/admin/calibration/calibrationprofile/"


def test_fifty_verified_scans_become_a_profile_and_undo_takes_it_back(
    folder: Path, verified: Verified, card: ModelCard, new_records: NewRecords
) -> None:
    verified(50)
    new_records()

    said = command()

    made = CalibrationProfile.objects.get()
    profile = load_profile(folder / f"{card.name}.json", card.labels)
    assert (profile.name, profile.weights_sha256, profile.scans) == (made.name, card.weights_sha256, 50)
    assert profile.temperature == made.temperature > card.temperature, "it was too sure of itself"
    assert profile.known_from == 0.03, "scans that are all less familiar than the card allows"
    assert set(profile.least) == set(card.labels)
    assert made.after["log_loss"] < made.before["log_loss"]
    assert made.after["coverage"] >= 0.87 > made.before["coverage"]
    assert made.before["states"]["not_answered"] == 1 > made.after["states"]["not_answered"]
    for word in (
        made.name,
        "50 verified scans of 50 patients",
        "before",
        "after",
        "Sets that hold CNV (17 scans)",
    ):
        assert word in said
    in_the_worker = LocalCalibration(card, folder).profile()
    assert in_the_worker == profile
    (record,) = new_records()
    assert (record.action, record.kind, record.object_id) == (
        "calibration.create",
        "calibration",
        str(made.pk),
    )
    assert record.actor.startswith("operator:") and record.weights_sha256 == card.weights_sha256
    assert f"{made.name}  {card.name} {card.version}  50 scans" in command("--list")

    assert f"The calibration {made.name} is taken back; answers follow the model's card again" in command(
        "--undo"
    )

    assert not (folder / f"{card.name}.json").exists()
    assert LocalCalibration(card, folder).profile() is None
    assert [action for action, _ in actions_of(new_records())] == ["calibration.undo"]
    assert "taken back" in command("--list")
    made.refresh_from_db()
    assert is_as_recorded(made) and made.undone_at
    with pytest.raises(CommandError, match="there is nothing to take back"):
        command("--undo")


def test_before_is_as_the_scans_were_answered_where_findings_contradict(
    verified: Verified, card: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_map = replace(card, findings=excluding("NORMAL"))
    monkeypatch.setattr(TorchServeClient, "card", lambda _: with_map)
    fluid = {
        "kinds": ["fluid_within"],
        "regions": [{"finding": "fluid_within", "box": [0, 0, 4, 4], "share": 0.1}],
    }
    nothing = {"kinds": ["fluid_within"], "regions": []}
    scans = verified(30, familiarity=0.9, findings=fluid) + verified(30, familiarity=0.9, findings=nothing)

    proposed = profiles.propose()

    contradicted = sum(scan.label == "NORMAL" for scan in scans[:30])
    assert contradicted > 3
    assert proposed.before.states["answered"] == pytest.approx(1 - contradicted / 60, abs=1e-4)
    assert proposed.before.states["undecided"] == pytest.approx(contradicted / 60, abs=1e-4)
    answered = [scan for scan in scans if scan.label != "NORMAL" or scan.findings == nothing]
    right = sum(scan.final_reading["labels"] == [scan.label] for scan in answered)
    assert proposed.before.right_of_answered == pytest.approx(right / len(answered), abs=1e-4)


def test_undo_brings_back_the_profile_before(folder: Path, verified: Verified, card: ModelCard) -> None:
    verified(60)
    first, second = profiles.calibrate(), profiles.calibrate()
    day, _, number = first.name.rpartition("-")
    assert second.name == f"{day}-{int(number) + 1}"
    file = folder / f"{card.name}.json"
    assert json.loads(file.read_text())["name"] == second.name

    undone, used = profiles.undo()

    assert (undone, used) == (second, first)
    assert json.loads(file.read_text())["name"] == first.name


def test_a_dry_run_stores_nothing(folder: Path, verified: Verified) -> None:
    verified(50)

    assert "Nothing was stored." in command("--dry-run")

    assert not CalibrationProfile.objects.exists() and not folder.exists()


@pytest.mark.parametrize("page", ["list", "profile", "undo"])
def test_who_looks_at_a_calibration_in_the_administration_reads_no_scan_blind_afterwards(
    folder: Path, verified: Verified, administrator: User, page: str
) -> None:
    verified(50)
    made = profiles.calibrate()
    browser = signed_in(administrator)
    assert not Disclosure.objects.exists()

    if page == "undo":
        browser.post(f"{LIST}undo/")
    else:
        browser.get(LIST if page == "list" else f"{LIST}{made.pk}/change/")

    assert Disclosure.objects.get().readings_at


def test_scans_that_an_adjudicator_settled_count_and_a_dry_run_is_no_look_at_one(
    folder: Path,
    verified: Verified,
    card: ModelCard,
    new_records: NewRecords,
    administrator: User,
    api: Clients,
) -> None:
    verified(50, final=FinalReading(By.ADJUDICATOR, ("CNV",)))
    new_records()

    tried = api(administrator).post(CALIBRATIONS, {"dry_run": True})

    assert tried.status_code == 200 and tried.json()["name"] == "" and tried.json()["scans"] == 50
    assert new_records() == [], "metrics of many scans are no look at one"
    assert Disclosure.objects.get().readings_at, "and whoever saw them reads none of these blind"


def test_calibrating_over_the_api(
    folder: Path,
    verified: Verified,
    card: ModelCard,
    administrator: User,
    api: Clients,
    new_records: NewRecords,
) -> None:
    client = api(administrator)
    refused = client.post(CALIBRATIONS)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "calibration_refused")
    verified(50)
    new_records()

    made = client.post(CALIBRATIONS).json()

    assert client.get(CALIBRATIONS).json() == [made]
    assert made["in_use"] and made["least_by"]["CNV"] in ("own", "shared", "all", "card")
    undone = client.post(f"{CALIBRATIONS}undo/").json()
    assert (undone["undone"]["name"], undone["undone"]["in_use"], undone["in_use"]) == (
        made["name"],
        False,
        None,
    )
    assert actions_of(new_records()) == [
        ("calibration.create", str(administrator.pk)),
        ("calibration.undo", str(administrator.pk)),
    ]
    assert CalibrationProfile.objects.get().made_by == administrator


def test_calibrating_with_buttons_in_the_administration(
    folder: Path, verified: Verified, administrator: User
) -> None:
    browser = signed_in(administrator)
    calibrate, undo = f"{LIST}calibrate/", f"{LIST}undo/"
    assert "50 or more" in browser.get(LIST).content.decode()
    assert "50 are missing" in browser.post(calibrate, follow=True).content.decode()
    verified(50)

    shown = browser.post(calibrate).content.decode()

    assert "Calibration error (ECE)" in shown and "Put it in use" in shown
    assert not CalibrationProfile.objects.exists(), "the first press shows, the second stores"
    page = browser.post(calibrate, {"store": "1"}, follow=True).content.decode()
    made = CalibrationProfile.objects.get()
    assert f"The calibration {made.name} is in use." in page and "50 verified scans" in page
    assert f"Take {made.name} back" in browser.get(LIST).content.decode()
    assert "is taken back" in browser.post(undo, follow=True).content.decode()
    assert not list(folder.glob("*.json"))
    assert browser.get(calibrate).status_code == browser.get(undo).status_code == 405
    assert browser.post(f"{LIST}{made.pk}/delete/", {"post": "yes"}).status_code == 403


def test_a_second_click_takes_no_other_calibration_back(
    folder: Path, verified: Verified, card: ModelCard, administrator: User, api: Clients
) -> None:
    verified(60)
    first, second = profiles.calibrate(), profiles.calibrate()
    browser = signed_in(administrator)
    (form,) = re.findall(r"<form[^>]*/undo/.*?</form>", browser.get(LIST).content.decode(), re.DOTALL)
    shown = dict(re.findall(r'name="(model|name)" value="([^"]*)"', form))

    clicks = [browser.post(f"{LIST}undo/", shown, follow=True).content.decode() for _ in range(2)]

    assert f"The calibration {second.name} is taken back; {first.name} is in use again." in clicks[0]
    assert (
        f"The calibration {second.name} is not in use, but {first.name} is. Nothing was taken back."
        in clicks[1]
    )
    refused = api(administrator).post(f"{CALIBRATIONS}undo/", {"name": second.name})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "calibration_refused")
    assert CalibrationProfile.objects.in_use(card.name) == first
    undone = api(administrator).post(f"{CALIBRATIONS}undo/", {"name": first.name}).json()
    assert (undone["undone"]["name"], undone["in_use"]) == (first.name, None)


def decide(changes: Path, action: str, version: ModelCard) -> None:
    """Note that a version answers by default from now on, as `./retinote models` does."""
    weights = version.weights_sha256
    note(
        changes,
        action,
        version.name,
        version.version,
        weights_sha256=weights,
        before=Choice(),
        after=Choice(),
    )


def test_after_a_rollback_the_calibration_of_the_weights_that_answer_is_in_use(
    folder: Path,
    verified: Verified,
    card: ModelCard,
    settings: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    new_records: NewRecords,
    administrator: User,
    api: Clients,
) -> None:
    settings.MODEL_CHANGES_FILE = tmp_path / "changes.jsonl"
    newer = replace(card, version="1.1.0", weights_sha256="b" * 64)
    file = folder / f"{card.name}.json"

    def answers_now(version: ModelCard, action: str) -> None:
        monkeypatch.setattr(TorchServeClient, "card", lambda _: version)
        decide(settings.MODEL_CHANGES_FILE, action, version)
        new_records()

    def in_use() -> list[str]:
        return [each["name"] for each in api(administrator).get(CALIBRATIONS).json() if each["in_use"]]

    verified(50)
    first = profiles.calibrate()
    answers_now(newer, "promote")
    assert in_use() == [] and not file.exists()
    assert "in use" not in command("--list")
    verified(50, model_version=newer.version, weights_sha256=newer.weights_sha256)
    second = profiles.calibrate()
    assert in_use() == [second.name] == [load_profile(file).name]

    answers_now(card, "rollback")

    assert in_use() == [first.name] == [load_profile(file).name]
    assert f"Take {first.name} back" in signed_in(administrator).get(LIST).content.decode()
    assert f"The calibration {first.name} is taken back; answers follow the model's card again" in command(
        "--undo"
    )
    assert in_use() == [] and not file.exists()
    answers_now(newer, "promote")
    assert in_use() == [second.name] == [load_profile(file).name]


def test_a_folder_that_cannot_be_written_to_holds_up_no_rollback(
    folder: Path,
    verified: Verified,
    card: ModelCard,
    settings: Any,
    tmp_path: Path,
    new_records: NewRecords,
) -> None:
    verified(50)
    profiles.calibrate()
    (tmp_path / "file").touch()
    settings.CALIBRATION_DIR = tmp_path / "file" / "calibration"
    settings.MODEL_CHANGES_FILE = tmp_path / "changes.jsonl"
    decide(settings.MODEL_CHANGES_FILE, "rollback", replace(card, weights_sha256="b" * 64))

    assert "model.rollback" in [action for action, _ in actions_of(new_records())]
    assert CalibrationProfile.objects.in_use(card.name) is None


def test_a_start_hands_over_what_is_stored(folder: Path, verified: Verified, card: ModelCard) -> None:
    """As after a restored backup, which holds the documents, or where the folder was lost."""
    verified(50)
    made = profiles.calibrate()
    file = folder / f"{card.name}.json"
    good = file.read_bytes()
    for found in (None, b"{", good.replace(made.name.encode(), b"2020-01-01-1")):
        file.unlink()
        if found:
            file.write_bytes(found)
        call_command("publish_calibration", stdout=io.StringIO())
        assert file.read_bytes() == good
    assert profiles.publish() == [], "what is right already is left alone"
    CalibrationProfile.objects.all().delete()
    assert profiles.publish() == [file]
    assert not file.exists()


def test_a_folder_that_cannot_be_written_to_changes_nothing(
    settings: Any, tmp_path: Path, verified: Verified
) -> None:
    (tmp_path / "file").touch()
    settings.CALIBRATION_DIR = tmp_path / "file" / "calibration"
    verified(50)

    with pytest.raises(CommandError, match=r"can't be written to .* set RETINOTE_CALIBRATION_DIR"):
        command()

    assert not CalibrationProfile.objects.exists()


def test_without_the_model_server_nobody_knows_what_answers(folder: Path, away: None, db: None) -> None:
    with pytest.raises(CommandError, match="The model server can't answer"):
        command()


def test_answers_of_the_model_name_the_profile_and_go_by_it(
    folder: Path, verified: Verified, card: ModelCard, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model server's own code, with the file that the web app has written."""
    monkeypatch.setenv("RETINOTE_CALIBRATION_DIR", str(folder))
    monkeypatch.setattr("handlers.local_calibration.LOOK_EVERY_S", 0.0)
    predictor = Predictor.load(model, settings=EngineSettings("eager"))
    picture = Request(png_bytes(), options=Options(explain=False))

    def answer() -> Any:
        (found,) = predictor.answer([picture])
        return found

    before = answer()
    verified(50)
    made = profiles.calibrate()

    after = answer()

    assert (before["calibration"], after["calibration"]) == (None, made.name)
    softer = rescaled(before["probabilities"], card.temperature, made.temperature)
    assert after["probabilities"] == pytest.approx(softer, abs=1e-4)
    assert after["prediction_set"] == prediction_set(after["probabilities"], made.least)
    assert after["known"] is (after["familiarity"] >= made.known_from)
    profiles.undo()
    again = answer()
    assert (again["calibration"], again["probabilities"]) == (None, before["probabilities"])


def test_each_modalitys_model_is_calibrated_on_its_own_scans(
    folder: Path, verified: Verified, card: ModelCard, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MODELS = []
    chest = replace(card, name="chest-xray", weights_sha256="c" * 64)
    cards = {card.name: card, chest.name: chest}
    monkeypatch.setattr(TorchServeClient, "card", lambda client: cards[client._model])
    verified(60)
    with pytest.raises(CommandError, match="There are 0 verified scans that chest-xray"):
        command("--model=chest-xray")
    verified(60, model_name=chest.name, weights_sha256=chest.weights_sha256)

    command()
    command("--model=chest-xray")

    assert sorted(file.name for file in folder.glob("*.json")) == ["chest-xray.json", "retina-oct.json"]
    assert command("--list").count("in use") == 2
    command("--model=chest-xray", "--undo")
    assert [file.name for file in folder.glob("*.json")] == ["retina-oct.json"]
    with pytest.raises(CommandError, match="fundus is the model of no modality here"):
        command("--model=fundus")


def test_who_works_with_one_modality_calibrates_its_model_alone(
    folder: Path, verified: Verified, administrator: User, settings: Any, api: Clients
) -> None:
    settings.MODELS = []
    verified(50)
    made = api(administrator).post(CALIBRATIONS).json()
    User.objects.filter(pk=administrator.pk).update(modalities=["chest-xray"])
    client = api(User.objects.get(pk=administrator.pk))

    assert client.get(CALIBRATIONS).json() == []
    for address in (CALIBRATIONS, f"{CALIBRATIONS}undo/"):
        refused = client.post(address, {"model": "retina-oct"})
        assert refused.status_code == 403
        assert "do not work with the modality" in refused.json()["error"]["message"]
    assert CalibrationProfile.objects.get().name == made["name"]
