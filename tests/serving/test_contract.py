"""Contract 1, as another service meets it: over HTTP, from a real TorchServe with a real archive."""

import base64
import hashlib
import io
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from PIL import Image

from handlers.answer import WITHOUT_STATISTICS, Limits
from handlers.answering import ANSWERED, NO_STATISTICS, STATES
from handlers.card import ModelCard
from serving.keys import ManagementKey
from tests.dicom_files import dataset, written
from tests.images import bscan, encoded, png_bytes
from tests.services import ModelServer
from tests.waiting import wait_for

NAME = "retina-oct"
TIMEOUT_S = 120


class Caller:
    """Another service: it knows the address and a key, and nothing else."""

    def __init__(self, server: ModelServer) -> None:
        self._server = server
        self._key = server.key()

    def post(
        self, path: str, body: Any = None, content_type: str | None = None, **options: Any
    ) -> requests.Response:
        headers = {"Authorization": f"Bearer {self._key}", **options.pop("headers", {})}
        if content_type:
            headers["Content-Type"] = content_type
        url = f"{self._server.inference_url}{path}"
        return requests.post(url, data=body, headers=headers, timeout=TIMEOUT_S, **options)

    def predict(self, body: Any, content_type: str | None = "image/png", **options: Any) -> requests.Response:
        return self.post(f"/predictions/{NAME}", body, content_type, **options)


@pytest.fixture(scope="module")
def caller(model_server: ModelServer) -> Caller:
    return Caller(model_server)


@pytest.fixture(scope="module")
def card(model_server: ModelServer, caller: Caller) -> ModelCard:
    """The card of the version that answers."""
    version = caller.predict(png_bytes()).json()["model"]["version"]
    return ModelCard.load(model_server.model_store / NAME / version / "model.json")


def opened(encoded_image: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(encoded_image)))


def test_a_raw_image_is_answered_in_full(caller: Caller, card: ModelCard) -> None:
    content = png_bytes(768, 496, seed=1)
    response = caller.predict(content)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    answer = response.json()
    assert answer["model"] == {
        "name": NAME,
        "version": card.version,
        "architecture": card.architecture,
        "weights_sha256": card.weights_sha256,
    }
    assert tuple(answer["probabilities"]) == card.labels
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    label, confidence = answer["prediction"]["label"], answer["prediction"]["confidence"]
    assert confidence == answer["probabilities"][label] == max(answer["probabilities"].values())
    told = [caveat for caveat in answer["caveats"] if caveat != WITHOUT_STATISTICS]
    assert all(caveat.split(": ")[1] in card.caveats.values() for caveat in told)
    check_limits(answer, card)
    assert answer["quality"] == {"acceptable": True, "reasons": []}
    assert answer["image"] == {"width": 768, "height": 496, "sha256": hashlib.sha256(content).hexdigest()}
    assert set(answer["timing_ms"]) == {"decode", "forward", "explain", "encode"}
    check_findings(answer["findings"], card)
    gradcam = answer["gradcam"]
    assert gradcam["label"] == label
    overlay, heatmap = opened(gradcam["overlay"]), opened(gradcam["heatmap"])
    assert (gradcam["media_type"], overlay.format, overlay.mode) == ("image/png", "PNG", "RGB")
    assert (heatmap.format, heatmap.mode) == ("PNG", "L")
    assert overlay.size == heatmap.size == (768, 496)
    for region in gradcam["regions"]:
        x, y, width, height = region["box"]
        assert 0 <= x < x + width <= 768 and 0 <= y < y + height <= 496
        assert all(x <= px < x + width and y <= py < y + height for px, py in region["polygon"])
        assert 0 < region["score"] <= 1


