"""Registering, promoting and retiring versions on a real TorchServe."""

import threading
from zipfile import ZipFile

import pytest
import requests

from serving.capacity import DEFAULT_BATCHING
from serving.keys import ManagementKey
from serving.management import (
    AlreadyRegistered,
    IsDefault,
    ManagementClient,
    NotRegistered,
    Unreachable,
    WorkersFailed,
)
from tests.images import png_bytes
from tests.serving.conftest import FIRST, MODEL, SECOND, Trial
from tests.waiting import wait_for

pytestmark = pytest.mark.xdist_group("trial")


def predict(trial: Trial, version: str = "") -> requests.Response:
    return requests.post(
        f"{trial.server.inference_url}/predictions/{MODEL}{version and '/'}{version}",
        headers=trial.inference_key().headers() | {"X-Explain": "false"},
        data=png_bytes(64, 64),
        timeout=60,
    )


def test_registered_versions_are_ready_to_answer(both_served: Trial) -> None:
    first, second = sorted(both_served.client.versions(MODEL), key=lambda record: record.version)

    assert (first.name, first.version, first.is_default, first.status) == (MODEL, FIRST, True, "ready")
    assert (second.version, second.is_default, second.status) == (SECOND, False, "ready")
    assert [worker.status for worker in first.workers] == ["READY"]
    assert (first.batch_size, first.max_batch_delay_ms) == (DEFAULT_BATCHING.size, DEFAULT_BATCHING.delay_ms)
    assert both_served.client.models() == [MODEL]
    assert predict(both_served).json()["model"]["version"] == FIRST
    assert predict(both_served, SECOND).json()["model"]["version"] == SECOND


def test_a_version_describes_itself_with_its_card(both_served: Trial) -> None:
    card = both_served.client.describe(MODEL, SECOND)

    assert card["version"] == SECOND
    assert card["labels"] == ["AMD", "CNV", "DME", "DRUSEN", "MH", "NORMAL"]


def test_the_same_version_twice(both_served: Trial) -> None:
    with pytest.raises(AlreadyRegistered):
        both_served.client.register(both_served.archive(FIRST), workers=1)


def test_promotion_changes_who_answers_by_default(both_served: Trial) -> None:
    both_served.client.promote(MODEL, SECOND)

    assert predict(both_served).json()["model"]["version"] == SECOND
    assert both_served.client.default_version(MODEL) == SECOND


def test_the_default_cannot_be_retired_beside_others(both_served: Trial) -> None:
    with pytest.raises(IsDefault):
        both_served.client.unregister(MODEL, FIRST)


def test_a_swap_under_load_loses_no_request(both_served: Trial) -> None:
    statuses: list[int] = []
    enough = threading.Event()

    def keep_asking() -> None:
        while not enough.is_set():
            statuses.append(predict(both_served).status_code)

    clients = [threading.Thread(target=keep_asking) for _ in range(4)]
    for client in clients:
        client.start()
    try:
        wait_for(lambda: len(statuses) > 8, timeout_s=60)
        both_served.client.promote(MODEL, SECOND)
        both_served.client.unregister(MODEL, FIRST)
        answered = len(statuses)
        wait_for(lambda: len(statuses) > answered + 8, timeout_s=60)
    finally:
        enough.set()
        for client in clients:
            client.join()

    assert set(statuses) == {200}
    assert [record.version for record in both_served.client.versions(MODEL)] == [SECOND]


@pytest.mark.parametrize(("name", "version"), [(MODEL, "9.9.9"), ("unknown", FIRST)])
def test_versions_that_are_not_there(both_served: Trial, name: str, version: str) -> None:
    for ask in (both_served.client.describe, both_served.client.promote, both_served.client.unregister):
        with pytest.raises(NotRegistered):
            ask(name, version)


def test_a_version_whose_workers_fail_is_not_registered(both_served: Trial) -> None:
    broken = both_served.server.archives / "broken-1.0.0.mar"
    with (
        ZipFile(both_served.server.archives / both_served.archive(FIRST)) as whole,
        ZipFile(broken, "w") as spoiled,
    ):
        for name in whole.namelist():
            content = whole.read(name)
            if name == "weights.safetensors":
                content = content[: len(content) // 2]
            elif name == "MAR-INF/MANIFEST.json":
                content = content.replace(MODEL.encode(), b"broken")
            spoiled.writestr(name, content)

    with pytest.raises(WorkersFailed, match="Failed to start workers"):
        both_served.client.register(broken.name, workers=1)
    assert "broken" not in both_served.client.models()


def test_weights_with_a_flipped_byte_are_refused_when_they_are_loaded(both_served: Trial) -> None:
    """Even where nobody looked before: the archive is put beside the others by hand."""
    changed = both_served.server.archives / "flipped-1.0.0.mar"
    with (
        ZipFile(both_served.server.archives / both_served.archive(FIRST)) as whole,
        ZipFile(changed, "w") as spoiled,
    ):
        for name in whole.namelist():
            content = bytearray(whole.read(name))
            if name == "weights.safetensors":
                content[-1] ^= 1
            elif name == "MAR-INF/MANIFEST.json":
                content = content.replace(MODEL.encode(), b"flipped")
            spoiled.writestr(name, bytes(content))

    with pytest.raises(WorkersFailed, match="Failed to start workers"):
        both_served.client.register(changed.name, workers=1)
    assert "flipped" not in both_served.client.models()
    log = both_served.server.log_files[1].read_text()
    assert "not the weights that model.json beside it names (sha256 differs)" in log


def test_a_client_goes_on_when_somebody_renews_the_key(both_served: Trial) -> None:
    server = both_served.server
    somebody_else = ManagementKey(server.key_file, server.management_url)
    assert both_served.client.models() == [MODEL]

    somebody_else.renew(rejected=somebody_else.current())

    assert both_served.client.models() == [MODEL]


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(Unreachable, match="does not answer at http://127.0.0.1:9"):
        ManagementClient("http://127.0.0.1:9").models()
