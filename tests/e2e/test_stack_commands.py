"""The commands about a running stack."""

import json
from pathlib import Path

import pytest
import requests

from operations.stack.folder import DataFolder
from tests.e2e.running import upload
from tests.images import png_bytes
from tests.stacks import Stack, retinote
from tests.waiting import wait_for

pytestmark = pytest.mark.xdist_group("stack")


def test_a_backup_of_the_running_stack_is_restored_into_another_folder(stack: Stack, tmp_path: Path) -> None:
    """By the commands alone: without stopping anything, then into a folder on which no stack ever ran."""
    headers = stack.sign_in("admin", stack.password)
    assert upload(stack, headers, seed=900).status_code == 201
    first, second, other = tmp_path / "first.tar", tmp_path / "second.tar", tmp_path / "other"

    made = stack.command("backup", str(first))
    refused = stack.command("restore", str(first), "--replace")
    restored = retinote("restore", first, "--data-dir", other)
    again = retinote("backup", second, "--data-dir", other)

    assert made.returncode == 0, made.stderr
    assert first.stat().st_mode & 0o777 == 0o600
    assert (refused.returncode, "stop it first" in refused.stderr) == (2, True)
    assert restored.returncode == 0, restored.stderr
    assert again.returncode == 0, again.stderr
    assert restored.stdout.partition(": ")[2].splitlines()[0] == made.stdout.partition(": ")[2].strip()
    assert "All sign-ins are ended. What was deactivated, revoked or changed after " in restored.stdout
    # The second has the record of the restore, and no sign-ins.
    assert again.stdout.rpartition("collections, ")[2] == made.stdout.rpartition("collections, ")[2]
    assert (
        len([path for path in (other / "media").rglob("*") if path.is_file()]) >= 3
    )  # image, heat map, findings
    assert retinote("restore", second, "--data-dir", other).returncode == 2


def test_other_services_get_a_key(stack: Stack) -> None:
    shown = stack.command("key")

    answer = requests.post(
        f"{stack.state['inference_url']}/predictions/retina-oct",
        headers={"Authorization": f"Bearer {shown.stdout.strip()}"},
        data=png_bytes(),
        timeout=60,
    )
    assert answer.ok
    assert "valid until" in shown.stderr


def test_accounts_are_made_with_a_password_from_standard_input(stack: Stack) -> None:
    made = stack.command("user", "create", "reader", "--role", "researcher", given="a-long-password-7\n")

    assert made.returncode == 0, made.stderr
    assert stack.sign_in("reader", "a-long-password-7")
    again = stack.command("user", "create", "reader", "--role", "researcher", given="a-long-password-7\n")
    assert again.returncode != 0
    assert "There is a user reader already" in again.stderr


def test_adjudicators_are_appointed_and_dismissed(stack: Stack) -> None:
    given = ["--role", "clinician", "--clinic", "east", "--adjudicator"]
    made = stack.command("user", "create", "judge", *given, given="a-long-password-7\n")
    assert "Created clinician judge, an adjudicator." in made.stdout, made.stderr
    assert stack.command("user", "dismiss", "judge").stdout == "judge is no adjudicator any more.\n"
    assert stack.command("user", "appoint", "judge").stdout == "judge is an adjudicator now.\n"
    nobody = stack.command("user", "appoint", "nobody")
    assert nobody.returncode != 0 and "There is no user nobody" in nobody.stderr


VERIFY_SCANS = """
import io, sys
import numpy as np
from PIL import Image
from webapp.core import clock
from webapp.accounts.models import User
from webapp.inference.model_server import model_client
from webapp.scans import storage
from webapp.scans.models import Scan
card, noise = model_client().card(), np.random.default_rng(0)
for number in range(int(sys.stdin.read())):
    picture = io.BytesIO()
    Image.fromarray(noise.integers(0, 256, (40, 48), dtype=np.uint8)).save(picture, "PNG")
    truth, said = card.labels[number % 2], card.labels[number % 3 % 2]
    Scan.objects.create(
        user=User.objects.get(username="admin"), sha256=f"{number:064x}", width=48, height=40, status="predicted",
        image_name=storage.save(picture.getvalue()), predicted_at=clock.now(), note="verified", label=said,
        probabilities={label: 0.95 if label == said else 0.05 / (len(card.labels) - 1) for label in card.labels},
        model_name=card.name, model_version=card.version, weights_sha256=card.weights_sha256, reviewed=True,
        final_reading={"by": "adjudicator", "labels": [truth], "readers": 0, "independent": 0},
    )
"""


