"""Divides labelled B-scans so that no patient, and no scan under two names, is on two sides."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from training.data.manifest import DataError, Scan

ATTEMPTS = 16
"""How many divisions are drawn; the one closest to the wanted shares is kept, as a single one may miss a rare label."""
LARGE_GROUP = 0.25
"""A group with more scans of a label than this share of what the smallest side needs is large, and placed first.

Later it would not fit in. The others are placed in random order: if all were sorted, the patients with many scans
would all be in train.
"""


def split_scans(
    scans: Sequence[Scan], validation_share: float, seed: int, outliers: Sequence[str] = ()
) -> list[Scan]:
    """Give every scan its split for a training; scans that have one keep it.

    Scans without a split, or those in `train` when none is in `val`, are divided between train and val. No patient, and
    no two identical files, are then on both sides, nor are nearly identical ones where the manifest has perceptual
    hashes; each side gets its share of every label. A scan without a patient id counts as a patient of its own. Raises
    DataError when a label is on one side only, unless it is one of `outliers`.
    """
    decided = list(scans)
    undivided = to_divide(scans)
    if undivided:
        if all(scan.split for scan in scans):
            decided = [replace(scan, split="") if scan.split == "train" else scan for scan in scans]
        chosen = [decided[index] for index in undivided]
        sides = divide(
            [scan.label for scan in chosen],
            patient_groups(chosen, alike=_alike(chosen)),
            {"train": 1 - validation_share, "val": validation_share},
            seed,
            decided=[scan.split for scan in chosen],
        )
        for index, side in zip(undivided, sides, strict=True):
            decided[index] = replace(decided[index], split=side)
    labelled = [scan for scan in decided if scan.label not in outliers]
    _require_labels(labelled, ("train", "val"), "leave the label out with --labels")
    return decided


def to_divide(scans: Sequence[Scan]) -> list[int]:
    """The indices of the scans that a training divides between train and val; none where both are decided already.

    Where some scans have no split, these are all scans, as those with one decide where the rest of their patients go.
    """
    if any(not scan.split for scan in scans):
        return list(range(len(scans)))
    if any(scan.split == "val" for scan in scans):
        return []
    return [index for index, scan in enumerate(scans) if scan.split == "train"]


def three_way_split(
    scans: Sequence[Scan],
    groups: Sequence[int],
    validation_share: float,
    test_share: float,
    seed: int,
) -> list[Scan]:
    """Give every scan a new split (train, val, test), none of a share of 0; scans of one group stay together.

    `groups` holds a number for each scan. Raises DataError when the shares leave nothing to train, or when a label is
    missing on a side.
    """
    if not (min(validation_share, test_share) >= 0 and validation_share + test_share < 1):  # NaN, too
        raise DataError(
            f"validation and test shares of {validation_share:g} and {test_share:g} leave nothing to train; "
            "give two numbers from 0 whose sum is below 1"
        )
    wanted = {"train": 1 - validation_share - test_share, "val": validation_share, "test": test_share}
    shares = {side: share for side, share in wanted.items() if share > 0}
    sides = divide([scan.label for scan in scans], groups, shares, seed)
    decided = [replace(scan, split=side) for scan, side in zip(scans, sides, strict=True)]
    _require_labels(decided, tuple(shares), "take the label's scans out of the manifest", groups)
    return decided


def patient_groups(scans: Sequence[Scan], alike: Iterable[tuple[int, int]] = ()) -> list[int]:
    """A group number for each scan, the same for scans that must stay on one side of a split.

    These are the scans of one patient, of patients who share an identical scan (published OCT sets list some patients
    under two ids), and the pairs of indices in `alike`. Files are read where the manifest has no hashes.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    numbers: dict[Hashable, int] = {}
    edges = list(alike)
    for index, scan in enumerate(scans):
        content = scan.sha256 or hashlib.sha256(scan.path.read_bytes()).hexdigest()
        keys: list[Hashable] = [("content", content)]
        if scan.patient:
            keys.append(("patient", scan.patient))
        if scan.pixels_sha256:
            keys.append(("pixels", scan.pixels_sha256))
        # The first nodes of the graph are scans, the others what scans share.
        edges += [(index, len(scans) + numbers.setdefault(key, len(numbers))) for key in keys]
    nodes = len(scans) + len(numbers)
    ends = np.array(edges, dtype=np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(ends.shape[1], dtype=np.int8), (ends[0], ends[1])), shape=(nodes, nodes))
    _, group_of_node = connected_components(graph, directed=False)
    order: dict[int, int] = {}
    return [order.setdefault(group, len(order)) for group in group_of_node[: len(scans)].tolist()]


def shared_patients(scans: Iterable[Scan]) -> set[str]:
    """Patients with scans in more than one split."""
    seen = {(scan.patient, scan.split) for scan in scans if scan.patient}
    return {patient for patient, count in Counter(patient for patient, _ in seen).items() if count > 1}


