"""The whole stack as a person starts it: ready, watched, stopped, started again."""

import json
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest
import requests
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from operations.stack.folder import DataFolder
from tests.images import png_bytes
from tests.services import free_ports
from tests.stacks import Stack, retinote
from tests.waiting import is_running, wait_for

pytestmark = pytest.mark.xdist_group("stack")

SERVICES = ("MongoDB", "model server", "web app", "worker")
RESTART_TIMEOUT_S = 300
CLIENTS, UPLOADS = 8, 40


def upload(stack: Stack, headers: dict[str, str], seed: int) -> requests.Response:
    files = {"image": ("scan.png", png_bytes(seed=seed), "image/png")}
    return requests.post(f"{stack.url}/api/v1/scans/", headers=headers, files=files, timeout=60)


def scan_of(stack: Stack, headers: dict[str, str], scan_id: str) -> dict[str, object]:
    answer = requests.get(f"{stack.url}/api/v1/scans/{scan_id}/", headers=headers, timeout=30)
    assert answer.ok, answer.text
    found: dict[str, object] = answer.json()
    return found


def wait_until_predicted(stack: Stack, headers: dict[str, str], scan_id: str) -> None:
    wait_for(
        lambda: scan_of(stack, headers, scan_id)["status"] == "predicted",
        timeout_s=RESTART_TIMEOUT_S,
        what=f"the prediction of scan {scan_id}",
    )


def test_up_says_how_to_sign_in(stack: Stack) -> None:
    assert f"Retinote is ready: {stack.url}/" in stack.output
    assert stack.sign_in("admin", stack.password)


def test_it_says_under_which_names_other_computers_find_it(stack: Stack) -> None:
    assert f"http://oct.example.org:{stack.port}/" in stack.output
    for host, status in (("oct.example.org", 200), ("another.example.org", 400)):
        answer = requests.get(f"{stack.url}/", headers={"Host": f"{host}:{stack.port}"}, timeout=30)
        assert answer.status_code == status
    assert "--allowed-host" in answer.text


def test_the_first_password_is_in_no_log(stack: Stack) -> None:
    for log in (stack.data / "logs").rglob("*"):
        if log.is_file():
            assert stack.password not in log.read_text(errors="replace"), log


def test_no_secret_is_where_others_read_it(stack: Stack) -> None:
    """Not on a command line, in no log, not in what the stack records of itself; its files are its owner's alone."""
    data = DataFolder(stack.data)
    kept = [path for path in data.secrets.iterdir() if path != data.administrator_note]
    assert {path.name for path in kept} == {"mongodb.key", "mongodb_password", "mongodb_uri", "secret_key"}
    secrets = {path.name: path.read_text().strip() for path in kept}
    shown = [word for pid in stack.processes() for word in psutil.Process(pid).cmdline()]
    logs = [path.read_text(errors="replace") for path in (stack.data / "logs").rglob("*") if path.is_file()]
    for name, secret in secrets.items():
        assert not any(secret in text for text in [*shown, *logs, str(stack.state)]), name
    assert {path.stat().st_mode & 0o777 for path in [*kept, stack.data / "run" / "state.json"]} == {0o600}
    assert (stack.data / "secrets").stat().st_mode & 0o777 == 0o700


def asks_mongodb(port: int) -> str:
    with MongoClient[dict[str, Any]]("127.0.0.1", port, directConnection=True) as stranger:
        try:
            return str(stranger["retinote"]["accounts_user"].find_one())
        except OperationFailure as refused:
            return str(refused.code)


def asks(path: str) -> Callable[[int], str]:
    return lambda port: str(requests.get(f"http://127.0.0.1:{port}{path}", timeout=30).status_code)


def asks_grpc(method: str) -> Callable[[int], str]:
    def ask(port: int) -> str:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            try:
                return str(channel.unary_unary(method)(b"", timeout=30))
            except grpc.RpcError as refused:
                return str(refused.code().name)  # type: ignore[attr-defined]

    return ask


STRANGERS = {
    # port: what somebody without an account or a key asks for, and what he gets
    "mongodb": (asks_mongodb, "13"),  # Unauthorized
    "inference": (asks("/predictions/retina-oct"), "400"),  # InvalidKeyException
    "management": (asks("/models"), "400"),
    "grpc-inference": (
        asks_grpc("/org.pytorch.serve.grpc.inference.InferenceAPIsService/Predictions"),
        "PERMISSION_DENIED",
    ),
    "grpc-management": (
        asks_grpc("/org.pytorch.serve.grpc.management.ManagementAPIsService/ListModels"),
        "PERMISSION_DENIED",
    ),
    "web": (asks("/api/v1/scans/"), "401"),
}


def test_every_port_that_the_stack_listens_on_refuses_strangers(stack: Stack) -> None:
    """All ports are listed above, all are this machine's alone, and nothing of worth is told without a key."""
    wait_for(stack.is_ready, timeout_s=RESTART_TIMEOUT_S)
    listening = {
        (connection.laddr.ip.removeprefix("::ffff:"), connection.laddr.port)
        for pid in stack.processes()
        for connection in psutil.Process(pid).net_connections("inet")
        if connection.status in (psutil.CONN_LISTEN, psutil.CONN_NONE)
    }

    assert listening == {("127.0.0.1", port) for port in stack.state["ports"].values()}
    assert {name: ask(stack.state["ports"][name]) for name, (ask, _) in STRANGERS.items()} == {
        name: answer for name, (_, answer) in STRANGERS.items()
    }
    assert STRANGERS.keys() == stack.state["ports"].keys()
    # Prometheus' token is not set here, so that nobody reads metrics.
    for path in ("/metrics", "/metrics/model-server"):
        assert asks(path)(stack.port) == "404"


