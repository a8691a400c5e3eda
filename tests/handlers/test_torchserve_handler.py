"""The handler with TorchServe's own context objects, without the server around it."""

import base64
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from ts.context import Context, RequestProcessor

from handlers.card import ModelCard
from handlers.request import Bundle
from handlers.torchserve_handler import ImageHandler
from tests.images import encoded, png_bytes
from tests.models import make_model

PREDICT = {"explain": "False"}
EXPLAIN = {"explain": "True"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def handler(model: Path) -> Iterator[ImageHandler]:
    loaded = ImageHandler()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("RETINOTE_ENGINE", "eager")
        loaded.initialize(Context("retina-oct", str(model), {}, 8, None, "0.12.0"))
        yield loaded


def handle(
    handler: ImageHandler, rows: list[dict[str, Any]], headers: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], Context]:
    context = Context("retina-oct", "", {}, 8, None, "0.12.0")
    context.request_ids = {index: f"own-{index}" for index in range(len(rows))}
    context.request_processor = [RequestProcessor(of_request) for of_request in headers]
    return [json.loads(answer) for answer in handler.handle(rows, context)], context


def heat_of(gradcam: dict[str, Any]) -> npt.NDArray[np.int16]:
    picture = cv2.imdecode(
        np.frombuffer(base64.b64decode(gradcam["heatmap"]), np.uint8), cv2.IMREAD_UNCHANGED
    )
    assert picture is not None
    return picture.astype(np.int16)


def test_predictions_and_explanations_share_a_batch(handler: ImageHandler) -> None:
    rows = [{"body": bytearray(png_bytes(seed=seed))} for seed in range(3)]
    for headers in ([PREDICT, EXPLAIN, PREDICT], [EXPLAIN, PREDICT, EXPLAIN]):
        answers, context = handle(handler, rows, headers)
        for index, of_request in enumerate(headers):
            assert ("prediction" in answers[index]) == (of_request is PREDICT)
            assert context.get_response_status(index)[0] == 200
            assert context.get_response_content_type(index) == "application/json"


def test_each_fault_has_its_own_status_and_code(handler: ImageHandler) -> None:
    rows = [
        {"body": bytearray(png_bytes())},
        {"body": bytearray(b"")},
        {"body": bytearray(b"GIF89a")},
        {"body": {"image": "", "label": "CNV"}},
        {"body": bytearray(png_bytes()), "label": bytearray(b"FLU")},
        {"body": bytearray(png_bytes(20, 20))},
        {"body": bytearray(png_bytes())},
    ]
    answers, context = handle(handler, rows, [PREDICT] * len(rows))
    found = [
        (context.get_response_status(index)[0], answer.get("error", {}).get("code"))
        for index, answer in enumerate(answers)
    ]
    assert found == [
        (200, None),
        (400, "empty_image"),
        (415, "unsupported_image"),
        (400, "empty_image"),
        (400, "invalid_option"),
        (422, "image_too_small"),
        (200, None),
    ]
    assert answers[0]["probabilities"] == answers[6]["probabilities"]


def test_of_requests_of_several_images_one_is_answered_where_others_wait(handler: ImageHandler) -> None:
    image = base64.b64encode(png_bytes()).decode()
    several = {"body": {"instances": [image, image]}}
    one_in_words, one = {"body": {"instances": [image]}}, {"body": bytearray(png_bytes())}

    def statuses(*rows: dict[str, Any]) -> list[int]:
        _, context = handle(handler, list(rows), [PREDICT] * len(rows))
        return [context.get_response_status(index)[0] for index in range(len(rows))]

    assert statuses(several, one, several, one_in_words) == [200, 200, 503, 200]
    assert statuses(several, several) == [200, 200], "nobody waits for them"


