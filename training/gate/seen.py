"""Whether a candidate has learnt from the scans that it is tested on, as far as its card and data set tell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from handlers.card import ModelCard
from imaging.fingerprint import pixels_sha256
from training.cache import read_pixels
from training.data.frozen import DATA_SETS, is_frozen, load, read_about
from training.data.manifest import DataError, Scan
from training.gate.test_sets import TEST, TestSet
from training.gate.verdict import Check, not_judged
from training.learnt import BY_CHANCE, FIELD, found
from training.origin import with_hashes_of_files

NAME, GROUP = "Not trained on the test set", "data"


def check_unseen(card: ModelCard, learning: Path | None, sets: Sequence[TestSet]) -> list[Check]:
    """A check for each test set. `learning` is the folder of the installation's data sets, None where it has none."""
    data_set = card.made_with.get("learning")
    content = card.made_with.get(FIELD)
    if isinstance(data_set, dict):
        try:
            learnt = _data_set(learning, data_set)
        except DataError as error:
            return [Check(NAME, GROUP, one.name, False, str(error)) for one in sets]
        return [_by_data_set(one, learnt, content) for one in sets]
    if content is None:
        sentence = (
            "Its card doesn't say which scans it learnt from, so nobody can tell; models that this version of Retinote "
            "trains say so."
        )
        return [not_judged(NAME, GROUP, one.name, sentence) for one in sets]
    return [_by_note(one, content) for one in sets]


def _data_set(learning: Path | None, named: dict[str, Any]) -> list[Scan]:
    """The scans that the data set which a card names gave for training. Raises DataError if it isn't there."""
    number, sha256 = named.get("data_set_number"), str(named.get("data_set"))
    folder = None if learning is None else learning / DATA_SETS / str(number)
    if folder is None or not is_frozen(folder) or read_about(folder).sha256 != sha256:
        raise DataError(
            f"It learnt from data set {number} ({sha256[:12]}…), which is not here as it was, so nobody can tell."
        )
    return [scan for scan in with_hashes_of_files(load(folder).scans) if scan.split != TEST]


def _by_data_set(tested: TestSet, learnt: Sequence[Scan], content: Any) -> Check:
    hashes = {key for scan in learnt for key in (scan.sha256, scan.pixels_sha256) if key}
    patients = {scan.patient for scan in learnt if scan.patient}
    same = sum(bool({scan.sha256, scan.pixels_sha256} & hashes) for scan in tested.scans)
    shared = {scan.patient for scan in tested.scans if scan.patient in patients}
    if same:
        return _refused(tested, f"It learnt from {same} of the {len(tested.scans)} scans of this test set.")
    if shared:
        return _refused(
            tested, f"It learnt from other scans of {len(shared)} of the patients of this test set."
        )
    if content is not None:
        return _by_note(tested, content)
    return Check(NAME, GROUP, tested.name, True, "None of its scans and patients is in what it learnt from.")


def _by_note(tested: TestSet, content: Any) -> Check:
    try:
        count = found(content, [_keys(scan) for scan in tested.scans])
    except ValueError as error:
        return _refused(
            tested, f"What its card says of the scans that it learnt from can't be read: {error}."
        )
    if count > BY_CHANCE or count == len(tested.scans):
        return _refused(
            tested, f"By its card it learnt from {count} of the {len(tested.scans)} scans of this test set."
        )
    return Check(NAME, GROUP, tested.name, True, "By its card it learnt from none of these scans.")


def _keys(scan: Scan) -> tuple[str, str]:
    return scan.sha256, scan.pixels_sha256 or pixels_sha256(read_pixels(scan))


def _refused(tested: TestSet, reason: str) -> Check:
    return Check(NAME, GROUP, tested.name, False, reason)
