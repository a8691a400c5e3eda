"""What a gate compares on, what it refuses to compare, and whether a candidate knows the test set."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import pytest

from handlers.card import CARD_NAME, ModelCard
from imaging.fingerprint import pixels_sha256
from tests.training.gate.conftest import World
from tests.training.gate.scans import LABELS
from training.cache import read_pixels
from training.data.frozen import content_sha256
from training.data.manifest import DataError, Scan, read_rows, write_manifest
from training.gate.judging import Order, compare, refuse_incomparable
from training.gate.margins import OWN, SIMULATED, SimulatedOrder
from training.gate.seen import check_unseen
from training.gate.strangers import KINDS
from training.gate.subject import Subject
from training.gate.test_sets import given_set, own_set, simulated_set
from training.learnt import FIELD, found, note

SMALL = SimulatedOrder(3, 5, 64, 80, 2, 2)


def frozen(learning: Path, world: World, number: int, scans: dict[str, list[Scan]]) -> str:
    """Write a data set of the installation with these scans by split; returns its hash."""
    folder = learning / "data-sets" / str(number)
    folder.mkdir(parents=True)
    rows = [
        {
            "file": str(scan.path),
            "label": scan.label,
            "source": "retinote",
            "patient_id": scan.patient.rpartition(":")[2],
            "sha256": scan_sha256,
            "pixels_sha256": pixels_sha256(read_pixels(scan)),
            "split": split,
        }
        for split, own in scans.items()
        for scan in own
        for scan_sha256 in [_sha256(scan.path)]
    ]
    write_manifest(folder / "manifest.csv", rows)
    sha256 = content_sha256(read_rows(folder / "manifest.csv")[1])
    about = {
        "sha256": sha256,
        "number": number,
        "name": "spots",
        "made": "2026-11-29",
        "held_out_sha256": "ab" * 32,
    }
    (folder / "data-set.json").write_text(json.dumps(about), encoding="utf-8")
    return sha256


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_newest_data_set_of_the_model_gives_the_own_test_set(world: World, tmp_path: Path) -> None:
    assert own_set(tmp_path, "spots", LABELS) is None
    test, learn = world.scans(world.test), world.scans(world.learn)
    frozen(tmp_path, world, 1, {"train": learn[:6], "test": test[:6]})
    frozen(tmp_path, world, 2, {"train": learn[:6], "test": test[:9]})

    own = own_set(tmp_path, "spots", LABELS)

    assert own is not None and (own.name, own.kind, len(own.scans)) == ("own, data set 2", OWN, 9)
    assert own_set(tmp_path, "other", LABELS) is None


def test_what_a_candidate_learnt_from_is_looked_up(world: World, tmp_path: Path) -> None:
    test, learn = world.scans(world.test), world.scans(world.learn)
    clean = frozen(tmp_path, world, 1, {"train": learn[:6], "test": test[:9]})
    dirty = frozen(tmp_path, world, 2, {"train": [*learn[:6], *test[20:23]], "test": test[:9]})
    own = given_set(world.test, LABELS)
    card = ModelCard.load(world.champion / CARD_NAME)

    def check(number: int, sha256: str, learning: Path | None = tmp_path) -> tuple[bool | None, str]:
        learnt = {"data_set": sha256, "data_set_number": number}
        plain = {name: value for name, value in card.made_with.items() if name != FIELD}
        made = dataclasses.replace(card, made_with={**plain, "learning": learnt})
        (one,) = check_unseen(made, learning, [own])
        return one.passed, one.reason

    assert check(1, clean) == (True, "None of its scans and patients is in what it learnt from.")
    assert check(2, dirty) == (False, "It learnt from 3 of the 90 scans of this test set.")
    for number, sha256, learning in ((1, dirty, tmp_path), (9, clean, tmp_path), (1, clean, None)):
        passed, reason = check(number, sha256, learning)
        assert passed is False and "which is not here as it was, so nobody can tell" in reason


def test_a_card_that_says_nothing_is_not_judged_and_one_that_lies_is_refused(world: World) -> None:
    own = given_set(world.test, LABELS)
    card = ModelCard.load(world.champion / CARD_NAME)
    (said,) = check_unseen(card, None, [own])
    assert said.passed is True and said.reason == "By its card it learnt from none of these scans."
    (silent,) = check_unseen(dataclasses.replace(card, made_with={}), None, [own])
    assert silent.passed is None
    (broken,) = check_unseen(dataclasses.replace(card, made_with={FIELD: {"filter": "?"}}), None, [own])
    assert broken.passed is False and "can't be read" in broken.reason


def test_a_note_knows_its_scans_and_hardly_any_other() -> None:
    scans = [
        Scan(Path(f"{number}"), "x", sha256=hashlib.sha256(b"%d" % number).hexdigest())
        for number in range(2000)
    ]
    kept = note(scans[:1000])
    assert kept["count"] == 1000
    assert found(kept, [(scan.sha256,) for scan in scans[:1000]]) == 1000
    assert found(kept, [(scan.sha256, "") for scan in scans[1000:]]) <= 2
    assert len(kept["filter"]) < 4 * 1000


def card_of(world: World, name: str, *labels: str) -> ModelCard:
    """The card of a model with these labels."""
    card = ModelCard.load(world.champion / CARD_NAME)
    return dataclasses.replace(card, name=name, labels=labels, statistics=None, caveats={}, groups={})


def test_the_simulated_set_is_the_same_each_time_and_drawn_anew_when_it_is_damaged(
    world: World, tmp_path: Path
) -> None:
    card = card_of(world, "retina-oct", "CNV", "NORMAL", "OTHER")
    first = simulated_set(SMALL, card, tmp_path)
    assert first is not None
    assert (first.kind, len(first.scans), len(first.strangers)) == (SIMULATED, 6, 2 * len(KINDS))
    assert all(scan.mask for scan in first.scans)
    scan = first.scans[0].path
    scan.write_bytes(scan.read_bytes() + b"x")

    again = simulated_set(SMALL, card, tmp_path)

    assert again is not None and again.sha256 == first.sha256
    assert simulated_set(SMALL, card_of(world, "retina-oct", "CNV", "OTHER"), tmp_path) is None


def test_no_b_scans_are_drawn_for_a_model_of_other_pictures(world: World, tmp_path: Path) -> None:
    """Fundus photographs and X-rays have labels of the same names."""
    assert simulated_set(SMALL, card_of(world, "chest-xray", "AMD", "DR", "NORMAL"), tmp_path) is None


def test_other_labels_and_other_models_are_not_compared(world: World) -> None:
    champion = Subject.load(world.champion)

    def changed(**changes: object) -> Subject:
        return dataclasses.replace(champion, card=dataclasses.replace(champion.card, **changes))  # type: ignore[arg-type]

    with pytest.raises(DataError, match="spots-x 1.0.0 is another model than spots 1.0.0: it reads other"):
        refuse_incomparable(changed(name="spots-x"), champion)
    statistics = {"statistics": None, "caveats": {}, "groups": {}}
    other = changed(labels=("BRIGHT", "DARK", "GREY"), **statistics)
    with pytest.raises(
        DataError, match="other labels than 1.0.0: GREY is new; PLAIN is missing. Other labels"
    ):
        refuse_incomparable(other, champion)


def test_without_any_scans_nothing_is_compared(world: World, tmp_path: Path) -> None:
    order = Order(world.champion, world.champion, (), tmp_path, world.guideline, world.cache)
    with pytest.raises(
        DataError, match="there is nothing to compare spots on: .* name labelled scans with --data"
    ):
        compare(order, lambda _: None)


def test_a_set_without_a_known_label_is_refused(world: World, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no scan has a label that the models know"):
        given_set(world.test, ("A", "B"))
