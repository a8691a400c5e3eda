"""What a caller may send, as TorchServe hands it to a worker."""

import base64
from typing import Any

import pytest

from handlers.errors import InvalidJson, InvalidOption
from handlers.request import GIVEN_TWICE, Options, Request, read_request
from imaging.errors import EmptyImage, SeveralImages

LABELS = ("AMD", "CNV", "NORMAL")
IMAGE = b"\x89PNG image"
ENCODED = base64.b64encode(IMAGE).decode()


def read(row: dict[str, Any], headers: dict[str, Any] | None = None) -> Request:
    return read_request(row, headers or {}, LABELS)


def test_a_raw_body_is_the_image() -> None:
    request = read({"body": bytearray(IMAGE)}, {"Content-Type": "image/png", "explain": "False"})
    assert request == Request(IMAGE, "image/png", Options(explain=True, label=None, overlay_format="png"))


def test_json_brings_image_and_options() -> None:
    body = {"image": ENCODED, "explain": False, "label": "CNV", "overlay_format": "jpeg"}
    request = read({"body": body}, {"Content-Type": "application/json"})
    assert request.content == IMAGE
    assert request.options == Options(explain=False, label="CNV", overlay_format="jpeg")


def test_json_that_torchserve_did_not_parse_is_parsed() -> None:
    raw = f'{{"image": "{ENCODED}"}}'.encode()
    assert (
        read({"body": bytearray(raw)}, {"Content-Type": "Application/JSON; charset=utf-8"}).content == IMAGE
    )
    assert read({"body": bytearray(raw)}).content == IMAGE


def test_base64_may_be_wrapped_or_a_data_url() -> None:
    wrapped = f"{ENCODED[:4]}\n{ENCODED[4:]}"
    assert read({"body": {"image": wrapped}}).content == IMAGE
    assert read({"body": {"image": f"data:image/png;base64,{ENCODED}"}}).content == IMAGE


def test_form_fields_and_grpc_inputs_bring_image_and_options() -> None:
    for name in ("image", "data"):
        request = read({name: bytearray(IMAGE), "explain": bytearray(b"false"), "label": bytearray(b"AMD")})
        assert request.content == IMAGE
        assert request.options == Options(explain=False, label="AMD")


def test_a_form_field_keeps_its_own_type() -> None:
    headers = {
        "Content-Type": "multipart/form-data; boundary=x",
        "image": {"content-type": "application/dicom"},
    }
    assert read({"image": bytearray(b"x")}, headers).declared_type == "application/dicom"


def test_headers_bring_options_with_a_raw_body() -> None:
    headers = {"X-Explain": "False", "x-label": "NORMAL", "X-OVERLAY-FORMAT": "jpeg"}
    headers |= {"X-Overlay": "false", "X-Heatmap": "grid", "X-Findings": "false"}
    options = read({"body": bytearray(IMAGE)}, headers).options
    assert options == Options(
        explain=False, label="NORMAL", overlay_format="jpeg", overlay=False, heatmap="grid", findings=False
    )


def test_query_parameters_of_invocations_bring_options() -> None:
    row = {"model_name": bytearray(b"retina-oct"), "label": bytearray(b"CNV"), "body": bytearray(IMAGE)}
    # TorchServe mixes the parameters' types into the headers.
    headers = {"label": {"content-type": ""}, "explain": {"content-type": ""}}
    request = read(row | {"explain": bytearray(b"0")}, headers)
    assert request.options == Options(explain=False, label="CNV")
    assert not request.explanation_only


def test_explanations_are_told_by_torchserves_own_header() -> None:
    assert not read({"body": bytearray(IMAGE)}, {"explain": "False"}).explanation_only
    request = read({"body": {"image": ENCODED, "explain": False}}, {"explain": "True"})
    assert request.explanation_only
    assert request.options.explain
    assert not read({"body": bytearray(IMAGE)}, {"Explain": "True", "explain": "False"}).explanation_only


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": "Cnv"}, "Unknown label 'Cnv'. Known are AMD, CNV, NORMAL"),
        ({"label": 3}, "Unknown label"),
        ({"overlay_format": "gif"}, "Unknown overlay_format 'gif'. Known are png, jpeg"),
        ({"explain": "maybe"}, "explain must be true or false"),
        ({"explain": 1.5}, "explain must be true or false"),
        ({"overlay": "some"}, "overlay must be true or false"),
        ({"heatmap": "cells"}, "Unknown heatmap 'cells'. Known are image, grid"),
        ({"findings": "all"}, "findings must be true or false"),
        ({"label": "\ud800"}, "Unknown label"),
        ({"explain": "\ud800"}, "explain must be true or false"),
        ({"\ud800": 1}, "Unknown option"),
        ({"lable": "CNV"}, "Unknown option 'lable'. Options are explain, label, overlay_format"),
    ],
)
def test_an_unknown_option_or_value_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOption, match=message):
        read({"body": {"image": ENCODED} | options})


def test_a_long_value_is_not_echoed_whole() -> None:
    with pytest.raises(InvalidOption) as refused:
        read({"body": {"image": ENCODED, "label": "x" * 10_000}})
    assert len(refused.value.message) < 200


@pytest.mark.parametrize(
    "body",
    [
        bytearray(b'{"image": '),
        [ENCODED],
        bytearray(b"[1, 2]"),
        bytearray(b"[" * 100_000),
        bytearray(b'{"image": [' + b"[]," * 1000 + b"[]]}"),
        {"image": "not base64!"},
        {"image": 12},
        {"image": ENCODED[:-1]},
    ],
)
def test_unusable_json_is_refused(body: Any) -> None:
    with pytest.raises(InvalidJson):
        read({"body": body}, {"Content-Type": "application/json"})


@pytest.mark.parametrize("body", [{}, {"image": ""}, {"image": None}])
def test_json_without_image_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(EmptyImage):
        read({"body": body})


def test_text_and_nothing_are_passed_on_to_be_refused_by_content() -> None:
    assert read({"body": "hello"}, {"Content-Type": "text/plain"}).content == b"hello"
    assert read({}).content == b""


@pytest.mark.parametrize(
    ("row", "error", "words"),
    [
        ({"image": GIVEN_TWICE}, SeveralImages, "several images"),
        ({"image": IMAGE, "data": IMAGE}, SeveralImages, "several images"),
        ({"body": IMAGE, "label": GIVEN_TWICE}, InvalidOption, "'label' is given more than once"),
        (
            {"body": f'{{"image": "{ENCODED}", "label": "AMD", "label": "CNV"}}'},
            InvalidJson,
            "'label' is given more than once",
        ),
    ],
)
def test_what_is_given_twice_is_refused(row: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        read(row)
