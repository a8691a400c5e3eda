"""Contract 1, as another service meets it over HTTP: what is answered, from a real TorchServe with a real archive."""

import base64
import hashlib
import json
from typing import Any

import numpy as np
import pytest
import requests

from handlers.answer import WITHOUT_STATISTICS, Limits
from handlers.answering import ANSWERED, NO_STATISTICS, STATES
from handlers.card import ModelCard
from serving.keys import ManagementKey
from tests.dicom_files import dataset, written
from tests.images import bscan, encoded, from_base64, png_bytes
from tests.services import ModelServer
from tests.serving.contract.conftest import NAME, TIMEOUT_S, Caller, other_label
from tests.waiting import wait_for


def test_a_raw_image_is_answered_in_full(caller: Caller, card: ModelCard) -> None:
    content = png_bytes(768, 496, seed=1)
    response = caller.predict(content)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["X-Model-Version"] == card.version
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
    assert (answer["quality"]["acceptable"], answer["quality"]["reasons"]) == (True, [])
    assert set(answer["quality"]["measures"]) == {"black", "median", "white", "sharpness", "layered"}
    assert answer["image"] == {"width": 768, "height": 496, "sha256": hashlib.sha256(content).hexdigest()}
    assert set(answer["timing_ms"]) == {"decode", "forward", "explain", "encode"}
    check_findings(answer["findings"], card)
    gradcam = answer["gradcam"]
    assert gradcam["label"] == label
    overlay, heatmap = from_base64(gradcam["overlay"]), from_base64(gradcam["heatmap"])
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
    marks = np.asarray(from_base64(findings["map"]))
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
    wrapped, unwrapped = KSERVE[path]

    response = caller.post(path, json.dumps(wrapped(base64.b64encode(content).decode())), "application/json")

    assert response.status_code == 200, response.text
    found, plain = unwrapped(response.json()), caller.predict(content).json()
    assert found["gradcam"] == plain["gradcam"]
    if "prediction" in found:
        assert {name: found[name] for name in Limits.__annotations__} == {
            name: plain[name] for name in Limits.__annotations__
        }
        assert found["findings"] == plain["findings"]
    refused = caller.post(path, json.dumps(wrapped("aGVsbG8=")), "application/json")
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "unreadable_image")


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
    assert from_base64(answer["gradcam"]["overlay"]).size == (8000, 5000)
    assert from_base64(answer["gradcam"]["heatmap"]).size == (8000, 5000)
    assert not answer["quality"]["acceptable"]
    assert caller.predict(png_bytes()).status_code == 200


def test_the_model_describes_itself_and_its_engine(model_server: ModelServer, card: ModelCard) -> None:
    key = ManagementKey(model_server.key_file, model_server.management_url)
    response = requests.get(
        f"{model_server.management_url}/models/{NAME}/{card.version}",
        params={"customized": "true"},
        headers=key.headers(),
        timeout=TIMEOUT_S,
    )
    described = response.json()[0]["customizedMetadata"]
    assert described.pop("engine")["name"]
    assert described == card.to_dict()
