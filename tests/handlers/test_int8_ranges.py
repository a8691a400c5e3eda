"""Ranges for int8 come with the model; others than those that its card names are refused, at packing and at loading."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save

from handlers.card import CARD_NAME, ModelCard
from handlers.card_int8 import INT8_NAME, Int8Checks
from handlers.engines.settings import EngineSettings
from handlers.int8_ranges import mlps
from handlers.network import NetworkError, build_network, load_network, load_ranges, refuse_misfit
from handlers.predictor import Predictor
from serving.archive import build_archive
from serving.errors import ServingError
from tests.models import give_int8, make_model

Tensors = dict[str, torch.Tensor]
FIRST = "stages.0.blocks.0.mlp"
GOOD = Int8Checks(
    scans=1000,
    other_labels=0.005,
    difference=0.02,
    correlation=0.98,
    masked_scans=100,
    pointing=0.5,
    pointing_int8=0.49,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = make_model(tmp_path, architecture="test_convnext")
    give_int8(folder)
    return folder


def refused(folder: Path) -> str:
    """What those who register and load the model are told; it is the same."""
    said = set()
    for refuse in (refuse_misfit, lambda path: Predictor.load(path, settings=EngineSettings("eager"))):
        with pytest.raises(NetworkError) as error:
            refuse(folder)
        said.add(str(error.value))
    (text,) = said
    return text


def test_ranges_come_with_the_model(folder: Path) -> None:
    card, network = load_network(folder)
    refuse_misfit(folder)
    ranges = load_ranges(folder, card, network)
    assert ranges is not None and list(ranges) == list(mlps(network))
    assert card.int8 and card.int8.blocks == len(ranges) == 9
    assert load_ranges(folder, replace(card, int8=None), network) is None


def test_ranges_with_another_hash_are_refused(folder: Path) -> None:
    (folder / INT8_NAME).write_bytes((folder / INT8_NAME).read_bytes()[:-1])
    assert "not the ranges that model.json beside it names (sha256 differs)" in refused(folder)
    with pytest.raises(ServingError, match=f"{INT8_NAME} is not the file that its card describes"):
        build_archive(folder.parents[1], folder.parent.name, folder.name, folder.parents[1] / "archives")


def test_missing_ranges_are_refused(folder: Path) -> None:
    (folder / INT8_NAME).unlink()
    assert "the ranges that model.json beside it promises can't be read" in refused(folder)


def lose(tensors: Tensors) -> None:
    del tensors[f"{FIRST}.hidden"]


def shorten(tensors: Tensors) -> None:
    tensors[f"{FIRST}.least"] = tensors[f"{FIRST}.least"][1:].clone()


def halve(tensors: Tensors) -> None:
    tensors[f"{FIRST}.least"] = tensors[f"{FIRST}.least"].half()


def turn(tensors: Tensors) -> None:
    least, greatest = (tensors[f"{FIRST}.{what}"] for what in ("greatest", "least"))
    tensors |= {f"{FIRST}.least": least, f"{FIRST}.greatest": greatest}


def spoil(tensors: Tensors) -> None:
    tensors[f"{FIRST}.hidden"] = torch.tensor([0.0, float("nan")])


def invent(tensors: Tensors) -> None:
    tensors["head.fc.least"] = torch.zeros(1)


def add(tensors: Tensors) -> None:
    tensors[f"{FIRST}.median"] = torch.zeros(1)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lose, f"{FIRST}.hidden is missing"),
        (shorten, f"{FIRST}.least is torch.float32, [23], and should be torch.float32, [24]"),
        (halve, f"{FIRST}.least is torch.float16, [24], and should be torch.float32, [24]"),
        (turn, f"{FIRST} has values that are no ranges"),
        (spoil, f"{FIRST} has values that are no ranges"),
        (invent, "head.fc is no part of this network that can run in int8"),
        (add, f"{FIRST}.median is no range"),
        (dict.clear, "there are none"),
    ],
)
def test_a_file_of_anything_else_is_refused(
    folder: Path, change: Callable[[Tensors], None], told: str
) -> None:
    tensors = load_file(folder / INT8_NAME)
    change(tensors)
    content = save(tensors)
    (folder / INT8_NAME).write_bytes(content)
    card = ModelCard.load(folder / CARD_NAME)
    assert card.int8
    replace(card, int8=replace(card.int8, sha256=hashlib.sha256(content).hexdigest())).save(
        folder / CARD_NAME
    )

    assert f"the ranges don't fit test_convnext: {told}" in refused(folder)


@pytest.mark.parametrize("architecture", ["convnextv2_atto", "tf_efficientnet_lite0"])
def test_networks_without_such_parts_can_have_none(architecture: str) -> None:
    assert mlps(build_network(architecture, 2)) == {}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"other_labels": 0.0051}, "another first label for 0.51% of scans (0.5% are allowed)"),
        ({"difference": 0.0201}, "probabilities that differ by 0.0201"),
        ({"pointing_int8": 0.48}, "a pointing game of 0.480 instead of 0.500"),
        ({"correlation": 0.9799}, "heat maps with a correlation of 0.9799 (0.98 is needed)"),
    ],
)
def test_each_limit_counts(change: dict[str, float], told: str) -> None:
    (sentence,) = replace(GOOD, **change).misses()  # type: ignore[arg-type]
    assert sentence.startswith(told)


def test_at_the_limits_nothing_is_missed() -> None:
    assert list(GOOD.misses()) == []
