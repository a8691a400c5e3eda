"""Bodies of KServe's protocols, as TorchServe hands them to a worker."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from handlers.errors import InvalidJson, InvalidOption
from handlers.request import Bundle, Options, Request, read_request
from imaging.errors import EmptyImage

LABELS = ("AMD", "CNV", "NORMAL")
IMAGES = (b"\x89PNG one", b"\x89PNG two")
ONE, TWO = (base64.b64encode(image).decode() for image in IMAGES)
PREDICT, EXPLAIN = {"explain": "False"}, {"explain": "True"}


def read(body: dict[str, Any], headers: dict[str, Any] | None = None) -> Bundle:
    bundle = read_request({"body": body}, PREDICT | (headers or {}), LABELS)
    assert isinstance(bundle, Bundle)
    return bundle


def tensor(*texts: str, **more: Any) -> dict[str, Any]:
    return {"name": "image", "shape": [len(texts)], "datatype": "BYTES", "data": list(texts)} | more


@pytest.mark.parametrize(
    "instance",
    [ONE, {"b64": ONE}, {"image": ONE}, {"data": ONE}, {"body": ONE}, {"image_bytes": {"b64": ONE}}],
    ids=str,
)
def test_an_instance_is_a_base64_text_by_any_of_its_names(instance: Any) -> None:
    assert read({"instances": [instance]}).items == (Request(IMAGES[0]),)


def test_instances_have_options_of_their_own_before_those_for_all() -> None:
    body = {"instances": [{"image": ONE, "label": "CNV"}, TWO], "label": "AMD", "explain": False}

    assert read(body, {"X-Label": "NORMAL"}).items == (
        Request(IMAGES[0], None, Options(explain=False, label="CNV"), is_alone=False),
        Request(IMAGES[1], None, Options(explain=False, label="AMD"), is_alone=False),
    )


def test_several_instances_are_answered_without_heat_maps() -> None:
    items = read({"instances": [ONE, TWO]}).items
    assert [item.options.explain for item in items if isinstance(item, Request)] == [False, False]

    asked = read({"instances": [{"image": ONE, "explain": True}, TWO]}).items
    assert isinstance(asked[0], InvalidOption) and isinstance(asked[1], Request)


def test_an_explanation_is_of_one_instance() -> None:
    (item,) = read({"instances": [{"image": ONE, "explain": False}]}, EXPLAIN).items
    assert isinstance(item, Request) and item.explanation_only and item.options.explain
    assert all(isinstance(item, InvalidOption) for item in read({"instances": [ONE, TWO]}, EXPLAIN).items)


@pytest.mark.parametrize(
    ("instance", "error"),
    [(None, EmptyImage), ({}, EmptyImage), (7, InvalidJson), ([[0.1]], InvalidJson), ("?", InvalidJson)]
    + [({"image": ONE, "label": "FLU"}, InvalidOption), ({"image": ONE, "data": TWO}, InvalidOption)],
    ids=str,
)
def test_what_is_wrong_with_one_instance_is_its_own(instance: Any, error: type[Exception]) -> None:
    wrong, right = read({"instances": [instance, TWO]}).items

    assert type(wrong) is error
    assert right == Request(IMAGES[1], None, Options(explain=False), is_alone=False)


def test_version_2_brings_images_as_one_tensor() -> None:
    body = {"id": "7", "inputs": [tensor(ONE, TWO)], "outputs": [{"name": "answers"}]}
    assert [item.content for item in read(body).items if isinstance(item, Request)] == list(IMAGES)

    parameters = {"label": "CNV", "overlay_format": "jpeg"}
    body = {"inputs": [tensor(ONE, parameters={"content_type": "base64"})], "parameters": parameters}
    assert read(body).items == (Request(IMAGES[0], None, Options(label="CNV", overlay_format="jpeg")),)


@pytest.mark.parametrize(
    "body",
    [
        {"instances": []},
        {"instances": ONE},
        {"instances": {"image": ONE}},
        {"instances": [ONE] * 9},
        {"inputs": []},
        {"inputs": [ONE]},
        {"inputs": {"image": ONE}},
        {"inputs": [tensor(ONE), tensor(TWO)]},
        {"inputs": [tensor(ONE) | {"datatype": "FP32"}]},
        {"inputs": [tensor(ONE) | {"data": ONE}]},
        {"inputs": [tensor()]},
        {"inputs": [tensor(ONE)], "id": 7},
        {"inputs": [tensor(ONE)], "id": "\ud800"},
    ],
    ids=ascii,
)
def test_a_body_that_is_neither_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(InvalidJson):
        read(body)
