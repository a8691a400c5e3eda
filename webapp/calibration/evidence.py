"""Gathers the scans that a calibration can be fitted on, and says which are left out and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from handlers.card import ModelCard
from handlers.local_calibration import rescaled
from webapp.accounts.pseudonyms import circle_of
from webapp.calibration import copies
from webapp.calibration.models import CalibrationProfile
from webapp.calibration.sample import Sample
from webapp.scans.final import By, FinalReading
from webapp.scans.models import Scan, Status

LEAST_SCANS = 50
LEAST_PATIENTS = 10
"""Two in each fold of the cross-validation."""
LEAST_OF_A_LABEL = 5
LEAST_LABELS = 2
MOST_SCANS = 2_000
"""The newest. More would hardly change a threshold, and each picture has to be decoded."""

DISPUTED, UNVERIFIED, OTHER_VERSION, UNKNOWN_LABEL, LOST_PROFILE, NO_PICTURE, COPY, CONTRADICTED = (
    "disputed",
    "unverified",
    "other_version",
    "unknown_label",
    "lost_profile",
    "no_picture",
    "copy",
    "contradicted",
)
REASONS: Mapping[str, str] = {
    DISPUTED: "on which readers disagree and which no adjudicator has settled",
    UNVERIFIED: "whose reading is not verified yet",
    OTHER_VERSION: "last predicted by another version of the model: predict them again",
    UNKNOWN_LABEL: "verified as something that is none of the model's labels",
    LOST_PROFILE: "predicted under a local calibration that is not stored here: predict them again",
    NO_PICTURE: "whose stored picture is missing or can't be read",
    COPY: "that show the same picture as another one",
    CONTRADICTED: "whose picture is verified under different labels",
}
"""Why scans are left out, as the end of a sentence that begins with their number."""
FIELDS = (
    "pk",
    "user_id",
    "clinic",
    "patient_ref",
    "volume_id",
    "image_name",
    "probabilities",
    "familiarity",
    "quality",
    "findings",
    "calibration",
    "weights_sha256",
    "final_reading",
)


class CalibrationRefused(Exception):
    """The scans are too few or too much alike to calibrate on; the message says what is missing."""


@dataclass(frozen=True)
class Verified:
    """A scan whose label is verified. `probabilities` (0 to 1, by label) are those at the card's temperature.

    `found` are the kinds of findings on it; None for models without a map of findings.
    """

    patient: tuple[str, str]
    label: str
    probabilities: dict[str, float]
    familiarity: float | None
    acceptable: bool | None
    found: frozenset[str] | None
    picture: copies.Signature


@dataclass
class Evidence:
    """The scans that are taken, and the number of those left out, by reason."""

    card: ModelCard
    taken: list[Verified] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    files_of_copies: int = 0
    patients_of_copies: int = 0

    @property
    def patients(self) -> int:
        """The number of patients; a scan without a patient's reference counts as a patient of its own."""
        return len({scan.patient for scan in self.taken})

    @property
    def labels(self) -> dict[str, int]:
        """The number of scans of each verified label, most first."""
        return dict(Counter(scan.label for scan in self.taken).most_common())

    def sample(self) -> Sample:
        """The scans that are taken, as arrays."""
        labels = self.card.labels
        patients = {
            patient: number for number, patient in enumerate({scan.patient: 0 for scan in self.taken})
        }
        return Sample(
            labels=labels,
            probabilities=np.asarray(
                [[scan.probabilities[label] for label in labels] for scan in self.taken], dtype=np.float64
            ),
            truth=np.asarray([labels.index(scan.label) for scan in self.taken], dtype=np.int64),
            patients=np.asarray([patients[scan.patient] for scan in self.taken], dtype=np.int64),
            familiarity=np.asarray(
                [np.nan if scan.familiarity is None else scan.familiarity for scan in self.taken]
            ),
            acceptable=tuple(scan.acceptable for scan in self.taken),
            found=tuple(scan.found for scan in self.taken),
        )

    def sentences(self) -> list[str]:
        """What was left out and why, a sentence for each reason."""
        sentences = []
        for why, count in self.left_out.most_common():
            more = (
                f" ({self.files_of_copies} files of {_counted(self.patients_of_copies, 'patient')})"
                if why == COPY
                else ""
            )
            sentences.append(f"Left out: {_counted(count, 'scan')} {REASONS[why]}{more}.")
        return sentences

    def check(self) -> None:
        """Raise CalibrationRefused where these scans are too few, or too much alike, to calibrate on."""
        wrong = list(self._shortfalls())
        if wrong:
            raise CalibrationRefused(" ".join([*wrong, *self.sentences()]))

    def _shortfalls(self) -> Iterator[str]:
        of = f"verified scans that {self.card.name} {self.card.version} has predicted"
        scans = len(self.taken)
        if scans < LEAST_SCANS:
            yield f"There are {scans} {of}; a calibration takes {LEAST_SCANS}, so {LEAST_SCANS - scans} are missing."
        if scans and self.patients < LEAST_PATIENTS:
            yield (
                f"The {_counted(scans, 'scan')} are of {_counted(self.patients, 'patient')}; a calibration takes "
                f"{LEAST_PATIENTS} patients, so {LEAST_PATIENTS - self.patients} are missing."
            )
        labels = self.labels
        if len(labels) == 1:
            yield f"All of them are verified as {next(iter(labels))}: a calibration on one label says nothing of the others."
        elif labels and sum(count >= LEAST_OF_A_LABEL for count in labels.values()) < LEAST_LABELS:
            counts = ", ".join(f"{label} {count}" for label, count in labels.items())
            yield (
                f"Of at least {LEAST_LABELS} labels there must be {LEAST_OF_A_LABEL} scans or more each; there are "
                f"{counts}."
            )