def check_limits(answer: dict[str, Any], card: ModelCard) -> None:
    """How far an answer goes is told by every version, whether it has statistics or not."""
    assert Limits.__annotations__.keys() <= answer.keys()
    assert answer["state"] in STATES
    assert answer["calibration"] is None
    assert (WITHOUT_STATISTICS in answer["caveats"]) is (card.statistics is None)
    if card.statistics is None:
        assert (answer["familiarity"], answer["known"], answer["prediction_set"]) == (None, None, None)
        assert (answer["state"], answer["because"], answer["nearest"]) == (ANSWERED, NO_STATISTICS, [])
    else:
        assert answer["known"] is (answer["familiarity"] >= card.statistics.known_from)
        assert set(answer["prediction_set"]) <= set(card.labels)
        assert set(answer["nearest"]) <= set(card.statistics.nearest)


def check_findings(findings: dict[str, Any] | None, card: ModelCard) -> None:
    """What is found in a picture of 768 by 496 pixels; null where the model has no map of findings."""
    if card.findings is None:
        assert findings is None
        return
    assert findings is not None
    assert findings["kinds"] == list(card.findings.kinds)
    marks = np.asarray(opened(findings["map"]))
    assert marks.ndim == 2 and marks.max() <= len(findings["kinds"])
    shares = [region["share"] for region in findings["regions"]]
    assert shares == sorted(shares, reverse=True) and len(shares) <= 20
    for region in findings["regions"]:
        x, y, width, height = region["box"]
        assert 0 <= x < x + width <= 768 and 0 <= y < y + height <= 496
        assert card.findings.least_share <= region["share"] + 1e-6 <= 1 + 1e-6
        assert card.findings.thresholds[region["finding"]] <= region["confidence"] + 1e-4 <= 1 + 1e-4


FORMATS = {
    "image/png": encoded(bscan(300, 200)),
    "image/jpeg": encoded(bscan(300, 200), "JPEG", quality=95),
    "image/tiff": encoded(bscan(300, 200).astype(np.uint16) * 257, "TIFF"),
    "image/bmp": encoded(bscan(300, 200), "BMP"),
    "image/webp": encoded(bscan(300, 200), "WEBP", quality=95),
    "application/dicom": written(dataset(bscan(300, 200))),
}


@pytest.mark.parametrize("content_type", FORMATS)
@pytest.mark.parametrize("declared", ["as it is", "application/octet-stream", "image/png", "nothing"])
def test_each_format_is_read_whatever_was_declared(caller: Caller, content_type: str, declared: str) -> None:
    sent_type = {"as it is": content_type, "nothing": None}.get(declared, declared)
    answer = caller.predict(FORMATS[content_type], sent_type).json()
    assert (answer["image"]["width"], answer["image"]["height"]) == (300, 200)
    reference = caller.predict(FORMATS["image/png"]).json()
    assert list(answer["probabilities"].values()) == pytest.approx(
        list(reference["probabilities"].values()), abs=0.2
    )


def test_json_with_base64_gives_the_same_answer(caller: Caller) -> None:
    content = png_bytes(400, 300, seed=2)
    as_json = json.dumps({"image": base64.b64encode(content).decode()})
    for content_type in ("application/json", "application/json; charset=utf-8"):
        answer = caller.predict(as_json, content_type).json()
        assert answer["image"]["sha256"] == hashlib.sha256(content).hexdigest()
        assert list(answer["probabilities"].values()) == pytest.approx(
            list(caller.predict(content).json()["probabilities"].values()), abs=1e-4
        )


KSERVE = {
    # path: how a body holds an image, and how the answer holds its own
    "/v1/models/retina-oct:predict": (
        lambda image: {"instances": [{"image": {"b64": image}}]},
        lambda answer: answer["predictions"][0],
    ),
    "/v2/models/retina-oct/infer": (
        lambda image: {"inputs": [{"name": "x", "shape": [1], "datatype": "BYTES", "data": [image]}]},
        lambda answer: json.loads(answer["outputs"][0]["data"][0]),
    ),
    "/v1/models/retina-oct:explain": (
        lambda image: {"instances": [image]},
        lambda answer: answer["explanations"][0],
    ),
}


