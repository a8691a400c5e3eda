"""Finds what is on two sides of a split: patients, identical scans and nearly identical ones."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from training.data.frozen import is_frozen
from training.data.manifest import DataError, Scan
from training.data.split import shared_patients

NAMED = 5
"""How many patients or scans a line names, beside their count."""


@dataclass(frozen=True)
class SplitReport:
    """What is on two sides of a split.

    `patients` are ids, `identical` groups of two or more files with the same bytes or pixels, `near` pairs of files
    whose perceptual hashes are close, with the count of bits that differ; identical pairs are not among them.
    `looked_for_near` is False when some scan had no hashes of its look.
    """

    patients: tuple[str, ...]
    identical: tuple[tuple[Path, ...], ...]
    near: tuple[tuple[Path, Path, int], ...]
    looked_for_near: bool

    def refusals(self) -> list[str]:
        """The reasons to refuse the split, as sentences with counts and the first names; empty if there are none."""
        lines = []
        if self.patients:
            lines.append(_named(f"{len(self.patients)} patient(s) are on two sides", self.patients))
        if self.identical:
            groups = [" = ".join(str(path) for path in group) for group in self.identical]
            lines.append(_named(f"{len(groups)} identical scan(s) are on two sides", groups))
        return lines

    def remarks(self) -> list[str]:
        """What else to know about metrics on this split, in the same form."""
        lines = []
        if self.near:
            pairs = [f"{first} ~ {second} ({bits} of 256 bits differ)" for first, second, bits in self.near]
            lines.append(_named(f"{len(pairs)} pair(s) of nearly identical scans are on two sides", pairs))
        if not self.looked_for_near:
            lines.append(
                "nearly identical scans were not looked for, as the manifest holds no perceptual hashes; "
                "`./retinote data split --check` looks"
            )
        return lines


def find_leaks(scans: Sequence[Scan]) -> SplitReport:
    """Compare the sides of a split by the manifest's hashes; files without one are read, but not decoded."""
    identical = _identical(scans)
    group_of = {path: group for group in identical for path in group}
    known = [scan for scan in scans if scan.perceptual_hash]
    near: list[tuple[Path, Path, int]] = []
    if known:
        # Pillow loads only when there is something to compare.
        from imaging.fingerprint import near_pairs

        for index, other, bits in near_pairs([scan.perceptual_hash for scan in known]).tolist():
            first, second = known[index], known[other]
            named = first.path in group_of and second.path in group_of[first.path]
            if first.split != second.split and not named:
                near.append((first.path, second.path, bits))
    return SplitReport(
        patients=tuple(sorted(shared_patients(scans))),
        identical=tuple(identical),
        near=tuple(sorted(near, key=lambda pair: pair[2])),
        # A flat picture has no hash, so one scan with a hash of its pixels is proof enough that it was looked for.
        looked_for_near=all(scan.perceptual_hash or scan.pixels_sha256 for scan in scans),
    )


def check_split(scans: Sequence[Scan], data: Sequence[Path] = ()) -> SplitReport:
    """Compare the sides of a split; raises DataError when a patient or an identical scan is on two sides.

    Nearly identical scans are only reported.
    """
    report = find_leaks(scans)
    refuse_leaks(report, data)
    return report


def refuse_leaks(report: SplitReport, data: Sequence[Path] = ()) -> None:
    """Raise DataError with the counts and the first names when a split must be refused.

    `data` is what the scans were read from: a frozen data set among it can't be divided again.
    """
    reasons = report.refusals()
    if not reasons:
        return
    remedy = "divide it again with `./retinote data split`"
    if frozen := next(filter(is_frozen, data), None):
        remedy = (
            f"{frozen} is frozen and keeps its split, so take these scans out of the other data, or give them there "
            "the split that they have in it"
        )
    raise DataError(f"the split leaks: {'; '.join(reasons)}. Metrics on such a split are too good; {remedy}")


def _identical(scans: Sequence[Scan]) -> list[tuple[Path, ...]]:
    """Groups of files with the same bytes or the same pixels that are on more than one side."""
    groups: dict[frozenset[Path], None] = {}
    by_bytes: dict[str, list[Scan]] = defaultdict(list)
    by_pixels: dict[str, list[Scan]] = defaultdict(list)
    for scan in scans:
        by_bytes[scan.sha256 or hashlib.sha256(scan.path.read_bytes()).hexdigest()].append(scan)
        if scan.pixels_sha256:
            by_pixels[scan.pixels_sha256].append(scan)
    for same in (*by_bytes.values(), *by_pixels.values()):
        if len({scan.split for scan in same}) > 1:
            groups[frozenset(scan.path for scan in same)] = None
    whole = [group for group in groups if not any(group < other for other in groups)]
    return [tuple(sorted(group)) for group in whole]


def _named(text: str, names: Iterable[str]) -> str:
    listed = list(names)
    rest = len(listed) - NAMED
    return f"{text}: {', '.join(listed[:NAMED])}" + (f" and {rest} more" if rest > 0 else "")