def test_a_scan_goes_in_and_prediction_and_overlay_come_out(stack: Stack) -> None:
    headers = stack.sign_in("admin", stack.password)

    answer = upload(stack, headers, seed=1)

    assert answer.status_code == 201, answer.text
    scan = answer.json()
    assert scan["status"] == "predicted"
    assert scan["prediction"] in scan["probabilities"]
    overlay = requests.get(f"{stack.url}/api/v1/scans/{scan['id']}/overlay/", headers=headers, timeout=30)
    assert overlay.headers["Content-Type"].startswith("image/")


def test_an_upload_in_chunks_to_an_address_without_its_slash_is_stored(stack: Stack) -> None:
    headers = stack.sign_in("admin", stack.password)
    form = requests.Request("POST", stack.url, files={"image": ("scan.png", png_bytes(seed=2000))}).prepare()
    assert isinstance(form.body, bytes)

    answer = requests.post(
        f"{stack.url}/api/v1/scans",
        headers=headers | {"Content-Type": form.headers["Content-Type"]},
        data=iter([form.body[:5000], form.body[5000:]]),
        timeout=60,
        allow_redirects=False,
    )

    assert answer.status_code == 201, answer.text
    assert "chunked" in answer.request.headers["Transfer-Encoding"]
    assert answer.json()["width"] == 512


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


def test_status_lists_the_services(stack: Stack) -> None:
    wait_for(stack.is_ready, timeout_s=RESTART_TIMEOUT_S)

    shown = stack.command("status")

    assert shown.returncode == 0
    for name in SERVICES:
        (line,) = [line for line in shown.stdout.splitlines() if line.startswith(name)]
        assert " ready " in line
    assert f"inference {stack.state['ports']['inference']}" in shown.stdout


def test_the_folder_cannot_be_used_twice(stack: Stack) -> None:
    refused = stack.command("up", "--port", str(free_ports(1)[0]))

    assert refused.returncode == 2
    assert refused.stderr.startswith(f"retinote: A stack runs on {stack.data} already (process ")


def test_the_port_cannot_be_used_twice(stack: Stack, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=f"Port {stack.port} is in use by another program"):
        Stack(tmp_path / "var", stack.store, stack.port).up()


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
    assert "retina-oct 1.0.0 answers by default now, in place of 1.1.0" in models(
        "promote", "retina-oct", "1.0.0"
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


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_that_is_killed_comes_back(stack: Stack, name: str) -> None:
    wait_for(stack.is_ready, timeout_s=RESTART_TIMEOUT_S)
    killed = stack.service_pid(name)
    assert killed

    os.kill(killed, signal.SIGKILL)

    wait_for(lambda: stack.service_pid(name) not in (killed, None), timeout_s=RESTART_TIMEOUT_S)
    wait_for(stack.is_ready, timeout_s=RESTART_TIMEOUT_S)
    assert f"{name} ended with SIGKILL; starting it again in" in stack.log()


def test_without_the_model_server_scans_wait_for_it(stack: Stack) -> None:
    wait_for(stack.is_ready, timeout_s=RESTART_TIMEOUT_S)
    headers = stack.sign_in("admin", stack.password)
    model_server = stack.service_pid("model server")
    assert model_server
    os.kill(model_server, signal.SIGKILL)

    answer = upload(stack, headers, seed=2)

    assert answer.status_code == 202, answer.text
    assert answer.json()["status"] == "queued"
    scan_id = answer.json()["id"]
    wait_until_predicted(stack, headers, scan_id)


def test_uploads_by_many_at_once_are_each_kept_once(stack: Stack) -> None:
    wait_for(stack.is_ready, timeout_s=RESTART_TIMEOUT_S)
    headers = stack.sign_in("admin", stack.password)

    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(lambda seed: upload(stack, headers, seed), range(100, 100 + UPLOADS)))

    assert {answer.status_code for answer in answers} <= {201, 202}
    ids = [answer.json()["id"] for answer in answers]
    assert len(set(ids)) == UPLOADS
    for scan_id in ids:
        wait_until_predicted(stack, headers, scan_id)
        path = scan_of(stack, headers, scan_id)["annotation_path"]
        assert requests.get(f"{stack.url}{path}", headers=headers, timeout=30).ok
    again = upload(stack, headers, seed=100)
    assert again.status_code == 200
    assert again.json()["id"] == ids[0]


def all_gone(processes: list[int]) -> Callable[[], bool]:
    return lambda: not any(is_running(pid) for pid in processes)


def test_a_second_stack_is_killed_and_started_again(stack: Stack, store: Path, tmp_path: Path) -> None:
    """Beside the first stack, which doesn't notice."""
    second = Stack(tmp_path / "var", store, *free_ports(1)).up()
    try:
        password = second.password
        scan_id = upload(second, second.sign_in("admin", password), seed=3).json()["id"]
        processes = second.processes()
        assert len(processes) > 10

        second.kill_supervisor()

        wait_for(all_gone(processes), timeout_s=60, what="the end of every process of the killed stack")
        assert second.command("status").returncode == 3
        second.up()
        assert "Sign in with your account" in second.output
        assert scan_of(second, second.sign_in("admin", password), scan_id)["status"] == "predicted"

        processes = second.processes()
        second.down()

        assert all_gone(processes)()
        assert second.command("status").returncode == 3
    finally:
        second.down()
    wait_for(stack.is_ready, timeout_s=RESTART_TIMEOUT_S)
