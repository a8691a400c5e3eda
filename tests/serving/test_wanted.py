"""Which models a server serves: those that were named, or those that are expected and those that were promoted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from serving.changes import note_defaults
from serving.errors import ServingError
from serving.registry import Registry, models_to_serve
from serving.shared.servers import ServerReport, there_for
from serving.stores import ModelStores
from serving.wanted import ALL, Wanted, check_named, left_out
from tests.models import make_model

EYES, LUNGS, OTHER = "retina-oct", "chest-xray", "my-own"


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> ModelStores:
    """A store with three models, of which two are of a modality."""
    store = tmp_path_factory.mktemp("store")
    for name in (EYES, LUNGS, OTHER):
        make_model(store, name=name)
    return ModelStores([store])


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "registry.json")


@pytest.fixture
def start(stores: ModelStores, registry: Registry, tmp_path: Path) -> Callable[[Wanted], list[str]]:
    """Starts a server with what is wanted; returns the names of the models that it serves."""

    def begin(wanted: Wanted) -> list[str]:
        note_defaults(tmp_path / "changes.jsonl", registry, stores, lambda line: None, wanted.may_begin)
        return [model.name for model in models_to_serve(stores, registry, wanted.serves)]

    return begin


EXPECTED = Wanted(known=frozenset({EYES, LUNGS}))


def test_the_models_of_modalities_begin_by_themselves_and_no_others(
    start: Callable[[Wanted], list[str]], stores: ModelStores, registry: Registry
) -> None:
    assert start(EXPECTED) == [LUNGS, EYES]
    (line,) = left_out(EXPECTED, stores, registry)
    assert (
        line
        == f"{OTHER} is left out, as it is of no modality; promote a version of it, or name it by --models"
    )

    registry.note_promoted(OTHER, "1.0.0", stores.weights_sha256(OTHER, "1.0.0"))
    assert start(EXPECTED) == [LUNGS, OTHER, EYES]
    assert left_out(EXPECTED, stores, registry) == []


def test_who_names_models_gets_these_and_what_was_decided_on_others_is_kept(
    start: Callable[[Wanted], list[str]], stores: ModelStores, registry: Registry
) -> None:
    assert start(ALL) == [LUNGS, OTHER, EYES]

    named = Wanted(only=frozenset({EYES}))
    assert start(named) == [EYES]
    assert left_out(named, stores, registry) == [
        f"{LUNGS} is left out, as --models does not name it",
        f"{OTHER} is left out, as --models does not name it",
    ]
    assert start(ALL) == [LUNGS, OTHER, EYES]


def test_a_model_that_was_retired_stays_away_and_whoever_wants_it_is_told(
    start: Callable[[Wanted], list[str]], stores: ModelStores, registry: Registry
) -> None:
    start(EXPECTED)
    registry.note_retired(LUNGS, "1.0.0")

    for wanted in (EXPECTED, Wanted(only=frozenset({EYES, LUNGS}))):
        assert start(wanted) == [EYES]
        assert left_out(wanted, stores, registry)[0] == (
            f"{LUNGS} is left out, as 1.0.0 was retired; promote the version that is to answer: "
            f"./retinote models promote {LUNGS} VERSION"
        )
    assert LUNGS not in str(left_out(Wanted(only=frozenset({EYES, OTHER})), stores, registry))


def test_a_model_that_was_left_out_at_the_first_start_begins_when_it_is_wanted(
    start: Callable[[Wanted], list[str]],
) -> None:
    assert start(Wanted(only=frozenset({EYES}))) == [EYES]
    assert start(EXPECTED) == [LUNGS, EYES]


def test_a_name_that_no_model_has_is_an_error(stores: ModelStores, registry: Registry) -> None:
    check_named(Wanted(only=frozenset({EYES})), stores, registry)
    with pytest.raises(ServingError, match=f"no model fundus in .*; models there: {LUNGS}, {OTHER}, {EYES}"):
        check_named(Wanted(only=frozenset({EYES, "fundus"})), stores, registry)


def test_a_broken_default_says_what_can_be_served_without_it(tmp_path: Path, registry: Registry) -> None:
    stores = ModelStores([tmp_path])
    for name in (EYES, LUNGS):
        folder = make_model(tmp_path, name=name)
        registry.note_promoted(name, "1.0.0", stores.weights_sha256(name, "1.0.0"))
    (folder / "weights.safetensors").write_bytes(b"x")

    with pytest.raises(
        ServingError, match=f"{LUNGS} 1.0.0, which .* To start without it: ./retinote up --models {EYES}$"
    ):
        models_to_serve(stores, registry)
    (served,) = models_to_serve(stores, registry, Wanted(only=frozenset({EYES})).serves)
    assert served.name == EYES


def test_a_server_that_leaves_a_model_out_is_not_waited_for() -> None:
    whole, some = ServerReport("a", "host-a", 0.0), ServerReport("b", "host-b", 0.0, models=[EYES])
    assert there_for([whole, some], EYES) == [whole, some]
    assert there_for([whole, some], LUNGS) == [whole]
