"""Contract 1: how a caller gives options, and what happens to one that is given twice."""

import base64
import hashlib
import json

import numpy as np
import pytest

from handlers.card import ModelCard
from imaging.heat import enlarged
from tests.images import from_base64, png_bytes
from tests.serving.contract.conftest import NAME, Caller, other_label

SCAN, OTHER_SCAN = png_bytes(seed=3), png_bytes(seed=4)


def test_options_as_json_keys(caller: Caller, card: ModelCard) -> None:
    content = png_bytes(seed=3)
    label = other_label(caller, card, content)
    image = base64.b64encode(content).decode()
    options = {"label": label, "overlay_format": "jpeg"}
    gradcam = caller.predict(json.dumps({"image": image} | options), "application/json").json()["gradcam"]
    assert (gradcam["label"], gradcam["media_type"]) == (label, "image/jpeg")
    assert from_base64(gradcam["overlay"]).format == "JPEG"
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


def test_a_heat_map_as_its_grid_in_a_small_answer(caller: Caller) -> None:
    whole = caller.predict(SCAN).json()["gradcam"]
    assert "grid" not in whole
    answer = caller.predict(SCAN, headers={"X-Heatmap": "grid", "X-Overlay": "false"})
    found = answer.json()["gradcam"]
    assert found.keys() == {"label", "grid", "regions"}
    assert (found["label"], found["regions"]) == (whole["label"], whole["regions"])
    grid = found["grid"]
    made = enlarged(np.array(grid["cells"], np.uint8), grid["width"], grid["height"])
    assert np.array_equal(made, np.asarray(from_base64(whole["heatmap"])))
    assert len(answer.content) < 10_000
    body = json.dumps({"image": base64.b64encode(SCAN).decode(), "heatmap": "grid"})
    assert caller.predict(body, "application/json").json()["gradcam"]["grid"] == grid
    error = caller.predict(SCAN, headers={"X-Heatmap": "cells"})
    assert (error.status_code, error.json()["error"]["code"]) == (400, "invalid_option")


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