def test_the_model_server_answers_by_a_calibration_until_it_is_taken_back(stack: Stack) -> None:
    def applied() -> object:
        key = stack.command("key").stdout.strip()
        answer = requests.post(
            f"{stack.state['inference_url']}/predictions/retina-oct",
            data=png_bytes(),
            headers={"Authorization": f"Bearer {key}", "Content-Type": "image/png"},
            timeout=60,
        )
        return answer.json()["calibration"]

    refused = stack.command("calibrate")
    assert refused.returncode != 0 and "There are 0 verified scans" in refused.stderr
    stack.django(VERIFY_SCANS, "50")

    made = stack.command("calibrate")

    assert made.returncode == 0, made.stderr
    assert "50 verified scans of 50 patients" in made.stdout
    (profile,) = (DataFolder(stack.data).calibration).glob("*.json")
    name = json.loads(profile.read_text(encoding="utf-8"))["name"]
    assert f"The calibration {name} is in use" in made.stdout
    wait_for(lambda: applied() == name, what="an answer by the calibration")
    undone = stack.command("calibrate", "--undo")
    assert f"The calibration {name} is taken back" in undone.stdout, undone.stderr
    wait_for(lambda: applied() is None, what="an answer by the card")
    stack.django("from webapp.scans.models import Scan\nScan.objects.filter(note='verified').delete()", "")


def test_versions_are_registered_promoted_rolled_back_and_retired(stack: Stack) -> None:
    def models(*arguments: str) -> str:
        ran = stack.command("models", *arguments)
        return ran.stdout if ran.returncode == 0 else ran.stderr

    def default() -> str:
        listed = [line.split() for line in models("list", "--model-store", str(stack.store)).splitlines()]
        return next(words[1] for words in listed if words[-1] == "yes")

    assert default() == "1.1.0"
    assert "retina-oct 1.0.0 is served at" in models("register", "retina-oct", "1.0.0")
    assert "is registered already" in models("register", "retina-oct", "1.0.0")
    assert "There is no retina-oct 9.9.9" in models("register", "retina-oct", "9.9.9")
    assert "retina-oct 1.0.0 has not been compared with 1.1.0" in models("promote", "retina-oct", "1.0.0")
    assert "retina-oct 1.0.0 answers by default now, in place of 1.1.0" in models(
        "promote", "retina-oct", "1.0.0", "--override", "neither of them is trained"
    )
    assert default() == "1.0.0"
    assert "answers by default; promote another version first" in models("retire", "retina-oct", "1.0.0")
    assert "retina-oct 1.1.0 answers by default now" in models("rollback", "retina-oct")
    assert default() == "1.1.0"
    assert "is no longer served" in models("retire", "retina-oct", "1.0.0")

    assert stack.command("audit", "verify").returncode == 0
    changes = stack.audit_records.find({"kind": "model"}).sort("_id")
    assert [(record["action"], record["object_id"]) for record in changes] == [
        ("model.default", "retina-oct/1.1.0"),
        ("model.register", "retina-oct/1.0.0"),
        ("model.promote", "retina-oct/1.0.0"),
        ("model.override", "retina-oct/1.0.0"),
        ("model.rollback", "retina-oct/1.1.0"),
        ("model.retire", "retina-oct/1.0.0"),
    ]


def test_the_audit_is_verified_and_tampering_found(stack: Stack) -> None:
    stack.sign_in("admin", stack.password)
    head = stack.command("audit", "head").stdout.strip()
    verified = stack.command("audit", "verify", "--expect", head)
    assert (verified.returncode, verified.stderr) == (0, "")
    assert "records are intact" in verified.stdout
    listed = stack.command("audit", "list", "--actor", "admin", "--action", "account.sign_in", "--limit", "1")
    assert (listed.returncode, listed.stderr) == (0, "")
    (line,) = listed.stdout.splitlines()
    assert "admin" in line and "account.sign_in" in line

    records = stack.audit_records
    record = records.find_one({"_id": 1})
    records.update_one({"_id": 1}, {"$set": {"actor": "nobody"}})
    tampered = stack.command("audit", "verify")
    records.replace_one({"_id": 1}, record)

    assert tampered.returncode == 1
    assert tampered.stdout.startswith("TAMPERED record 1 of ")
    assert stack.command("audit", "verify").returncode == 0
