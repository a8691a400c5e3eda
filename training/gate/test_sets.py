"""The test sets of a gate: the installation's own, those that are named, and the one that the simulator draws."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from handlers.card import ModelCard
from handlers.user_cache import user_cache
from training.data.frozen import DATA_SETS, is_frozen, load, read_about
from training.data.manifest import DataError, Scan, of_split
from training.data.reading import read_all
from training.gate.margins import GIVEN, OWN, SIMULATED, SimulatedOrder
from training.gate.strangers import read_strangers, write_strangers
from training.origin import data_sha256, with_hashes_of_files
from training.simulator.teaching import labels_to_draw
from training.simulator.writing import Order, write_set

SIMULATOR = Path(__file__).resolve().parents[1] / "simulator"
STRANGERS = "strangers"
TEST = "test"


@dataclass(frozen=True)
class TestSet:
    """Scans that both models are tried on; `strangers` are pictures whose label neither knows."""

    name: str
    kind: str
    scans: Sequence[Scan]
    strangers: Sequence[Scan]
    sha256: str

    __test__ = False  # for pytest

    def facts(self) -> dict[str, Any]:
        """What gate.json says of it."""
        return {
            "name": self.name,
            "kind": self.kind,
            "sha256": self.sha256,
            "scans": len(self.scans),
            "patients": len({scan.patient or str(scan.path) for scan in self.scans}),
            "strangers": len(self.strangers),
        }


def own_set(learning: Path, model: str, labels: Sequence[str]) -> TestSet | None:
    """The test set of this installation, of its newest data set for the model; None where there is none yet.

    Raises DataError when the data set is broken.
    """
    folder = newest_data_set(learning, model)
    if folder is None:
        return None
    scans = of_split(load(folder).scans, TEST)
    return test_set(f"own, data set {folder.name}", OWN, scans, labels) if scans else None


def newest_data_set(learning: Path, model: str) -> Path | None:
    """The folder of the newest data set for a model in the folder `learning`; None where there is none.

    Raises DataError for one that can't be read.
    """
    folders = [path for path in (learning / DATA_SETS).glob("*") if is_frozen(path)]
    found = {about.number: folder for folder in folders if (about := read_about(folder)).name == model}
    return found[max(found)] if found else None


def given_set(data: Path, labels: Sequence[str]) -> TestSet:
    """The scans of a manifest or folder: its test split, else val, else all. Raises DataError."""
    scans = read_all([data], least_labels=1)
    named = {scan.split for scan in scans}
    split = next((name for name in (TEST, "val") if name in named), "")
    chosen = of_split(scans, split) if split else scans
    name = f"{data.resolve().name}, {f'split {split}' if split else 'all scans'}"
    return test_set(name, GIVEN, chosen, labels)


def test_set(name: str, kind: str, scans: Sequence[Scan], labels: Sequence[str]) -> TestSet:
    """A test set of scans. Raises DataError when none of them has a label that the models know."""
    hashed = with_hashes_of_files(scans)
    known = [scan for scan in hashed if scan.label in labels]
    if not known:
        raise DataError(
            f"{name}: no scan has a label that the models know ({', '.join(labels)}), so it can't test them"
        )
    return TestSet(
        name, kind, known, [scan for scan in hashed if scan.label not in labels], data_sha256(hashed)
    )


test_set.__test__ = False  # type: ignore[attr-defined]  # for pytest


def simulated_set(order: SimulatedOrder, card: ModelCard, cache: Path | None = None) -> TestSet | None:
    """The set that the simulator draws for a model, kept in a cache; None where it draws fewer than two of its labels."""
    drawn = tuple(sorted(labels_to_draw(card)))
    if len(drawn) < 2:
        return None
    folder = (cache or user_cache()) / "gate" / _key(order, drawn)
    if not _is_whole(folder):
        _draw(order, drawn, folder)
    scans = [replace(scan, split=TEST) for scan in read_all([folder / "scans"])]
    made = test_set("simulated", SIMULATED, scans, card.labels)
    strangers = with_hashes_of_files(read_strangers(folder / STRANGERS))
    return replace(made, strangers=strangers, sha256=data_sha256([*made.scans, *strangers]))


def _key(order: SimulatedOrder, labels: Sequence[str]) -> str:
    """A name for the set: it depends on what is drawn and on the simulator's code."""
    digest = hashlib.sha256(repr((order, labels)).encode())
    for source in sorted([*SIMULATOR.glob("*.py"), Path(__file__).with_name("strangers.py")]):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:32]


def _draw(order: SimulatedOrder, labels: tuple[str, ...], folder: Path) -> None:
    """Draw the set into a folder beside and move it there as a whole; who draws the same meanwhile does no harm."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    size = (order.height, order.width)
    with tempfile.TemporaryDirectory(prefix=".drawing-", dir=folder.parent) as work:
        made = Path(work)
        write_set(Order(made / "scans", labels, order.per_label, order.seed, size))
        (made / STRANGERS).mkdir()
        strangers = write_strangers(made / STRANGERS, order.strangers_per_kind, order.seed, size)
        (made / "sha256").write_text(_content_sha256(made), encoding="utf-8")
        assert strangers or not order.strangers_per_kind
        shutil.rmtree(folder, ignore_errors=True)
        whole = folder.with_name(f"{folder.name}.{os.getpid()}")
        made.rename(whole)
        try:
            whole.rename(folder)
        except OSError:  # somebody else was faster, with the same scans
            shutil.rmtree(whole, ignore_errors=True)
        made.mkdir()


def _is_whole(folder: Path) -> bool:
    """Whether the folder holds a set with the content that it was drawn with."""
    try:
        return (folder / "sha256").read_text(encoding="utf-8") == _content_sha256(folder)
    except OSError:
        return False


def _content_sha256(folder: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*.*")):
        if path.is_file():
            total.update(
                f"{path.relative_to(folder)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode()
            )
    return total.hexdigest()