def test_a_large_picture_among_several_of_a_request_is_to_be_sent_alone(handler: ImageHandler) -> None:
    small, large = (
        base64.b64encode(content).decode()
        for content in (png_bytes(), encoded(np.zeros((2500, 2500, 3), np.uint8)))
    )

    (mixed, both, alone), context = handle(
        handler,
        [{"body": {"instances": images}} for images in ([small, large], [large, large], [large])],
        [PREDICT] * 3,
    )

    first, second = mixed["predictions"]
    assert "prediction" in first
    assert (second["error"]["code"], second["error"]["status"]) == ("several_images", 422)
    assert "of its own" in second["error"]["message"]
    assert both["error"] == second["error"]
    assert alone["error"]["code"] == "busy", "a small one is answered first"
    assert [context.get_response_status(index)[0] for index in range(3)] == [200, 422, 503]
    ((answered,), _) = handle(handler, [{"body": {"instances": [large]}}], [PREDICT])
    assert "prediction" in answered["predictions"][0]


def test_a_request_of_several_images_is_one_answer_and_no_neighbours_matter(
    handler: ImageHandler,
) -> None:
    scans = [png_bytes(seed=seed) for seed in range(3)]
    one, two, three = (base64.b64encode(scan).decode() for scan in scans)
    inputs = [{"name": "image", "shape": [1], "datatype": "BYTES", "data": [three]}]
    rows: list[dict[str, Any]] = [
        {"body": {"instances": [one, "?", {"image": two}]}},
        {"body": bytearray(scans[0])},
        {"body": {"id": "7", "inputs": inputs}},
        {"body": {"instances": ["?", "!"]}},
        {"body": {"instances": [one]}},
    ]
    plain = [handle(handler, [{"body": bytearray(scan)}], [PREDICT])[0][0] for scan in scans]

    answers, context = handle(handler, rows, [PREDICT] * 4 + [EXPLAIN])

    first, second, third = answers[0]["predictions"]
    assert [answer["image"]["sha256"] for answer in (first, third)] == [
        plain[index]["image"]["sha256"] for index in (0, 1)
    ]
    assert first["probabilities"] == pytest.approx(plain[0]["probabilities"], abs=1e-4)
    assert (second["error"]["code"], second["error"]["status"]) == ("invalid_json", 400)
    beside, alone = answers[1]["gradcam"], plain[0]["gradcam"]
    assert beside["label"] == alone["label"]
    # A product of a batch is rounded otherwise than that of one scan.
    assert np.abs(heat_of(beside) - heat_of(alone)).max() <= 2
    assert (answers[2]["model_name"], answers[2]["model_version"], answers[2]["id"]) == (
        "retina-oct",
        "1.0.0",
        "7",
    )
    (output,) = answers[2]["outputs"]
    assert (output["shape"], output["datatype"]) == ([1], "BYTES")
    assert json.loads(output["data"][0])["gradcam"] == plain[2]["gradcam"]
    assert answers[3]["error"]["code"] == "invalid_json"
    assert answers[4] == {"explanations": [{"model": plain[0]["model"], "gradcam": plain[0]["gradcam"]}]}
    assert [context.get_response_status(index)[0] for index in range(5)] == [200, 200, 200, 400, 200]


def test_a_description_is_the_model_card_and_is_for_who_asked_alone(
    handler: ImageHandler, model: Path
) -> None:
    image: dict[str, Any] = {"body": bytearray(png_bytes())}
    describe = PREDICT | {"describe": "True"}

    answers, _ = handle(handler, [{}, image, image], [{"describe": "True"}, PREDICT, describe])

    engine = answers[0].pop("engine")
    assert (engine["name"].split()[0], engine["coming"]) == ("eager", None)
    assert answers[0] == ModelCard.load(model / "model.json").to_dict()
    assert "prediction" in answers[1], "a neighbour of whoever asks for the card"
    assert "prediction" in answers[2], "a caller's header of TorchServe's name"


def test_a_caller_asks_for_the_card_with_a_header_and_no_image(handler: ImageHandler, model: Path) -> None:
    image, empty = {"body": bytearray(png_bytes())}, {"body": bytearray()}
    asks = PREDICT | {"X-Card": "true"}

    answers, _ = handle(
        handler, [empty, image, empty, empty], [asks, asks, PREDICT | {"X-Card": "no"}, PREDICT]
    )

    assert answers[0] == ModelCard.load(model / "model.json").to_dict()
    assert "prediction" in answers[1], "an image is answered, whatever stands beside it"
    assert [answer["error"]["code"] for answer in answers[2:]] == ["empty_image", "empty_image"]


