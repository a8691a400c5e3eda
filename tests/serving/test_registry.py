"""What a model server that starts is to serve."""

import json
import shutil
from pathlib import Path

import pytest

from serving.changes import note_defaults
from serving.errors import ServingError
from serving.registry import (
    Choice,
    ModelToServe,
    Registry,
    default_versions,
    missing_defaults,
    models_to_serve,
)
from serving.stores import ModelStores
from tests.models import make_model

NAME = "retina-oct"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with two versions of one model."""
    store = tmp_path_factory.mktemp("made")
    for seed, version in enumerate(("0.9.0", "0.10.0")):
        make_model(store, version=version, seed=seed)
    return store


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "registry.json")


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Path:
    """The store that comes with the installation."""
    return Path(shutil.copytree(made, tmp_path / "store"))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The data folder's store, where imported models lie."""
    return tmp_path / "own"


def imported(own: Path, version: str, name: str = NAME) -> Path:
    return make_model(own, name=name, version=version, seed=7)


def spoil(folder: Path) -> None:
    with (folder / "weights.safetensors").open("ab") as weights:
        weights.write(b"x")


def start(stores: ModelStores, registry: Registry, changes: Path) -> list[ModelToServe]:
    """What a start decides and then asks for."""
    note_defaults(changes, registry, stores, lambda line: None)
    return models_to_serve(stores, registry)


@pytest.fixture
def changes(tmp_path: Path) -> Path:
    return tmp_path / "changes.jsonl"


def test_the_first_start_notes_the_highest_version_and_leaves_a_record(
    store: Path, registry: Registry, changes: Path
) -> None:
    stores = ModelStores([store])

    assert start(stores, registry, changes) == [ModelToServe(NAME, "0.10.0")]
    assert start(stores, registry, changes) == [ModelToServe(NAME, "0.10.0")]

    (line,) = [json.loads(line) for line in changes.read_text().splitlines()]
    assert (line["action"], line["model"]) == ("model.default", "retina-oct/0.10.0")
    assert line["weights_sha256"] == stores.weights_sha256(NAME, "0.10.0")


def test_what_was_imported_does_not_answer_before_it_is_promoted(
    store: Path, own: Path, registry: Registry, changes: Path
) -> None:
    stores = ModelStores([store, own])
    imported(own, "9.0.0")  # before the first start

    assert start(stores, registry, changes) == [ModelToServe(NAME, "0.10.0")]

    imported(own, "10.0.0")
    imported(own, "1.0.0", name="fundus")
    assert start(stores, registry, changes) == [ModelToServe(NAME, "0.10.0")]

    registry.note_promoted(NAME, "9.0.0", stores.weights_sha256(NAME, "9.0.0"))
    assert start(stores, registry, changes) == [ModelToServe(NAME, "9.0.0", ("0.10.0",))]


def test_a_newer_version_in_the_installations_store_waits_for_its_promotion(
    store: Path, registry: Registry, changes: Path
) -> None:
    start(ModelStores([store]), registry, changes)
    make_model(store, version="0.11.0")

    assert start(ModelStores([store]), registry, changes) == [ModelToServe(NAME, "0.10.0")]


def test_a_model_that_the_installation_brings_later_gets_a_default_of_its_own(
    store: Path, registry: Registry, changes: Path
) -> None:
    start(ModelStores([store]), registry, changes)
    make_model(store, name="fundus")

    assert start(ModelStores([store]), registry, changes) == [
        ModelToServe("fundus", "1.0.0"),
        ModelToServe(NAME, "0.10.0"),
    ]


def test_the_first_start_passes_over_a_broken_version(store: Path, registry: Registry) -> None:
    spoil(store / NAME / "0.10.0")

    assert missing_defaults(ModelStores([store]), registry) == {NAME: "0.9.0"}


def test_a_store_of_ones_own_is_looked_into_where_the_first_has_no_model(
    own: Path, tmp_path: Path, registry: Registry
) -> None:
    imported(own, "1.0.0")

    assert missing_defaults(ModelStores([tmp_path / "empty", own]), registry) == {NAME: "1.0.0"}


