"""Stored scans that a new version would answer otherwise, the gate and the reasons of overrides in the administration."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from serving.changes import note
from serving.registry import Choice
from tests.gates import write_gate
from tests.models import make_model
from tests.webapp.conftest import Predicted
from tests.webapp.meanwhile import meanwhile
from webapp.accounts.models import User
from webapp.audit import sealing
from webapp.audit.hashing import canonical_sha256
from webapp.audit.models import Record
from webapp.gates import replay
from webapp.gates.models import ChangedTier, Override
from webapp.scans.deletion import delete_scan
from webapp.scans.models import Scan

NAME, NEW = "retina-oct", "2.0.0"
PAGE = f"/admin/inference/registeredversion/{NAME}/{NEW}/version/"


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a version."""
    return make_model(tmp_path_factory.mktemp("store"), version=NEW)


@pytest.fixture
def scans(predicted: Predicted, clinician: User) -> list[Scan]:
    """Three scans: one that is called CNV, which is urgent, and two that are called healthy."""
    made = [predicted(clinician) for _ in range(3)]
    for scan, label in zip(made, ("CNV", "NORMAL", "NORMAL"), strict=True):
        Scan.objects.filter(pk=scan.pk).update(**_said(label), label=label, model_name=NAME, confidence=0.9)
    return [Scan.objects.get(pk=scan.pk) for scan in made]


def _said(label: str) -> dict[str, Any]:
    probabilities = {"CNV": 0.02, "DRUSEN": 0.02, "NORMAL": 0.02} | {label: 0.96}
    return {
        "probabilities": probabilities,
        "quality": {"acceptable": True, "reasons": []},
        "caveats": [],
        "state": "answered",
        "because": "one_label",
        "prediction_set": [label],
        "group": "",
    }


def model_records() -> list[Record]:
    """All records about models, sealed."""
    sealing.seal()
    return list(Record.objects.filter(kind="model").order_by("number"))


def replayed(folder: Path, version: Path, answers: dict[str, Any]) -> dict[str, Any]:
    """What the web app makes of answers by scan."""
    told, out = folder / "answers.jsonl", folder / "replay.json"
    told.write_text(
        "".join(json.dumps({"scan": key, "answer": answer}) + "\n" for key, answer in answers.items())
    )
    call_command(
        "replay_answers",
        "--folder",
        str(version),
        "--answers",
        str(told),
        "--out",
        str(out),
        stdout=io.StringIO(),
    )
    content: dict[str, Any] = json.loads(out.read_text())
    return content


def test_stored_scans_are_listed_with_their_files(scans: list[Scan], tmp_path: Path) -> None:
    call_command("stored_scans", "--out", str(tmp_path / "stored.jsonl"), stdout=io.StringIO())

    lines = [json.loads(line) for line in (tmp_path / "stored.jsonl").read_text().splitlines()]
    assert {line["scan"] for line in lines} == {str(scan.pk) for scan in scans}
    assert all(Path(line["image"]).read_bytes().startswith(b"\x89PNG") for line in lines)


def test_scans_whose_urgency_changes_become_a_worklist(
    scans: list[Scan], version: Path, tmp_path: Path, browser: Client
) -> None:
    keys = [str(scan.pk) for scan in scans]
    answers = dict(zip(keys, (_said("NORMAL"), _said("CNV"), _said("NORMAL")), strict=True))

    found = replayed(tmp_path, version, answers | {"64b000000000000000000000": _said("CNV")})

    assert {name: found[name] for name in ("scans", "changed", "lowered", "raised", "refused")} == {
        "scans": 3,
        "changed": 2,
        "lowered": 1,
        "raised": 1,
        "refused": 0,
    }
    assert {(row["before"][:6], row["after"][:6]) for row in found["changes"]} == {
        ("No OCT", "Urgent"),
        ("Urgent", "No OCT"),
    }
    listed = browser.get("/admin/gates/changedtier/").content.decode()
    assert [f"/admin/scans/scan/{key}/change/" in listed for key in keys] == [True, True, False]
    lowered = browser.get("/admin/gates/changedtier/?direction__exact=lowered").content.decode()
    assert [f"/admin/scans/scan/{key}/change/" in lowered for key in keys] == [True, False, False]

    # A later replay of the version takes the place of this one.
    assert replayed(tmp_path, version, {keys[0]: _said("CNV"), keys[1]: None})["refused"] == 1
    assert not ChangedTier.objects.exists()