@pytest.mark.parametrize("path", KSERVE)
def test_protocols_of_kserve_give_the_same_answer(caller: Caller, path: str) -> None:
    content = png_bytes(400, 300, seed=2)
    wrapped, opened = KSERVE[path]

    response = caller.post(path, json.dumps(wrapped(base64.b64encode(content).decode())), "application/json")

    assert response.status_code == 200, response.text
    found, plain = opened(response.json()), caller.predict(content).json()
    assert found["gradcam"] == plain["gradcam"]
    if "prediction" in found:
        assert {name: found[name] for name in Limits.__annotations__} == {
            name: plain[name] for name in Limits.__annotations__
        }
        assert found["findings"] == plain["findings"]
    refused = caller.post(path, json.dumps(wrapped("aGVsbG8=")), "application/json")
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "unreadable_image")


def other_label(caller: Caller, card: ModelCard, content: bytes) -> str:
    first = caller.predict(content).json()["prediction"]["label"]
    return next(label for label in card.labels if label != first)


def test_options_as_json_keys(caller: Caller, card: ModelCard) -> None:
    content = png_bytes(seed=3)
    label = other_label(caller, card, content)
    image = base64.b64encode(content).decode()
    options = {"label": label, "overlay_format": "jpeg"}
    gradcam = caller.predict(json.dumps({"image": image} | options), "application/json").json()["gradcam"]
    assert (gradcam["label"], gradcam["media_type"]) == (label, "image/jpeg")
    assert opened(gradcam["overlay"]).format == "JPEG"
    less = {"explain": False, "findings": False}
    plain = caller.predict(json.dumps({"image": image} | less), "application/json").json()
    assert "gradcam" not in plain and "findings" not in plain
    assert plain["prediction"]


def test_options_as_headers(caller: Caller, card: ModelCard) -> None:
    content = png_bytes(seed=3)
    label = other_label(caller, card, content)
    options = {"X-Label": label, "X-Overlay-Format": "jpeg"}
    gradcam = caller.predict(content, headers=options).json()["gradcam"]
    assert (gradcam["label"], gradcam["media_type"]) == (label, "image/jpeg")
    assert "gradcam" not in caller.predict(content, headers={"X-Explain": "false"}).json()
    assert "findings" in caller.predict(content, headers={"X-Findings": "true"}).json()
    assert "findings" not in caller.predict(content, headers={"X-Findings": "false"}).json()


def test_options_as_query_parameters_where_torchserve_passes_them(caller: Caller, card: ModelCard) -> None:
    content = png_bytes(seed=3)
    label = other_label(caller, card, content)
    for path, query in ((f"/models/{NAME}/invoke", {}), ("/invocations", {"model_name": NAME})):
        gradcam = caller.post(path, content, "image/png", params=query | {"label": label}).json()["gradcam"]
        assert gradcam["label"] == label
        plain = caller.post(path, content, "image/png", params=query | {"explain": "false"}).json()
        assert plain["prediction"] and "gradcam" not in plain


def test_options_as_form_fields(caller: Caller, card: ModelCard) -> None:
    content = png_bytes(seed=3)
    label = other_label(caller, card, content)
    upload = {"image": ("scan.png", content, "image/png")}
    answer = caller.predict({"label": label}, content_type=None, files=upload).json()
    assert answer["gradcam"]["label"] == label
    assert answer["image"]["sha256"] == hashlib.sha256(content).hexdigest()


def form(*parts: tuple[str, str | bytes]) -> list[tuple[str, tuple[str | None, str | bytes]]]:
    """Fields and files in this order, for `files` of a call."""
    return [(name, ("scan.png" if isinstance(value, bytes) else None, value)) for name, value in parts]


SCAN, OTHER_SCAN = png_bytes(seed=3), png_bytes(seed=4)


