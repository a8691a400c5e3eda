"""The installation's own test set: which patients it holds. It is decided once for each, and for good."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from imaging.fingerprint import near_any, near_pairs
from webapp.learning.models import PatientSide, PictureSide, Side

VALIDATION_SHARE = 0.15
"""Of the patients that are learnt from; these stop a training in time."""
AT_ONCE = 5_000


@dataclass(frozen=True)
class Picture:
    """What decides about a scan: whose it is, its label and its picture's hashes (hexadecimal)."""

    patient: str
    label: str
    pixels_sha256: str
    perceptual_hash: str


@dataclass
class Division:
    """Where scans go: for each `train`, `val`, `test`, or "" for one that is like the test set under another patient.

    `new_patients` and `new_pictures` were decided now.
    """

    splits: list[str] = field(default_factory=list)
    new_patients: list[PatientSide] = field(default_factory=list)
    new_pictures: list[PictureSide] = field(default_factory=list)


def divide(pictures: Sequence[Picture], test_share: float, number: int) -> Division:
    """Put each scan on its side; patients of earlier data sets stay where they are. Nothing is stored.

    Patients who share a picture, or nearly one, stay together: they may be one person under two names. `number` is the
    data set's. The same scans get the same sides.
    """
    known = dict(PatientSide.objects.values_list("patient", "side"))
    seen = dict(PictureSide.objects.values_list("pixels_sha256", "side"))
    held_out = list(PictureSide.objects.filter(side=Side.TEST).values_list("perceptual_hash", flat=True))
    groups = _groups(pictures)
    looks = [picture.perceptual_hash for picture in pictures]
    like_held_out = [
        seen.get(picture.pixels_sha256) == Side.TEST or near >= 0
        for picture, near in zip(pictures, near_any(looks, held_out), strict=True)
    ]
    sides = _sides(pictures, groups, known, seen, like_held_out, test_share)
    validating = _validating(pictures, groups, sides)
    of_test = [picture for picture in pictures if sides[picture.patient] == Side.TEST]
    near_new = near_any(looks, [picture.perceptual_hash for picture in of_test])
    pixels_of_test = {picture.pixels_sha256 for picture in of_test}
    division = Division()
    for index, picture in enumerate(pictures):
        was_learnt = seen.get(picture.pixels_sha256) == Side.LEARN
        if sides[picture.patient] == Side.TEST:
            division.splits.append("" if was_learnt else "test")
        elif like_held_out[index] or near_new[index] >= 0 or picture.pixels_sha256 in pixels_of_test:
            division.splits.append("")
        else:
            division.splits.append("val" if groups[picture.patient] in validating else "train")
    strata = _strata(pictures, groups)
    division.new_patients = [
        PatientSide(patient=patient, side=side, stratum=strata[groups[patient]], data_set=number)
        for patient, side in sorted(sides.items())
        if patient not in known
    ]
    new = {
        picture.pixels_sha256: picture
        for picture, split in zip(pictures, division.splits, strict=True)
        if split and picture.pixels_sha256 not in seen
    }
    division.new_pictures = [
        PictureSide(
            pixels_sha256=pixels,
            perceptual_hash=picture.perceptual_hash,
            side=sides[picture.patient],
            data_set=number,
        )
        for pixels, picture in sorted(new.items())
    ]
    return division


def _groups(pictures: Sequence[Picture]) -> dict[str, str]:
    """For each patient the group of patients that stay together, by the first of their pseudonyms."""
    leader = {picture.patient: picture.patient for picture in pictures}

    def find(patient: str) -> str:
        while leader[patient] != patient:
            leader[patient] = leader[leader[patient]]
            patient = leader[patient]
        return patient

    def join(one: str, other: str) -> None:
        first, second = sorted((find(one), find(other)))
        leader[second] = first

    first_of: dict[str, str] = {}
    for picture in pictures:
        join(picture.patient, first_of.setdefault(picture.pixels_sha256, picture.patient))
    for one, other, _ in near_pairs([picture.perceptual_hash for picture in pictures]).tolist():
        join(pictures[one].patient, pictures[other].patient)
    return {patient: find(patient) for patient in leader}