def test_nothing_imported_stands_in_for_a_broken_installation(
    store: Path, own: Path, registry: Registry, changes: Path
) -> None:
    imported(own, "1.0.0")
    for version in ("0.9.0", "0.10.0"):
        spoil(store / NAME / version)

    with pytest.raises(
        ServingError, match=r"no sound model to serve in .*weights\.safetensors is not the file"
    ):
        start(ModelStores([store, own]), registry, changes)


def test_decisions_of_earlier_releases_hold(store: Path, tmp_path: Path) -> None:
    """They had no hashes of weights."""
    (tmp_path / "registry.json").write_text('{"retina-oct": {"registered": [], "promoted": ["0.9.0"]}}')

    assert models_to_serve(ModelStores([store]), Registry(tmp_path / "registry.json")) == [
        ModelToServe(NAME, "0.9.0")
    ]


def test_a_broken_version_beside_the_default_is_set_aside(
    store: Path, own: Path, registry: Registry, changes: Path
) -> None:
    stores = ModelStores([store, own])
    start(stores, registry, changes)
    spoil(imported(own, "1.0.0"))
    (imported(own, "2.0.0") / "model.json").write_text("{")
    for version in ("0.9.0", "1.0.0", "2.0.0", "3.0.0"):
        registry.note_registered(NAME, version)

    (model,) = start(stores, registry, changes)

    assert (model.default, model.others) == ("0.10.0", ("0.9.0",))
    assert "weights.safetensors is not the file that its card describes" in model.set_aside["1.0.0"]
    assert "the model card is not valid JSON" in model.set_aside["2.0.0"]
    assert "There is no retina-oct 3.0.0" in model.set_aside["3.0.0"]


def test_a_broken_default_is_not_replaced_by_another_version(
    store: Path, registry: Registry, changes: Path
) -> None:
    stores = ModelStores([store])
    start(stores, registry, changes)
    registry.note_promoted(NAME, "0.9.0", stores.weights_sha256(NAME, "0.9.0"))
    spoil(store / NAME / "0.9.0")

    with pytest.raises(ServingError) as refused:
        start(stores, registry, changes)

    assert str(refused.value).startswith("retina-oct 0.9.0, which answers by default, can't be served: ")
    assert "promote another version; sound versions: 0.10.0: ./retinote models promote" in str(refused.value)


def test_a_default_that_has_left_the_stores_is_missed(store: Path, registry: Registry, changes: Path) -> None:
    start(ModelStores([store]), registry, changes)
    shutil.rmtree(store / NAME / "0.10.0")

    with pytest.raises(ServingError, match=r"can't be served: There is no retina-oct 0\.10\.0"):
        start(ModelStores([store]), registry, changes)


def test_other_weights_under_the_promoted_version_do_not_answer(
    store: Path, registry: Registry, changes: Path
) -> None:
    """As when an update of the installation brings a version that was imported before."""
    stores = ModelStores([store])
    start(stores, registry, changes)
    shutil.rmtree(store / NAME / "0.10.0")
    make_model(store, version="0.10.0", seed=99)

    with pytest.raises(ServingError, match="has other weights .* than those that were promoted"):
        start(stores, registry, changes)

    registry.note_promoted(NAME, "0.10.0", stores.weights_sha256(NAME, "0.10.0"))
    assert start(stores, registry, changes) == [ModelToServe(NAME, "0.10.0")]


def test_the_default_before_stays_registered(registry: Registry) -> None:
    registry.note_promoted(NAME, "1.0.0", "aa")
    registry.note_promoted(NAME, "1.1.0", "bb")

    assert registry.choice(NAME) == Choice(["1.0.0"], ["1.0.0", "1.1.0"], {"1.0.0": "aa", "1.1.0": "bb"})


def test_a_rollback_leaves_nothing_to_roll_back_to_but_what_was_before(registry: Registry) -> None:
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        registry.note_promoted(NAME, version, version)

    registry.note_rolled_back(NAME, "1.1.0", "bb")

    assert registry.choice(NAME).promoted == ["1.0.0", "1.1.0"]
    assert "1.2.0" in registry.choice(NAME).registered


def test_a_retired_version_is_not_served_again(store: Path, registry: Registry, changes: Path) -> None:
    start(ModelStores([store]), registry, changes)
    registry.note_registered(NAME, "0.9.0")
    registry.note_retired(NAME, "0.9.0")

    assert models_to_serve(ModelStores([store]), registry) == [ModelToServe(NAME, "0.10.0")]


