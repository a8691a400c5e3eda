"""What a model server that starts is to serve."""

from pathlib import Path

import pytest

from serving.errors import ServingError
from serving.registry import Registry, Wanted, wanted
from serving.stores import ModelStores


def add(store: Path, name: str, *versions: str) -> None:
    """Versions as folders with a card; nothing here reads more of them."""
    for version in versions:
        (store / name / version).mkdir(parents=True)
        (store / name / version / "model.json").touch()


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "registry.json")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    add(tmp_path / "store", "retina-oct", "0.9.0", "0.10.0")
    return tmp_path / "store"


def test_undecided_the_highest_version_answers(store: Path, registry: Registry) -> None:
    assert wanted(ModelStores([store]), registry) == [Wanted("retina-oct", "0.10.0", ())]


def test_the_version_promoted_last_answers(store: Path, registry: Registry) -> None:
    registry.promoted("retina-oct", "0.10.0")
    registry.promoted("retina-oct", "0.9.0")

    assert wanted(ModelStores([store]), registry) == [Wanted("retina-oct", "0.9.0", ())]


def test_registered_versions_are_served_beside_it(store: Path, registry: Registry) -> None:
    registry.registered("retina-oct", "0.9.0")

    assert wanted(ModelStores([store]), registry) == [Wanted("retina-oct", "0.10.0", ("0.9.0",))]


def test_a_retired_version_is_not_served_again(store: Path, registry: Registry) -> None:
    registry.registered("retina-oct", "0.9.0")
    registry.promoted("retina-oct", "0.9.0")
    registry.retired("retina-oct", "0.9.0")

    assert wanted(ModelStores([store]), registry) == [Wanted("retina-oct", "0.10.0", ())]


def test_versions_that_have_left_the_store_are_passed_over(store: Path, registry: Registry) -> None:
    registry.promoted("retina-oct", "0.9.0")
    registry.promoted("retina-oct", "7.0.0")
    registry.registered("retina-oct", "8.0.0")

    assert wanted(ModelStores([store]), registry) == [Wanted("retina-oct", "0.9.0", ())]


def test_another_model_is_served_too(store: Path, registry: Registry) -> None:
    add(store, "fundus", "1.0.0")

    assert [model.name for model in wanted(ModelStores([store]), registry)] == ["fundus", "retina-oct"]


def test_two_stores_are_one(store: Path, tmp_path: Path) -> None:
    add(tmp_path / "own", "retina-oct", "0.11.0", "0.9.0")

    stores = ModelStores([store, tmp_path / "own", tmp_path / "missing"])

    assert stores.versions("retina-oct") == ["0.9.0", "0.10.0", "0.11.0"]


def test_no_model_at_all_is_an_error_that_helps(tmp_path: Path, registry: Registry) -> None:
    with pytest.raises(ServingError, match=r"no model to serve in .*Train one with ./retinote train"):
        wanted(ModelStores([tmp_path / "empty"]), registry)


def test_decisions_outlive_the_process(tmp_path: Path) -> None:
    Registry(tmp_path / "registry.json").promoted("retina-oct", "1.0.0")

    assert Registry(tmp_path / "registry.json").choice("retina-oct").promoted == ["1.0.0"]


def test_a_spoilt_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "registry.json").write_text("{")

    with pytest.raises(ServingError, match=r"registry\.json can't be read"):
        Registry(tmp_path / "registry.json").choice("retina-oct")
