"""The whole stack as a person starts it: ready, watched, stopped, started again."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest
import requests
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from operations.stack.folder import DataFolder
from tests.e2e.running import RESTART_TIMEOUT_S, SERVICES, upload
from tests.images import png_bytes
from tests.services import free_ports
from tests.stacks import Stack
from tests.waiting import wait_for

pytestmark = pytest.mark.xdist_group("stack")


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
    # port: what somebody without an account or a key asks for, and the answer
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
    """All ports are listed above, all are this machine's alone, and none answers a question without a key."""
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


def test_status_lists_the_services(stack: Stack) -> None:
    wait_for(stack.is_ready, timeout_s=RESTART_TIMEOUT_S)

    shown = stack.command("status")

    assert shown.returncode == 0
    for name in SERVICES:
        (line,) = [line for line in shown.stdout.splitlines() if line.startswith(name)]
        assert " ready " in line
    assert f"inference {stack.state['ports']['inference']}" in shown.stdout
    assert re.search(r"^model: retina-oct \S+ answers by eager ", shown.stdout, re.MULTILINE)


def test_the_folder_cannot_be_used_twice(stack: Stack) -> None:
    refused = stack.command("up", "--port", str(free_ports(1)[0]))

    assert refused.returncode == 2
    assert refused.stderr.startswith(f"retinote: A stack runs on {stack.data} already (process ")


def test_the_port_cannot_be_used_twice(stack: Stack, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=f"Port {stack.port} is in use by another program"):
        Stack(tmp_path / "var", stack.store, stack.port).up()