SCAN = base64.b64encode(png_bytes()).decode()
UNREADABLE = {
    "deep": bytearray(b"[" * 100_000),
    "half a letter": {"image": "aGk=", "label": "\ud800"},
    "half a letter as a name": {"image": "aGk=", "\ud800": 1},
    "half a letter as a switch": {"image": "aGk=", "explain": "\ud800"},
    "half a letter as an image": {"image": "\ud800"},
    "half a letter as an id": {
        "id": "\ud800",
        "inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": [SCAN]}],
    },
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_what_cannot_be_read_fails_alone(handler: ImageHandler, kind: str) -> None:
    image: dict[str, Any] = {"body": bytearray(png_bytes())}

    answers, context = handle(handler, [{"body": UNREADABLE[kind]}, image], [PREDICT, PREDICT])

    assert context.get_response_status(0)[0] == 400
    assert set(answers[0]) == {"error"}
    assert "prediction" in answers[1]


@pytest.mark.parametrize(
    "wrong", ["\ud800", {1}, None], ids=["half a letter", "no value of JSON", "no answer"]
)
def test_an_answer_that_cannot_be_written_fails_alone(
    handler: ImageHandler, monkeypatch: pytest.MonkeyPatch, wrong: Any
) -> None:
    def wrap(*_: Any) -> dict[str, Any]:
        if wrong is None:
            raise RuntimeError("this answer can't be composed")
        return {"predictions": [wrong]}

    monkeypatch.setattr(Bundle, "wrap", wrap)
    rows: list[dict[str, Any]] = [{"body": {"instances": [SCAN]}}, {"body": bytearray(png_bytes())}]

    answers, context = handle(handler, rows, [PREDICT, PREDICT])

    assert (answers[0]["error"]["code"], answers[0]["error"]["status"]) == ("internal_error", 500)
    assert "prediction" in answers[1]
    assert [context.get_response_status(index)[0] for index in (0, 1)] == [500, 200]


def test_an_answer_to_grpc_says_that_it_is_the_last(handler: ImageHandler) -> None:
    image: dict[str, Any] = {"body": bytearray(png_bytes())}
    of_grpc = {"body": {"content-type": ""}, "ts_request_sequence_id": "1"}

    _, context = handle(handler, [image, image], [of_grpc, PREDICT])

    assert context.get_response_headers(0)["ts_stream_next"] == "false"
    assert "ts_stream_next" not in context.get_response_headers(1)


def test_the_log_names_requests_and_nothing_of_their_content(
    handler: ImageHandler, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    headers = [PREDICT | {"X-Request-Id": "web-42"}, PREDICT | {"X-Request-Id": "a\nforged line"}, PREDICT]
    rows = [{"body": bytearray(png_bytes())}] * 2 + [{"body": bytearray(b"Jane Doe 1950")}]
    answers, _ = handle(handler, rows, headers)
    lines = [record.getMessage() for record in caplog.records if "request " in record.getMessage()]
    assert [line.split(":")[0] for line in lines] == [
        "request web-42",
        "request a?forged?line",
        "request own-2",
    ]
    assert "200 ok" in lines[0] and "400 unreadable_image" in lines[2]
    assert "Jane" not in caplog.text
    assert answers[0]["prediction"]["label"] not in "".join(lines)


def test_a_broken_model_is_not_loaded(tmp_path: Path) -> None:
    folder = make_model(tmp_path)
    (folder / "model.json").unlink()
    with pytest.raises(Exception, match="model.json"):
        ImageHandler().initialize(Context("retina-oct", str(folder), {}, 8, None, "0.12.0"))


def test_who_is_refused_for_now_is_told_when_to_come_back(handler: ImageHandler) -> None:
    large = encoded(np.zeros((2500, 2500, 3), np.uint8))
    answers, context = handle(
        handler, [{"body": bytearray(png_bytes())}, {"body": bytearray(large)}], [PREDICT, PREDICT]
    )
    assert "prediction" in answers[0]
    assert answers[1]["error"]["code"] == "busy"
    assert context.get_response_status(1)[0] == 503
    assert int(context.get_response_headers(1)["Retry-After"]) > 0
