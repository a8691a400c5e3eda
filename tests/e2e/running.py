"""A running stack: its services, uploads to it, and waiting for their prediction."""

import requests

from tests.images import png_bytes
from tests.stacks import Stack
from tests.waiting import wait_for

SERVICES = ("MongoDB", "model server", "web app", "worker")
RESTART_TIMEOUT_S = 300


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
