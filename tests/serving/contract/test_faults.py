"""Contract 1: each fault has its status and code, and hurts no other caller."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import requests

from tests.images import bscan, encoded, png_bytes
from tests.services import ModelServer
from tests.serving.contract.conftest import NAME, Caller
from tests.waiting import wait_for

FAULTS: dict[str, tuple[bytes, str, int, str]] = {
    "empty": (b"", "image/png", 400, "empty_image"),
    "text": (b"hello", "text/plain", 400, "unreadable_image"),
    "binary": (bytes(range(256)) * 40, "image/png", 400, "unreadable_image"),
    "truncated": (png_bytes()[:-5000], "image/png", 400, "truncated_image"),
    "gif": (encoded(bscan(64, 64), "GIF"), "image/gif", 415, "unsupported_image"),
    "too small": (png_bytes(31, 200), "image/png", 422, "image_too_small"),
    "too large": (encoded(np.zeros((5001, 8000), np.uint8)), "image/png", 413, "image_too_large"),
    "bad json": (b'{"image": ', "application/json", 400, "invalid_json"),
    "no image in json": (b"{}", "application/json", 400, "empty_image"),
    "bad base64": (b'{"image": "?"}', "application/json", 400, "invalid_json"),
    "unknown option": (b'{"image": "aGk=", "lable": "CNV"}', "application/json", 400, "invalid_option"),
    "unknown label": (b'{"image": "aGk=", "label": "FLU"}', "application/json", 400, "invalid_option"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_has_its_own_status_and_code(caller: Caller, fault: str) -> None:
    body, content_type, status, code = FAULTS[fault]
    response = caller.predict(body, content_type)
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/json"
    answer = response.json()
    assert set(answer) == {"error"}
    assert (answer["error"]["code"], answer["error"]["status"]) == (code, status)
    assert len(answer["error"]["message"]) > 10


def test_bad_neighbours_hurt_no_one(caller: Caller, model_server: ModelServer) -> None:
    """Predictions, explanations and faults at once, more than a batch holds; each gets its own answer."""
    goods = {f"good-{seed}": png_bytes(280 + 20 * seed, 200 + 10 * seed, seed) for seed in range(12)}
    alone = {name: caller.predict(content).json() for name, content in goods.items()}

    def ask(name: str) -> requests.Response:
        headers = {"X-Request-Id": name}
        if name in FAULTS:
            body, content_type, _, _ = FAULTS[name]
            return caller.predict(body, content_type, headers=headers)
        if int(name.split("-")[1]) % 3 == 0:
            return caller.post(f"/explanations/{NAME}", goods[name], "image/png", headers=headers)
        return caller.predict(goods[name], headers=headers)

    names: Sequence[str] = [name for pair in zip(goods, FAULTS, strict=True) for name in pair]
    with ThreadPoolExecutor(max_workers=len(names)) as threads:
        responses = dict(zip(names, threads.map(ask, names), strict=True))
    for name, response in responses.items():
        if name in FAULTS:
            assert (response.status_code, response.json()["error"]["code"]) == FAULTS[name][2:]
            continue
        assert response.status_code == 200
        answer = response.json()
        assert answer["gradcam"]["label"] == alone[name]["gradcam"]["label"]
        if "prediction" in answer:
            assert answer["image"] == alone[name]["image"]
            assert list(answer["probabilities"].values()) == pytest.approx(
                list(alone[name]["probabilities"].values()), abs=1e-3
            )
    log = worker_log(model_server, until=f"request {names[-2]}:")
    assert any(f"in a batch of {count}" in log for count in range(2, 9))


def worker_log(model_server: ModelServer, until: str) -> str:
    """The workers' log, read when it holds `until`."""

    def read() -> str | None:
        files: list[Path] = sorted(model_server.logs.glob("*.log"))
        text = "".join(file.read_text(errors="replace") for file in files)
        return text if until in text else None

    return wait_for(read, what=f"a log line with {until}") or ""


def test_the_callers_request_id_reaches_the_log(caller: Caller, model_server: ModelServer) -> None:
    caller.predict(png_bytes(), headers={"X-Request-Id": "contract-4711"})
    line = next(
        line
        for line in worker_log(model_server, until="request contract-4711:").splitlines()
        if "contract-4711" in line
    )
    assert "200 ok" in line