@pytest.mark.parametrize(
    ("parts", "status", "code"),
    [
        ([("image", SCAN), ("image", OTHER_SCAN)], 422, "several_images"),
        ([("image", SCAN), ("data", OTHER_SCAN)], 422, "several_images"),
        ([("image", SCAN), ("label", "CNV"), ("label", "NORMAL")], 400, "invalid_option"),
        ([("image", SCAN), ("explain", "true"), ("explain", "true")], 400, "invalid_option"),
    ],
    ids=["two files", "two files by two names", "a field", "a field with one value"],
)
def test_a_form_that_gives_something_twice_is_refused(
    caller: Caller, parts: list[tuple[str, str | bytes]], status: int, code: str
) -> None:
    answer = caller.predict(None, content_type=None, files=form(*parts))
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert caller.predict(SCAN).status_code == 200


def test_a_key_or_a_query_parameter_that_is_given_twice_is_refused(caller: Caller) -> None:
    image = base64.b64encode(SCAN).decode()
    for twice in (
        f'{{"image": "{image}", "image": "{image}"}}',
        f'{{"image": "{image}", "label": "A", "label": "B"}}',
    ):
        answer = caller.predict(twice, "application/json")
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_json")
        assert "more than once" in answer.json()["error"]["message"]
    query = [("model_name", NAME), ("label", "CNV"), ("label", "NORMAL")]
    answer = caller.post("/invocations", SCAN, "image/png", params=query)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_option")


def test_a_body_in_chunks_is_read_as_any_other(caller: Caller) -> None:
    answer = caller.predict(iter([SCAN[:1000], SCAN[1000:]]))
    assert answer.json()["image"]["sha256"] == hashlib.sha256(SCAN).hexdigest()


def test_a_version_can_be_asked_for(caller: Caller, card: ModelCard) -> None:
    answer = caller.post(f"/predictions/{NAME}/{card.version}", png_bytes(), "image/png").json()
    assert answer["model"]["version"] == card.version
    assert caller.post(f"/predictions/{NAME}/99.0", png_bytes(), "image/png").status_code == 404


def test_explanations_hold_only_the_explanation(caller: Caller, card: ModelCard) -> None:
    content = png_bytes(seed=4)
    response = caller.post(f"/explanations/{NAME}", content, "image/png")
    assert response.status_code == 200
    explanation = response.json()
    assert set(explanation) == {"model", "gradcam"}
    assert explanation["gradcam"] == caller.predict(content).json()["gradcam"]
    label = other_label(caller, card, content)
    asked = caller.post(f"/explanations/{NAME}", content, "image/png", headers={"X-Label": label}).json()
    assert asked["gradcam"]["label"] == label


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


@pytest.mark.parametrize("overlay_format", ["png", "jpeg"])
def test_the_largest_image_is_answered_and_the_worker_lives(caller: Caller, overlay_format: str) -> None:
    """40 megapixels of noise in colour: the largest answer there can be, once it is a large picture's turn."""
    noise = np.random.default_rng(0).integers(0, 256, (5000, 8000, 3), dtype=np.uint8)
    body = encoded(noise, "JPEG", quality=30)

    def answered() -> requests.Response | None:
        told = caller.predict(body, "image/jpeg", headers={"X-Overlay-Format": overlay_format})
        return None if told.status_code == 503 else told

    response = wait_for(answered, timeout_s=300, what="a large picture's turn")
    assert response is not None and response.status_code == 200
    answer = response.json()
    assert answer["gradcam"]["media_type"] == "image/jpeg"
    assert opened(answer["gradcam"]["overlay"]).size == (8000, 5000)
    assert opened(answer["gradcam"]["heatmap"]).size == (8000, 5000)
    assert not answer["quality"]["acceptable"]
    assert caller.predict(png_bytes()).status_code == 200


def test_the_model_describes_itself(model_server: ModelServer, card: ModelCard) -> None:
    key = ManagementKey(model_server.key_file, model_server.management_url)
    response = requests.get(
        f"{model_server.management_url}/models/{NAME}/{card.version}",
        params={"customized": "true"},
        headers=key.headers(),
        timeout=TIMEOUT_S,
    )
    assert response.json()[0]["customizedMetadata"] == card.to_dict()
