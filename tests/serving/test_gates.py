"""What lets a version take the place of the champion: a gate that is passed, whole, and about these two versions."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from handlers.card import CARD_NAME
from serving.errors import ServingError
from serving.gates import checked_reason, gate_file, read_gate, refusal
from serving.stores import ModelStores
from tests.gates import facts, write_gate
from tests.models import make_model

NAME, OLD, NEW = "retina-oct", "1.0.0", "1.1.0"
Write = Callable[..., Path]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> ModelStores:
    """A store with the champion, the candidate, and the champion of before."""
    folder = tmp_path_factory.mktemp("store")
    for seed, version in enumerate(("0.9.0", OLD, NEW)):
        make_model(folder, version=version, seed=seed)
    return ModelStores([folder])


@pytest.fixture
def write(stores: ModelStores, tmp_path: Path) -> Write:
    """Writes a passed gate of the candidate against the champion, with changes; returns its file."""

    def write(champion: str = OLD, tampered: dict[str, Any] | None = None, **changes: Any) -> Path:
        ours, theirs = (facts(stores, NAME, version) for version in (NEW, champion))
        return write_gate(tmp_path, ours, theirs, tampered, **changes)

    return write


def test_a_passed_gate_against_the_champion_lets_a_version_answer(
    stores: ModelStores, write: Write, tmp_path: Path
) -> None:
    path = write()

    assert refusal(tmp_path, stores, NAME, NEW, OLD) is None
    assert gate_file(tmp_path, stores, NAME, NEW) == path
    assert read_gate(path).champion["version"] == OLD


@pytest.mark.parametrize(
    ("here_made", "here_passed", "is_refused"),
    [
        ("2026-11-01T06:00:00+00:00", True, True),
        ("2026-11-01T06:00:00+00:00", False, False),
        ("2026-12-01T06:00:00+00:00", True, False),
        ("2026-12-01T06:00:00+00:00", False, True),
    ],
)
def test_the_newest_of_its_gates_counts(
    tmp_path: Path, here_made: str, here_passed: bool, is_refused: bool
) -> None:
    """Here and, beside the weights, what another machine has found on 29 November: the opposite."""
    store = tmp_path / "store"
    for seed, version in enumerate((OLD, NEW)):
        make_model(store, version=version, seed=seed)
    stores = ModelStores([store])
    ours, theirs = (facts(stores, NAME, version) for version in (NEW, OLD))
    write_gate(store, ours, theirs, passed=not here_passed)
    write_gate(tmp_path, ours, theirs, passed=here_passed, made=here_made)

    refused = refusal(tmp_path, stores, NAME, NEW, OLD)

    assert (refused is not None) == is_refused
    assert refused is None or "has not passed its gate" in refused
    assert refused is None or "has them all" not in refused, "there is no page of it"


def test_a_gate_that_can_not_be_read_hides_none_that_can(tmp_path: Path) -> None:
    store = tmp_path / "store"
    for seed, version in enumerate((OLD, NEW)):
        make_model(store, version=version, seed=seed)
    stores = ModelStores([store])
    ours, theirs = (facts(stores, NAME, version) for version in (NEW, OLD))
    readable = write_gate(store, ours, theirs)
    broken = write_gate(tmp_path, ours, theirs, {"passed": False})

    assert gate_file(tmp_path, stores, NAME, NEW) == readable
    readable.unlink()
    assert gate_file(tmp_path, stores, NAME, NEW) == broken


def test_without_a_gate_the_sentence_names_the_command(stores: ModelStores, tmp_path: Path) -> None:
    assert refusal(tmp_path, stores, NAME, NEW, OLD) == (
        "retina-oct 1.1.0 has not been compared with 1.0.0, which answers by default. Compare them: "
        "./retinote models gate retina-oct 1.1.0; or override it with a reason: "
        "./retinote models promote retina-oct 1.1.0 --override REASON"
    )


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"champion": "0.9.0"},
            "was compared with 0.9.0, and not with 1.0.0, which answers by default",
        ),
        ({"passed": False}, "has not passed its gate against 1.0.0 (0 checks are not)"),
        ({"passed": "yes"}, "has not passed its gate against 1.0.0"),
        (
            {"passed": False, "checks": [{"name": "Macro F1", "passed": False, "reason": "It is lower."}]},
            "(1 checks are not, the first: Macro F1: It is lower)",
        ),
        ({"tampered": {"passed": True, "better": True}}, "was changed after it was written"),
        ({"tampered": {"sha256": 7}}, "was changed after it was written"),
        ({"made": {}, "tampered": {"candidate": None}}, "can't be read"),
        (
            {"candidate": {"name": NAME, "version": NEW, "weights_sha256": "ab" * 32}},
            "is of other weights (abababababab…) than it has now",
        ),
    ],
)
def test_any_other_gate_does_not(
    stores: ModelStores, write: Write, tmp_path: Path, changes: dict[str, Any], sentence: str
) -> None:
    write(**changes)

    refused = refusal(tmp_path, stores, NAME, NEW, OLD)

    assert refused is not None and sentence in refused, refused
    assert "--override REASON" in refused


@pytest.mark.parametrize("changed", [NEW, OLD])
@pytest.mark.parametrize(
    ("change", "held"),
    [
        ({"temperature": 3.0}, False),
        ({"groups": {"either": ["CNV", "NORMAL"]}}, False),
        ({"rules": [{"when": {}, "state": "answered", "because": "one_label"}]}, False),
        ({"limits": ["Not for children."]}, True),
        ({"notes": ["Read by two."]}, True),
    ],
)
def test_a_gate_holds_for_what_answers_as_it_did_when_compared(
    tmp_path: Path, changed: str, change: dict[str, Any], held: bool
) -> None:
    stores = ModelStores([tmp_path / "store"])
    for seed, version in enumerate((OLD, NEW)):
        make_model(tmp_path / "store", version=version, seed=seed)
    write_gate(tmp_path, facts(stores, NAME, NEW), facts(stores, NAME, OLD))
    card = tmp_path / "store" / NAME / changed / CARD_NAME
    card.write_text(json.dumps(json.loads(card.read_text()) | change))

    refused = refusal(tmp_path, stores, NAME, NEW, OLD)

    if held:
        assert refused is None
    else:
        assert refused is not None
        assert f"{NAME} {changed} has the weights that were compared, but answers otherwise" in refused
        assert f"./retinote models gate {NAME} {NEW}" in refused and "--override REASON" in refused


def test_a_gate_that_does_not_say_by_what_was_answered_is_made_again(
    stores: ModelStores, write: Write, tmp_path: Path
) -> None:
    ours = facts(stores, NAME, NEW)
    del ours["answering_sha256"]
    write(candidate=ours)

    refused = refusal(tmp_path, stores, NAME, NEW, OLD)

    assert refused is not None and "does not say by which temperature" in refused
    assert f"./retinote models gate {NAME} {NEW}" in refused


def test_a_champion_that_is_broken_can_not_be_compared_with(stores: ModelStores, tmp_path: Path) -> None:
    make_model(tmp_path / "store", version=OLD)
    (tmp_path / "store" / NAME / OLD / "weights.safetensors").write_bytes(b"x")

    refused = refusal(tmp_path, ModelStores([tmp_path / "store", *stores.folders]), NAME, NEW, OLD)

    assert refused is not None and "can't be compared with 1.0.0, which answers by default" in refused


@pytest.mark.parametrize("reason", ["", "  \n ", "x" * 501, "a\x00b"])
def test_an_override_needs_a_reason(reason: str) -> None:
    with pytest.raises(ServingError, match="--override needs a reason of up to 500 letters"):
        checked_reason(reason)


def test_a_reason_is_one_line() -> None:
    assert checked_reason(" the clinic \n has moved ") == "the clinic has moved"
