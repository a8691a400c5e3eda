"""Divides labelled B-scans so that no patient stands on two sides."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from training.data.manifest import DataError, Scan


def split_scans(scans: Sequence[Scan], validation_share: float, seed: int) -> list[Scan]:
    """Give every scan its split, keeping the one it came with.

    Scans without one are divided so that no patient, and no two identical files, stand on both sides,
    and the labels keep their shares. Without patient ids each scan counts as its own patient.
    Raises DataError when a label ends up on one side only.
    """
    if all(scan.split for scan in scans):
        decided = list(scans)
    else:
        from sklearn.model_selection import StratifiedGroupKFold

        folds = StratifiedGroupKFold(
            n_splits=max(2, round(1 / validation_share)), shuffle=True, random_state=seed
        )
        labels = [scan.label for scan in scans]
        _, validation = next(iter(folds.split(labels, labels, patient_groups(scans))))
        chosen = set(validation.tolist())
        decided = [
            replace(scan, split="val" if index in chosen else "train") for index, scan in enumerate(scans)
        ]
    for split in ("train", "val"):
        lacking = {scan.label for scan in decided} - {scan.label for scan in decided if scan.split == split}
        if lacking:
            raise DataError(
                f"the {split} split has no scan of {', '.join(sorted(lacking))}; "
                "add scans, leave the label out with --labels, or choose another --seed"
            )
    return decided


def patient_groups(scans: Sequence[Scan]) -> list[int]:
    """A group number per scan: the same for one patient and for patients who share an identical file.

    Published OCT sets hold some patients under two ids; their scans must stay on one side of a split.
    """
    parents: dict[str, str] = {}

    def root(node: str) -> str:
        while parents.setdefault(node, node) != node:
            node = parents[node]
        return node

    nodes = []
    for scan in scans:
        node = f"patient {scan.patient}" if scan.patient else f"file {scan.path}"
        content = scan.sha256 or hashlib.sha256(scan.path.read_bytes()).hexdigest()
        parents[root(node)] = root(f"content {content}")
        nodes.append(node)
    numbers: dict[str, int] = {}
    return [numbers.setdefault(root(node), len(numbers)) for node in nodes]


def shared_patients(scans: Iterable[Scan]) -> set[str]:
    """Patients with scans in more than one split."""
    seen = {(scan.patient, scan.split) for scan in scans if scan.patient}
    return {patient for patient, count in Counter(patient for patient, _ in seen).items() if count > 1}
