"""The scans of a fine-tuning: a frozen data set, and what keeps the network from forgetting; both are checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from handlers.card import ModelCard
from training import learnt
from training.data.frozen import FrozenDataSet, load
from training.data.leaks import check_split
from training.data.manifest import DataError, Scan, of_split
from training.data.reading import join, read_all
from training.origin import with_hashes_of_files
from training.simulator.teaching import labels_to_draw
from training.simulator.writing import Order as Drawing
from training.simulator.writing import write_set

LEAST_PATIENTS = {"train": 2, "val": 1}
"""Patients that a split of the data set needs: from one alone nothing general is learnt."""
VALIDATION_EVERY = 5
"""Every so many simulated scans one is for validation."""


@dataclass(frozen=True)
class Sources:
    """`new` are the data set's scans, `kept` those that keep the network from forgetting, all with splits.

    `replayed` says whether the kept scans are those of an earlier training, not simulated ones.
    """

    new: Sequence[Scan]
    kept: Sequence[Scan]
    replayed: bool

    def of(self, split: str) -> list[Scan]:
        """The scans of a split: new ones first."""
        return [*of_split(self.new, split), *of_split(self.kept, split)]

    @property
    def trained(self) -> list[Scan]:
        """The scans by which the network and all else is fitted: those of train and val."""
        return [*self.of("train"), *self.of("val")]


def read_data_set(folder: Path, card: ModelCard) -> FrozenDataSet:
    """A frozen data set, checked against the model that is to learn from it.

    Raises DataError for a data set of another model, with labels that the model doesn't know, or of too few patients.
    """
    data_set = load(folder)
    whose, scans = data_set.about.name, data_set.scans
    if whose != card.name:
        raise DataError(
            f"{folder} was made for {whose}, and {card.name} {card.version} is another model: name a version of {whose}"
        )
    refuse_unknown(folder, scans, card)
    for split, least in LEAST_PATIENTS.items():
        chosen = of_split(scans, split)
        patients = {scan.patient or str(scan.path) for scan in chosen}
        if len(patients) < least:
            raise DataError(
                f"{folder} has scans of {len(patients)} patients in its split {split} ({len(chosen)} scans), and at "
                f"least {least} are needed: have scans of more patients verified, and export again"
            )
    return data_set


def refuse_unknown(folder: Path, scans: Sequence[Scan], card: ModelCard) -> None:
    """Raise DataError when scans have labels that the model doesn't know; the message says what to do."""
    unknown = Counter(scan.label for scan in scans if scan.label not in card.labels)
    if unknown:
        counted = ", ".join(f"{count} of {label}" for label, count in sorted(unknown.items()))
        raise DataError(
            f"{folder} has scans with labels that {card.name} {card.version} doesn't know ({counted}). A new label is a "
            f"new model: train one with `./retinote train --data {folder} --name NEW-NAME`, or export without them"
        )


def read_replayed(folders: Sequence[Path], card: ModelCard) -> list[Scan]:
    """The scans of an earlier training with the model's labels, in the splits train and val.

    Raises DataError when they have no splits, when the model knows none of their labels, or when by its card it was
    trained with others: labels of the same name are no proof that the pictures are of its kind.
    """
    scans = [scan for scan in read_all(folders, least_labels=1) if scan.label in card.labels]
    names = ", ".join(str(folder) for folder in folders)
    if not scans:
        raise DataError(f"{names} has no scan with a label of {card.name} {card.version}")
    if not all(scan.split for scan in scans):
        raise DataError(
            f"{names} has scans without a split, some of which the version may have been tested on; "
            "name the manifest that it was trained with, or run `./retinote data split`"
        )
    used = with_hashes_of_files([scan for scan in scans if scan.split in LEAST_PATIENTS])
    known = _learnt_from(card, used)
    if known is not None and known < len(used) / 2:
        raise DataError(
            f"{card.name} {card.version} was not trained with {len(used) - known} of the {len(used)} scans of {names}; name "
            "the data that it was trained with, or none: then it is its own teacher"
        )
    return used


def _learnt_from(card: ModelCard, scans: Sequence[Scan]) -> int | None:
    """How many of the scans the model has learnt from, by the note in its card; None where that can't tell.

    The note of a version that was fine-tuned without its predecessor's data holds only what came since.
    """
    content, tuned = card.made_with.get(learnt.FIELD), card.made_with.get("learning")
    if content is None or isinstance(tuned, dict) and not tuned.get("replayed"):
        return None
    try:
        return learnt.found(content, [(scan.sha256, scan.pixels_sha256) for scan in scans])
    except ValueError:
        return None


def simulate(out: Path, card: ModelCard, per_label: int, seed: int, threads: int) -> None:
    """Draw scans of the model's labels to `out`; none where the simulator draws fewer than two of them."""
    labels = labels_to_draw(card)
    if len(labels) < 2 or not per_label:
        return
    write_set(Drawing(out, labels, per_label, seed), workers=threads, overwrite=True)


def read_simulated(folder: Path) -> list[Scan]:
    """The scans that `simulate` drew, with splits; empty if it drew none."""
    if not folder.is_dir():
        return []
    return [
        replace(scan, split="val" if int(scan.path.stem) % VALIDATION_EVERY == 0 else "train")
        for scan in read_all([folder], least_labels=1)
    ]


def put_together(data_set: FrozenDataSet, replayed: Sequence[Scan], simulated: Sequence[Scan]) -> Sources:
    """All scans. Raises DataError when a patient or an identical scan is on two sides of the split."""
    kept = list(replayed) or list(simulated)
    check_split(join([], [data_set.scans, kept]), [data_set.folder])
    return Sources(data_set.scans, kept, bool(replayed))