def divide(
    labels: Sequence[str],
    groups: Sequence[int],
    shares: Mapping[str, float],
    seed: int,
    decided: Sequence[str] = (),
) -> list[str]:
    """A side for each item, so that groups stay whole and every side gets its share of every label.

    `shares` maps sides to fractions that sum to 1. `decided` names for each item the side that it is on already, or is
    empty; the rest of its group follows.

    This is iterative stratification (Sechidis, Tsoumakas and Vlahavas, "On the Stratification of Multi-Label Data",
    2011) of groups: the rarest label comes first, its large groups before the others, each on the side that lacks most
    of that label, and a side without any before all others. scikit-learn's StratifiedGroupKFold only makes sides of one
    size.
    """
    kinds, kind = np.unique(np.array(labels), return_inverse=True)
    members, group = np.unique(np.array(groups), return_inverse=True)
    counts = np.zeros((len(members), len(kinds)), dtype=np.int64)
    np.add.at(counts, (group, kind), 1)
    side_of_group = np.full(len(members), -1)
    sides = [*shares, *sorted(set(decided) - set(shares) - {""})]
    for index, side in enumerate(decided):
        if side:
            side_of_group[group[index]] = sides.index(side)
    wanted = np.zeros((len(sides), len(kinds)))
    outside = np.isin(side_of_group, range(len(shares), len(sides)))
    wanted[: len(shares)] = np.outer(list(shares.values()), counts[~outside].sum(axis=0))
    draws = [
        _draw(counts, wanted, side_of_group, len(shares), np.random.default_rng([seed, attempt]))
        for attempt in range(ATTEMPTS)
    ]
    best = min(draws, key=lambda drawn: _distance(counts, wanted, drawn, len(shares)))
    return [
        decided[index] if decided and decided[index] else sides[best[group[index]]]
        for index in range(len(labels))
    ]


def _draw(
    counts: npt.NDArray[np.int64],
    wanted: npt.NDArray[np.float64],
    side_of_group: npt.NDArray[np.int64],
    open_sides: int,
    random: np.random.Generator,
) -> npt.NDArray[np.int64]:
    """One division: a side for each group. `counts` is (groups, labels), `wanted` (sides, labels)."""
    drawn = side_of_group.copy()
    lacking = wanted.copy()
    holders = np.zeros(wanted.shape, dtype=np.int64)
    for side in range(len(wanted)):
        lacking[side] -= counts[drawn == side].sum(axis=0)
        holders[side] = (counts[drawn == side] > 0).sum(axis=0)
    for label in np.argsort((counts > 0).sum(axis=0), kind="stable"):
        left = random.permutation(np.flatnonzero((drawn < 0) & (counts[:, label] > 0)))
        large = counts[left, label] > LARGE_GROUP * wanted[:open_sides, label].min()
        left = left[np.argsort(-counts[left, label] * large, kind="stable")]
        for place, chosen in enumerate(left):
            possible = np.flatnonzero(holders[:open_sides, label] == 0)
            if len(left) - place > len(possible):
                possible = np.arange(open_sides)
            needs = lacking[possible, label]
            closest = possible[needs == needs.max()]
            side = closest[lacking[closest].sum(axis=1).argmax()]
            drawn[chosen] = side
            lacking[side] -= counts[chosen]
            holders[side] += counts[chosen] > 0
    return drawn


def _distance(
    counts: npt.NDArray[np.int64],
    wanted: npt.NDArray[np.float64],
    drawn: npt.NDArray[np.int64],
    open_sides: int,
) -> tuple[int, float]:
    """How far a division is from the wanted one: the count of labels missing on a side, then the misplaced shares."""
    reached = np.stack([counts[drawn == side].sum(axis=0) for side in range(open_sides)])
    shares = np.abs(reached - wanted[:open_sides]) / counts.sum(axis=0)
    return int((reached == 0).sum()), float(shares.sum())


def _alike(scans: Sequence[Scan]) -> list[tuple[int, int]]:
    """Pairs of indices of scans whose perceptual hashes are close."""
    hashes = [scan.perceptual_hash for scan in scans]
    if not any(hashes):
        return []
    # Imported here, as it loads Pillow, which a manifest without hashes doesn't need.
    from imaging.fingerprint import near_pairs

    return [(first, second) for first, second, _ in near_pairs(hashes).tolist()]


def _require_labels(
    scans: Sequence[Scan], sides: Sequence[str], advice: str, groups: Sequence[int] | None = None
) -> None:
    """Raise DataError unless every label has scans on every side."""
    labels = {scan.label for scan in scans}
    for side in sides:
        lacking = sorted(labels - {scan.label for scan in scans if scan.split == side})
        if not lacking:
            continue
        reason = ""
        if groups is not None:
            held = {group for scan, group in zip(scans, groups, strict=True) if scan.label == lacking[0]}
            reason = f" ({lacking[0]}: {len(held)} patient(s) or unlinked scan(s) for {len(sides)} sides)"
        raise DataError(
            f"the {side} split has no scan of {', '.join(lacking)}{reason}; "
            f"add scans, {advice}, or choose another --seed"
        )
