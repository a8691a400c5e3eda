"""Nothing that one caller sends changes another's answer: all that has a meaning to TorchServe, beside neighbours."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import grpc
import pytest
import requests

from tests.images import png_bytes
from tests.services import ModelServer
from tests.serving.conftest import channel_to

SERVICE = "/org.pytorch.serve.grpc.inference.InferenceAPIsService"
PREDICTIONS = "/predictions/retina-oct"
IMAGE = png_bytes(320, 240, seed=7)
NEIGHBOURS, ROUNDS, TIMEOUT_S = 8, 3, 60
JSON = "application/json"
MANY_PARTS = b'{"image": [' + b"[]," * 10**6 + b"[]]}"


class Caller:
    """Somebody who sends what nobody should, and doesn't care for the answer."""

    def __init__(self, server: ModelServer, messages: ModuleType) -> None:
        self._server, self._messages, self._key = server, messages, server.key()

    def http(
        self, body: bytes = IMAGE, headers: Mapping[str, str] | None = None, path: str = PREDICTIONS
    ) -> requests.Response:
        given = {"Authorization": f"Bearer {self._key}", "Content-Type": "image/png"} | dict(headers or {})
        return requests.post(self._server.inference_url + path, data=body, headers=given, timeout=TIMEOUT_S)

    def hang_up(self) -> None:
        """Send a request and be gone before it is answered."""
        connection = http.client.HTTPConnection(urlsplit(self._server.inference_url).netloc)
        connection.request("POST", PREDICTIONS, IMAGE, {"Authorization": f"Bearer {self._key}"})
        connection.close()

    def stream(self, method: str, timeout_s: float = TIMEOUT_S, **inputs: bytes) -> list[bytes]:
        """All answers to one of gRPC's calls, whose client may send one message and gets several."""
        message = self._messages.PredictionsRequest(
            model_name="retina-oct", input={"body": IMAGE, "explain": b"false"} | inputs
        )
        with channel_to(self._server) as channel:
            kind = channel.stream_stream if method.endswith("2") else channel.unary_stream
            call = kind(
                f"{SERVICE}/{method}",
                request_serializer=self._messages.PredictionsRequest.SerializeToString,
                response_deserializer=self._messages.PredictionResponse.FromString,
            )
            sent = iter([message]) if method.endswith("2") else message
            metadata = [("authorization", f"Bearer {self._key}")]
            return [answer.prediction for answer in call(sent, metadata=metadata, timeout=timeout_s)]


WHAT_NOBODY_SHOULD_SEND: dict[str, Callable[[Caller], object]] = {
    "describe": lambda caller: caller.http(headers={"describe": "True"}),
    "describe without an image": lambda caller: caller.http(b"", {"describe": "True"}),
    "explain": lambda caller: caller.http(headers={"Explain": "True", "explain": "True"}),
    "a sequence": lambda caller: caller.http(
        headers={"ts_request_sequence_id": "1", "ts_request_sequence_start": "true"}
    ),
    "a stream": lambda caller: caller.http(headers={"ts_stream_next": "true"}),
    "names of fields as headers": lambda caller: caller.http(
        headers={"body": "x", "image": "x", "data": "x"}
    ),
    "one id for all": lambda caller: caller.http(headers={"X-Request-Id": "the-same"}),
    "letters that are not ASCII": lambda caller: caller.http(headers={"X-Label": "\xe9\xff"}),
    "deep JSON": lambda caller: caller.http(b"[" * 100_000, {"Content-Type": JSON}),
    "deep JSON as an image": lambda caller: caller.http(b'{"a":' * 100_000),
    "JSON of very many parts": lambda caller: caller.http(MANY_PARTS, {"Content-Type": JSON}),
    "images of KServe that are none": lambda caller: caller.http(
        b'{"instances": ["aGVsbG8=", 7, [], {"instances": []}]}', {"Content-Type": JSON}
    ),
    "half a letter": lambda caller: caller.http(
        b'{"image": "aGk=", "label": "\\ud800"}', {"Content-Type": JSON}
    ),
    "half a letter as a name": lambda caller: caller.http(
        b'{"image": "aGk=", "\\ud800": 1}', {"Content-Type": JSON}
    ),
    "a number too long": lambda caller: caller.http(
        b'{"image": ' + b"9" * 10_000 + b"}", {"Content-Type": JSON}
    ),
    "hanging up": Caller.hang_up,
    "a stream of answers by gRPC": lambda caller: caller.stream("StreamPredictions"),
    "a stream both ways by gRPC": lambda caller: caller.stream("StreamPredictions2"),
    "headers as inputs of gRPC": lambda caller: caller.stream(
        "StreamPredictions", describe=b"True", host=b"x"
    ),
    "cancelling gRPC": lambda caller: caller.stream("StreamPredictions", timeout_s=0.01),
}


@pytest.fixture(scope="module")
def caller(model_server: ModelServer, stubs: tuple[ModuleType, ModuleType]) -> Caller:
    return Caller(model_server, stubs[0])


@pytest.mark.parametrize("kind", WHAT_NOBODY_SHOULD_SEND)
def test_neighbours_get_their_own_answers_whatever_another_sends(caller: Caller, kind: str) -> None:
    send = WHAT_NOBODY_SHOULD_SEND[kind]

    def spoil() -> None:
        with suppress(requests.RequestException, grpc.RpcError):
            send(caller)

    def ask(width: int) -> tuple[int, Any]:
        answer = caller.http(png_bytes(width))
        return answer.status_code, answer.json().get("image", {}).get("width")

    widths = range(300, 300 + ROUNDS * NEIGHBOURS)
    with ThreadPoolExecutor(2 * NEIGHBOURS) as pool:
        spoilt, answers = [], []
        for width in widths:
            spoilt.append(pool.submit(spoil))
            answers.append(pool.submit(ask, width))
        found = [answer.result() for answer in answers]
        for done in spoilt:
            done.result()

    assert found == [(200, width) for width in widths]


def test_a_stream_of_answers_holds_the_one_answer(caller: Caller) -> None:
    (answer,) = caller.stream("StreamPredictions")

    assert json.loads(answer)["image"]["width"] == 320


def test_headers_of_torchserve_are_no_options(caller: Caller) -> None:
    for headers in ({"describe": "True"}, {"Explain": "True"}, {"explain": "True"}):
        assert caller.http(headers=headers).json()["image"]["width"] == 320, headers


def test_json_of_very_many_parts_is_never_taken_apart(caller: Caller) -> None:
    """Python's objects take thirty times the room of the three letters that ask for one."""
    answer = caller.http(MANY_PARTS, {"Content-Type": JSON})

    assert answer.status_code == 400
    assert "one flat object" in answer.json()["error"]["message"]