def test_a_retired_default_leaves_no_earlier_one_behind(registry: Registry) -> None:
    registry.note_promoted(NAME, "1.0.0", "aa")
    registry.note_promoted(NAME, "1.1.0", "bb")
    registry.note_retired(NAME, "1.1.0")

    assert (registry.choice(NAME).default, registry.choice(NAME).promoted) == (None, [])
    assert registry.choice(NAME).retired == "1.1.0"


def test_a_retired_model_stays_away_until_it_is_promoted(
    store: Path, registry: Registry, changes: Path
) -> None:
    make_model(store, name="fundus")
    stores = ModelStores([store])
    start(stores, registry, changes)
    registry.note_retired("fundus", "1.0.0")

    assert start(stores, registry, changes) == [ModelToServe(NAME, "0.10.0")]
    assert default_versions(stores, registry) == {NAME: "0.10.0"}

    registry.note_promoted("fundus", "1.0.0", stores.weights_sha256("fundus", "1.0.0"))
    assert start(stores, registry, changes) == [ModelToServe("fundus", "1.0.0"), ModelToServe(NAME, "0.10.0")]
    assert registry.choice("fundus").retired is None


def test_earlier_releases_can_read_that_a_model_was_retired(registry: Registry, tmp_path: Path) -> None:
    registry.note_promoted(NAME, "1.0.0", "aa")
    registry.note_retired(NAME, "1.0.0")

    (kept,) = json.loads((tmp_path / "registry.json").read_text()).values()

    assert sorted(kept) == ["promoted", "registered", "weights"]


def test_what_was_registered_and_never_promoted_does_not_count_as_retired(
    store: Path, registry: Registry, changes: Path
) -> None:
    registry.note_registered(NAME, "0.9.0", "aa")

    assert start(ModelStores([store]), registry, changes) == [ModelToServe(NAME, "0.10.0", ("0.9.0",))]


def test_a_server_that_is_to_serve_a_retired_model_alone_says_what_to_do(
    store: Path, registry: Registry, changes: Path
) -> None:
    start(ModelStores([store]), registry, changes)
    registry.note_retired(NAME, "0.10.0")

    with pytest.raises(
        ServingError, match="as 0.10.0 was retired; promote .*models promote retina-oct VERSION"
    ):
        start(ModelStores([store]), registry, changes)


def test_what_a_start_would_serve_is_told_without_deciding_it(
    store: Path, registry: Registry, changes: Path
) -> None:
    assert default_versions(ModelStores([store]), registry) == {NAME: "0.10.0"}
    assert registry.names() == []


def test_two_stores_are_read_as_one(store: Path, own: Path, tmp_path: Path) -> None:
    for version in ("0.11.0", "0.9.0"):
        imported(own, version)

    stores = ModelStores([store, own, tmp_path / "missing"])

    assert stores.versions(NAME) == ["0.9.0", "0.10.0", "0.11.0"]
    assert stores.holder(NAME, "0.9.0") == store / NAME / "0.9.0"


def test_half_a_version_is_none(store: Path) -> None:
    (store / NAME / "0.10.0").rename(store / NAME / ".0.10.0.partial")

    assert ModelStores([store]).versions(NAME) == ["0.9.0"]


def test_no_model_at_all_is_an_error_that_helps(tmp_path: Path, registry: Registry) -> None:
    with pytest.raises(ServingError, match=r"no model to serve in .*Train one with ./retinote train"):
        models_to_serve(ModelStores([tmp_path / "empty"]), registry)


def test_decisions_outlive_the_process(tmp_path: Path) -> None:
    Registry(tmp_path / "registry.json").note_promoted(NAME, "1.0.0", "aa")

    assert Registry(tmp_path / "registry.json").choice(NAME).promoted == ["1.0.0"]


@pytest.mark.parametrize("content", ["{", "[]", '{"retina-oct": {"unknown": []}}'])
def test_a_spoilt_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "registry.json").write_text(content)

    with pytest.raises(ServingError, match=r"registry\.json, which says what was promoted, can't be read"):
        Registry(tmp_path / "registry.json").choice(NAME)