def gather(card: ModelCard) -> Evidence:
    """The verified scans whose newest prediction is by the version of this card, newest first, MOST_SCANS at most.

    Raises NoRoom while other large pictures are decoded. Reads values and not documents, which would record a look at
    each scan: all that anybody sees of them are counts.
    """
    evidence = Evidence(card)
    temperatures = dict(
        CalibrationProfile.objects.filter(weights_sha256=card.weights_sha256).values_list(
            "name", "temperature"
        )
    )
    read = Scan.objects.filter(reviewed=True, status=Status.PREDICTED, model_name=card.name)
    found = []
    for values in read.order_by("-timestamp", "-pk").values_list(*FIELDS).iterator(chunk_size=500):
        scan = _verified(dict(zip(FIELDS, values, strict=True)), card, temperatures)
        if isinstance(scan, str):
            evidence.left_out[scan] += 1
        elif scan is not None:
            found.append(scan)
            if len(found) == MOST_SCANS:
                break
    _without_copies(found, evidence)
    return evidence


def _verified(
    row: Mapping[str, Any], card: ModelCard, temperatures: Mapping[str, float]
) -> Verified | str | None:
    """The scan, or the reason why it is left out; None for a scan that nobody has given a label."""
    if not row["final_reading"]:
        return None
    final = FinalReading.stored(row["final_reading"])
    if final.by == By.DISPUTED:
        return DISPUTED
    if not final.verified:
        return UNVERIFIED
    if row["weights_sha256"] != card.weights_sha256:
        return OTHER_VERSION
    if final.label not in card.labels or set(row["probabilities"]) != set(card.labels):
        return UNKNOWN_LABEL
    probabilities = row["probabilities"]
    if row["calibration"]:
        if row["calibration"] not in temperatures:
            return LOST_PROFILE
        probabilities = rescaled(probabilities, temperatures[row["calibration"]], card.temperature)
    try:
        picture = copies.signature(row["image_name"])
    except (FileNotFoundError, ValueError):
        return NO_PICTURE
    return Verified(
        patient=_patient(row),
        label=final.label,
        probabilities=probabilities,
        familiarity=row["familiarity"],
        acceptable=(row["quality"] or {}).get("acceptable"),
        found=_kinds_found(row["findings"]),
        picture=picture,
    )


def _kinds_found(findings: Mapping[str, Any] | None) -> frozenset[str] | None:
    return None if findings is None else frozenset(region["finding"] for region in findings["regions"])


def _patient(row: Mapping[str, Any]) -> tuple[str, str]:
    """A key of the scan's patient: a reference counts within its circle, as in exports.

    Without one all B-scans of a volume are of one patient, and a scan by itself is a patient's own.
    """
    if row["patient_ref"]:
        return circle_of(row["clinic"], row["user_id"]), row["patient_ref"]
    return "", str(row["volume_id"] or row["pk"])


def _without_copies(found: Sequence[Verified], evidence: Evidence) -> None:
    """Take one scan of each picture, and none of a picture that is verified under different labels."""
    groups: dict[int, list[Verified]] = {}
    for scan, original in zip(found, copies.originals([scan.picture for scan in found]), strict=True):
        groups.setdefault(original, []).append(scan)
    repeated: list[Verified] = []
    for group in groups.values():
        if len({scan.label for scan in group}) > 1:
            evidence.left_out[CONTRADICTED] += len(group)
            continue
        evidence.taken.append(group[0])
        if len(group) > 1:
            evidence.left_out[COPY] += len(group) - 1
            repeated += group
    evidence.files_of_copies = len(repeated)
    evidence.patients_of_copies = len({scan.patient for scan in repeated})


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
