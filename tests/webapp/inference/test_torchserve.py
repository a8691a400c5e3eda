"""The client of TorchServe: keys, ids, bounded waits."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from benchmarks.bundled import MODEL_STORE
from handlers.card import ModelCard
from tests.images import png_bytes
from tests.services import ModelServer, free_ports
from tests.waiting import wait_for
from webapp.inference.model_server import HeatGrid, ImageRefused, ModelUnavailable, UnknownVersion
from webapp.inference.torchserve import TorchServeClient

IMAGE = png_bytes()


@pytest.fixture
def client(model_server: ModelServer) -> TorchServeClient:
    return TorchServeClient(
        model_server.inference_url, model_server.management_url, str(model_server.key_file), "retina-oct"
    )


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_an_answer_has_all_that_the_contract_says(client: TorchServeClient) -> None:
    sent: list[Any] = []
    client._session.hooks["response"].append(lambda response, **_: sent.append(response.json()))
    answer = client.predict(IMAGE, deadline_s=30, request_id="test-answer-1")
    assert answer.probabilities[answer.label] == answer.confidence
    assert answer.model_name == "retina-oct"
    assert len(answer.weights_sha256) == 64
    assert isinstance(answer.heatmap, HeatGrid)
    assert answer.heatmap.png().startswith(b"\x89PNG")
    # Nobody looks at one yet, and the heat map is made of its grid.
    assert sent[0]["gradcam"].keys() == {"label", "grid", "regions"}
    assert answer.quality["acceptable"] in (True, False)


def test_the_request_id_reaches_the_model_servers_log(
    client: TorchServeClient, model_server: ModelServer
) -> None:
    client.predict(IMAGE, deadline_s=30, request_id="trace-me-7351")
    log = model_server.logs / "torchserve-worker.log"
    wait_for(lambda: "trace-me-7351" in log.read_text(), what="the id in the log")


def test_an_old_key_is_replaced_and_the_request_goes_through(
    model_server: ModelServer, tmp_path: Path
) -> None:
    stale = tmp_path / "key_file.json"
    shutil.copy(model_server.key_file, stale)
    keys = json.loads(stale.read_text())
    keys["inference"]["key"] = "0000"
    stale.write_text(json.dumps(keys))
    # Not at the run's server: a new key would shut out whoever calls it at this moment in another test.
    nowhere = f"http://127.0.0.1:{free_ports(1)[0]}"
    client = TorchServeClient(model_server.inference_url, nowhere, str(stale), "retina-oct")
    with pytest.raises(ModelUnavailable):
        client.predict(IMAGE, deadline_s=10, request_id="test-stale-1")
    shutil.copy(model_server.key_file, stale)
    assert client.predict(IMAGE, deadline_s=30, request_id="test-stale-2").label


def test_what_is_no_image_is_refused_for_good(client: TorchServeClient) -> None:
    with pytest.raises(ImageRefused) as refused:
        client.predict(b"not an image", deadline_s=30, request_id="test-refused-1")
    assert refused.value.code == "unreadable_image"


def test_a_fault_of_the_model_server_is_no_refusal_of_the_picture(out_of_memory: str) -> None:
    client = TorchServeClient(out_of_memory, "", "", "retina-oct")
    with pytest.raises(ModelUnavailable, match="its log says why"):
        client.predict(IMAGE, deadline_s=10, request_id="test-fault-1")


def test_the_card_of_what_answers_is_told_without_the_management(model_server: ModelServer) -> None:
    apart = TorchServeClient(model_server.inference_url, "", str(model_server.key_file), "retina-oct")

    card = apart.card()

    assert card == ModelCard.load(MODEL_STORE / card.name / card.version / "model.json")


def test_an_unknown_version_is_told_apart(client: TorchServeClient) -> None:
    with pytest.raises(UnknownVersion):
        client.predict(IMAGE, deadline_s=30, request_id="test-version-1", version="9.9.9")


def test_a_model_that_is_not_registered_yet_is_no_fault_of_the_image(model_server: ModelServer) -> None:
    client = TorchServeClient(
        model_server.inference_url, model_server.management_url, str(model_server.key_file), "other-model"
    )
    with pytest.raises(ModelUnavailable):
        client.predict(IMAGE, deadline_s=10, request_id="test-model-1")
    assert not client.is_ready()


def test_nobody_there_is_told_at_once(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    client = TorchServeClient(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port}", "", "retina-oct")
    with pytest.raises(ModelUnavailable):
        client.predict(IMAGE, deadline_s=4, request_id="test-away-1")
    assert not client.is_ready()


def test_a_server_that_never_answers_is_given_up_at_the_deadline(silent_port: int) -> None:
    url = f"http://127.0.0.1:{silent_port}"
    client = TorchServeClient(url, url, "", "retina-oct")
    with ThreadPoolExecutor() as threads:
        asked = threads.submit(client.predict, IMAGE, deadline_s=1, request_id="test-silent-1")
        wait_for(asked.done, what="the client to give up")
    with pytest.raises(ModelUnavailable, match="longer than 1 s"):
        asked.result()


def test_the_registered_versions_are_listed(client: TorchServeClient) -> None:
    versions = client.versions()
    assert [version.is_default for version in versions].count(True) == 1
    assert versions[0].ready_workers >= 1
