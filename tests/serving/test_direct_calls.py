"""How another service calls the model server without the web app: curl, Python and gRPC, as the README shows."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc
import pytest
import requests

from docs.site.readme import BLOCK
from handlers.answer import Limits
from handlers.answering import STATES
from tests.images import png_bytes
from tests.services import ModelServer
from tests.serving.conftest import channel_to


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A B-scan on disk."""
    file = tmp_path_factory.mktemp("scan") / "scan.png"
    file.write_bytes(png_bytes(width=300, height=200))
    return file


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_curl_as_the_readme_shows(model_server: ModelServer, scan: Path) -> None:
    command = (
        'curl -sS --fail -H "Authorization: Bearer $KEY" -H "Content-Type: image/png" -H "X-Explain: false" '
        '--data-binary "@$SCAN" "$URL/predictions/retina-oct"'
    )
    environment = {"KEY": model_server.key(), "SCAN": str(scan), "URL": model_server.inference_url}

    ran = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True, check=True)

    answer = json.loads(ran.stdout)
    assert answer["prediction"]["label"] in answer["probabilities"]
    assert answer["image"]["width"] == 300
    assert "gradcam" not in answer


def test_python_as_the_readme_shows(model_server: ModelServer, scan: Path) -> None:
    answer = requests.post(
        f"{model_server.inference_url}/predictions/retina-oct",
        headers={"Authorization": f"Bearer {model_server.key()}", "X-Overlay-Format": "jpeg"},
        data=scan.read_bytes(),
        timeout=60,
    )

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["gradcam"]["media_type"] == "image/jpeg"


def test_an_answer_has_the_fields_that_the_readme_shows(model_server: ModelServer, scan: Path) -> None:
    def fields(value: Any) -> Any:
        return {name: fields(part) for name, part in value.items()} if isinstance(value, dict) else None

    answer = requests.post(
        f"{model_server.inference_url}/predictions/retina-oct",
        headers={"Authorization": f"Bearer {model_server.key()}"},
        data=scan.read_bytes(),
        timeout=60,
    )
    shown = BLOCK.search(Path("README.md").read_text(encoding="utf-8"))

    assert shown is not None
    text = shown[0].partition("```json\n")[2].rpartition("```")[0]
    assert fields(json.loads(text)) == fields(answer.json())


def test_python_with_a_wrong_key(model_server: ModelServer, scan: Path) -> None:
    answer = requests.post(
        f"{model_server.inference_url}/predictions/retina-oct",
        headers={"Authorization": "Bearer not-the-key"},
        data=scan.read_bytes(),
        timeout=60,
    )

    assert answer.status_code == 400
    assert answer.json()["type"] == "InvalidKeyException"


def test_grpc_as_the_readme_shows(
    model_server: ModelServer, scan: Path, stubs: tuple[ModuleType, ModuleType]
) -> None:
    messages, client = stubs
    with channel_to(model_server) as channel:
        answer = client.InferenceAPIsServiceStub(channel).Predictions(
            messages.PredictionsRequest(
                model_name="retina-oct", input={"body": scan.read_bytes(), "explain": b"false"}
            ),
            metadata=[("authorization", f"Bearer {model_server.key()}")],
            timeout=60,
        )

    prediction = json.loads(answer.prediction)
    assert prediction["prediction"]["label"] in prediction["probabilities"]
    assert prediction["state"] in STATES and Limits.__annotations__.keys() <= prediction.keys()
    assert "gradcam" not in prediction