def test_a_scan_that_is_deleted_meanwhile_is_on_no_worklist(
    scans: list[Scan], version: Path, tmp_path: Path, clinician: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = replay._change

    def delete_and_change(card: Any, scan: Scan, said: dict[str, Any]) -> Any:
        if scan == scans[0]:
            meanwhile(lambda: delete_scan(Scan.objects.get(pk=scan.pk), clinician))
        return change(card, scan, said)

    monkeypatch.setattr(replay, "_change", delete_and_change)
    answers = {str(scans[0].pk): _said("NORMAL"), str(scans[1].pk): _said("CNV")}

    assert replayed(tmp_path, version, answers)["changed"] == 1

    assert [found.scan_id for found in ChangedTier.objects.all()] == [scans[1].pk]


def test_answers_that_are_none_are_refused(scans: list[Scan], version: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="can't be read"):
        replayed(tmp_path, version, {str(scans[0].pk): {"probabilities": "high"}})
    assert not ChangedTier.objects.exists()


def test_the_page_of_a_version_shows_its_gate(
    away: None, browser: Client, settings: Any, tmp_path: Path
) -> None:
    assert f"./retinote models gate {NAME} {NEW}" in browser.get(PAGE).content.decode()
    settings.LEARNING_DIR = tmp_path / "learning"
    check = {"name": "Macro F1", "set": "simulated", "passed": False, "reason": "It is lower by 0.2."}
    folder = write_gate(
        tmp_path / "learning" / "gates",
        {"name": NAME, "version": NEW, "weights_sha256": "ab" * 32},
        {"name": NAME, "version": "1.0.0", "weights_sha256": "cd" * 32},
        passed=False,
        test_sets=[{"name": "simulated", "scans": 480, "patients": 60, "sha256": "ef" * 32}],
        checks=[check],
    ).parent
    (folder / "gate.pdf").write_bytes(b"%PDF-1.4")

    page = browser.get(PAGE).content.decode()

    for text in ("not passed", "Macro F1, simulated", "It is lower by 0.2.", "480 scans of 60 patients"):
        assert text in page
    evidence = f"/admin/gates/changedtier/evidence/{NAME}"
    assert f"{evidence}/{NEW}/" in page
    assert b"".join(browser.get(f"{evidence}/{NEW}/").streaming_content) == b"%PDF-1.4"  # type: ignore[attr-defined]
    for other in ("9.9.9", ".."):
        assert browser.get(f"{evidence}/{other}/").status_code == 404
    shutil.rmtree(folder)


def test_an_override_is_audited_and_shown_with_its_version(
    away: None, browser: Client, settings: Any, tmp_path: Path
) -> None:
    settings.MODEL_CHANGES_FILE = tmp_path / "changes.jsonl"
    reason = "The old version can't read the new device's scans."
    note(
        settings.MODEL_CHANGES_FILE,
        "promote",
        NAME,
        NEW,
        weights_sha256="ab" * 32,
        before=Choice(),
        after=Choice(promoted=[NEW]),
        override=reason,
    )

    page = browser.get(PAGE).content.decode()

    assert "Promoted without a passed gate" in page and "can&#x27;t read the new device" in page
    records = {record.action: record for record in model_records()}
    assert set(records) == {"model.promote", "model.override"}
    assert records["model.override"].after == canonical_sha256(reason)
    assert records["model.override"].object_id == f"{NAME}/{NEW}"
    assert Override.objects.get().actor == records["model.promote"].actor


def test_a_gate_is_audited_with_its_hash(settings: Any, tmp_path: Path, db: None) -> None:
    settings.MODEL_CHANGES_FILE = tmp_path / "changes.jsonl"
    choice = Choice(promoted=["1.0.0"])
    note(
        settings.MODEL_CHANGES_FILE,
        "gate",
        NAME,
        NEW,
        weights_sha256="ab" * 32,
        before=choice,
        after=choice,
        gate="ef" * 32,
    )

    (record,) = model_records()

    assert (record.action, record.object_id) == ("model.gate", f"{NAME}/{NEW}")
    assert (record.before, record.after, record.weights_sha256) == ("", "ef" * 32, "ab" * 32)