def _sides(
    pictures: Sequence[Picture],
    groups: dict[str, str],
    known: dict[str, str],
    seen: dict[str, str],
    like_held_out: Sequence[bool],
    test_share: float,
) -> dict[str, str]:
    """The side of each patient. New groups follow members that are decided, or the side where their picture was."""
    decided: dict[str, str] = {}
    for patient, group in groups.items():
        # Where members are on both sides the others are learnt from, and what is like the test set is left out.
        if patient in known and decided.get(group) != Side.LEARN:
            decided[group] = known[patient]
    for picture in pictures:
        if seen.get(picture.pixels_sha256) == Side.LEARN:
            decided.setdefault(groups[picture.patient], Side.LEARN)
    for picture, is_alike in zip(pictures, like_held_out, strict=True):
        if is_alike:
            decided.setdefault(groups[picture.patient], Side.TEST)
    strata = _strata(pictures, groups)
    patients, in_test = _decided_before()
    for group in sorted(set(strata) - set(decided), key=_draw):
        stratum = strata[group]
        patients[stratum] += 1
        is_test = int(test_share * patients[stratum] + 0.5) > in_test[stratum]
        in_test[stratum] += is_test
        decided[group] = Side.TEST if is_test else Side.LEARN
    return {patient: known.get(patient, str(decided[group])) for patient, group in groups.items()}


def _decided_before() -> tuple[Counter[str], Counter[str]]:
    """Patients of earlier data sets by stratum, and those of them in the test set."""
    patients: Counter[str] = Counter()
    in_test: Counter[str] = Counter()
    for stratum, side in PatientSide.objects.values_list("stratum", "side"):
        patients[stratum] += 1
        in_test[stratum] += side == Side.TEST
    return patients, in_test


def _strata(pictures: Sequence[Picture], groups: dict[str, str]) -> dict[str, str]:
    """The stratum of each group: the rarest of its labels, by patients."""
    patients = Counter(label for _, label in {(picture.patient, picture.label) for picture in pictures})
    labels: dict[str, set[str]] = defaultdict(set)
    for picture in pictures:
        labels[groups[picture.patient]].add(picture.label)
    return {group: min(found, key=lambda label: (patients[label], label)) for group, found in labels.items()}


def _validating(pictures: Sequence[Picture], groups: dict[str, str], sides: dict[str, str]) -> set[str]:
    """The groups on which a training is validated: a share by their pseudonyms, and one of each label that has two."""
    by_stratum: dict[str, list[str]] = defaultdict(list)
    learnt = {group for patient, group in groups.items() if sides[patient] == Side.LEARN}
    for group, stratum in _strata(pictures, groups).items():
        if group in learnt:
            by_stratum[stratum].append(group)
    chosen: set[str] = set()
    for of_label in by_stratum.values():
        drawn = sorted(of_label, key=_fraction)
        taken = [group for group in drawn if _fraction(group) < VALIDATION_SHARE]
        if len(drawn) > 1:
            taken = taken[: len(drawn) - 1] or drawn[:1]
            chosen.update(taken)
    return chosen


def _draw(group: str) -> str:
    return hashlib.sha256(f"test {group}".encode()).hexdigest()


def _fraction(group: str) -> float:
    """A number from 0 to 1 that is always the same for a group, so that a patient stays where they are."""
    return int(hashlib.sha256(f"val {group}".encode()).hexdigest()[:13], 16) / 16**13


def keep(division: Division) -> None:
    """Store what was decided now, in the transaction that stores the data set."""
    PatientSide.objects.bulk_create(division.new_patients, batch_size=AT_ONCE)
    PictureSide.objects.bulk_create(division.new_pictures, batch_size=AT_ONCE)