def test_callers_over_http_and_grpc_share_batches(
    model_server: ModelServer, stubs: tuple[ModuleType, ModuleType]
) -> None:
    """Large answers of a batch come in pieces over HTTP; each caller gets its own, again over the same connection."""
    messages, client = stubs
    rounds, callers = 4, 8

    def by_grpc(widths: Sequence[int]) -> list[int]:
        with channel_to(model_server) as channel:
            stub = client.InferenceAPIsServiceStub(channel)
            answers = [
                stub.Predictions(
                    messages.PredictionsRequest(model_name="retina-oct", input={"body": png_bytes(width)}),
                    metadata=[("authorization", f"Bearer {model_server.key()}")],
                    timeout=60,
                )
                for width in widths
            ]
        return [json.loads(answer.prediction)["image"]["width"] for answer in answers]

    def by_http(widths: Sequence[int]) -> list[int]:
        with requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {model_server.key()}"
            url = f"{model_server.inference_url}/predictions/retina-oct"
            answers = [session.post(url, data=png_bytes(width), timeout=60) for width in widths]
        in_pieces.extend(answer.headers.get("Transfer-Encoding") == "chunked" for answer in answers)
        return [answer.json()["image"]["width"] for answer in answers]

    in_pieces: list[bool] = []
    widths = [range(400 + caller, 400 + rounds * callers, callers) for caller in range(callers)]
    ways = [by_http, by_http, by_http, by_grpc] * (callers // 4)
    with ThreadPoolExecutor(callers) as pool:
        found = list(pool.map(lambda way, wanted: way(wanted), ways, widths))

    assert found == [list(wanted) for wanted in widths]
    assert True in in_pieces and False in in_pieces


GRPC_REFUSALS = {
    # what is wrong: with which request, and how TorchServe says it
    "version": ({"model_version": "99.0"}, "INTERNAL", "Model version: 99.0 does not exist"),
    "model": ({"model_name": "nothing"}, "INTERNAL", "Model not found: nothing"),
    "name": ({"model_name": ""}, "INTERNAL", "Parameter model_name is required"),
    "size": ({"input": {"body": bytes(48 * 2**20)}}, "CANCELLED", "RST_STREAM"),
}


@pytest.mark.parametrize("wrong", GRPC_REFUSALS)
def test_grpc_has_torchserves_own_status_for_what_never_reaches_a_worker(
    model_server: ModelServer, stubs: tuple[ModuleType, ModuleType], wrong: str
) -> None:
    """As docs/model-server.md has them."""
    changed, status, said = GRPC_REFUSALS[wrong]
    with pytest.raises(grpc.RpcError) as refused:
        by_grpc(model_server, stubs, **changed)

    assert refused.value.code().name == status  # type: ignore[attr-defined]
    assert said in refused.value.details()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("image", "code", "http_status"),
    [
        (b"hello", "unreadable_image", 400),
        (b"GIF89a", "unsupported_image", 415),
        (png_bytes(20, 20), "image_too_small", 422),
        (bytes(48 * 2**20 - 100), "unreadable_image", 400),
    ],
    ids=["text", "gif", "small", "largest"],
)
def test_grpc_brings_a_workers_refusal_as_an_answer_with_its_status(
    model_server: ModelServer,
    stubs: tuple[ModuleType, ModuleType],
    image: bytes,
    code: str,
    http_status: int,
) -> None:
    """TorchServe 0.12 has one gRPC status for a whole batch, and a batch has neighbours."""
    error = by_grpc(model_server, stubs, input={"body": image})["error"]

    assert (error["code"], error["status"]) == (code, http_status)


def by_grpc(server: ModelServer, stubs: tuple[ModuleType, ModuleType], **request: Any) -> dict[str, Any]:
    messages, client = stubs
    with channel_to(server) as channel:
        answer = client.InferenceAPIsServiceStub(channel).Predictions(
            messages.PredictionsRequest(
                **{"model_name": "retina-oct", "input": {"body": png_bytes()}} | request
            ),
            metadata=[("authorization", f"Bearer {server.key()}")],
            timeout=60,
        )
    told: dict[str, Any] = json.loads(answer.prediction)
    return told


@pytest.mark.parametrize("metadata", [[], [("authorization", "Bearer not-the-key")]])
def test_grpc_asks_for_the_key_too(
    model_server: ModelServer,
    scan: Path,
    stubs: tuple[ModuleType, ModuleType],
    metadata: list[tuple[str, str]],
) -> None:
    messages, client = stubs
    with channel_to(model_server) as channel, pytest.raises(grpc.RpcError) as refused:
        client.InferenceAPIsServiceStub(channel).Predictions(
            messages.PredictionsRequest(model_name="retina-oct", input={"body": scan.read_bytes()}),
            metadata=metadata,
            timeout=60,
        )

    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED  # type: ignore[attr-defined]
