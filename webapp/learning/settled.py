"""Which scans have a settled label, by whom and how far readers agreed; and which are left out, and why."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from bson import ObjectId
from django.db.models import Q

from webapp.accounts.pseudonyms import circle_of, patient_pseudonym, pseudonym
from webapp.learning.rules import ExportRefused, Rules
from webapp.reviews.models import Review
from webapp.reviews.outcome import final_of, independent_labels, pairs_of
from webapp.scans.final import By
from webapp.scans.labels import newest_labels
from webapp.scans.models import Scan, ScanQuerySet

MOST_SCANS = 50_000
"""In one data set, the newest. A row of each is in memory."""
AT_ONCE = 500

(
    DISPUTED, UNSETTLED, UNKNOWN_LABEL, BEYOND, NO_PICTURE, TEXT, COPY, CONTRADICTED, LIKE_TEST, CHANGED,
) = (
    "disputed", "unsettled", "unknown_label", "beyond", "no_picture", "text", "copy", "contradicted", "like_test",
    "changed",
)  # fmt: skip
REASONS: Mapping[str, str] = {
    DISPUTED: "on which readers disagree and which no adjudicator has settled",
    UNSETTLED: "whose label is not settled yet",
    UNKNOWN_LABEL: "settled as something that the model does not know: a new label is a new model, for which --any-label "
    "takes them",
    BEYOND: f"older than the newest {MOST_SCANS:,}",
    NO_PICTURE: "whose stored picture is missing or can't be read",
    TEXT: "whose pixels may hold text: --with-text takes them, once somebody has looked at them",
    COPY: "that show the same picture as another one",
    CONTRADICTED: "whose picture is settled under different labels",
    LIKE_TEST: "whose picture, or nearly the same, is of another patient on the other side of the test set",
    CHANGED: "that were deleted or read otherwise meanwhile",
}
"""Why scans are left out, as the end of a sentence that begins with their number."""
FIELDS = (
    "pk", "clinic", "patient_ref", "volume_id", "place", "image_name", "width", "height", "eye", "device",
    "settled_label", "readers", "volume_readers", "model_name",
)  # fmt: skip
OF_REVIEWS = (
    "scan_id", "reader_id", "label", "current", "created", "after_others", "blind", "blind_by_server",
)  # fmt: skip


@dataclass(frozen=True)
class Settled:
    """A scan with a settled label, without anything that names somebody but its keys.

    `readers` named the label or another one and count today, `agreement` is the share of the pairs of independent
    readers that agree, None without a pair.
    """

    key: ObjectId
    label: str
    settled_by: str
    readers: int
    agreement: float | None
    patient: str
    clinic: str
    volume: str
    place: int
    image_name: str
    width: int
    height: int
    eye: str
    device: str
    drawn_by: frozenset[str]
    """Ids of those who gave a verdict: what they drew is no draft."""

    @property
    def name(self) -> str:
        """The pseudonym that all exports have."""
        return pseudonym("scan", self.key)


@dataclass
class Gathered:
    """The settled scans, by the order of their pseudonyms, and the number of those left out, by reason."""

    rules: Rules
    labels: tuple[str, ...]
    """Those that the model knows, of its newest prediction."""
    scans: list[Settled] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    """Scans by labels that the model doesn't know."""

    def check(self) -> None:
        """Raise ExportRefused where nothing can be learnt from these scans; the sentence says what is missing."""
        if not self.scans:
            raise ExportRefused(
                f"No scan of {self.rules.model} has a settled label: {self.rules.settling} settles one. "
                + " ".join(sentences(self.left_out, self.unknown))
            )
        patients = {scan.patient for scan in self.scans}
        if len(patients) == 1:
            raise ExportRefused(
                f"The {counted(len(self.scans), 'settled scan')} are of one patient: nothing of anybody else would be "
                "left to test on. Have scans of other patients read. "
                + " ".join(sentences(self.left_out, self.unknown))
            )


def gather(rules: Rules) -> Gathered:
    """The scans with a settled label. Raises ExportRefused where none of the model's scans has a prediction.

    Reads values and not documents, which would record a look at each scan: who exports sees counts, and the record of
    the data set names them all.
    """
    of_model = Q(model_name=rules.model)
    labels = newest_labels(Scan.objects.filter(of_model))
    if not labels:
        raise ExportRefused(
            f"No scan was predicted by a model {rules.model}: there is none whose label could be settled. "
            "--model names another one."
        )
    gathered = Gathered(rules, labels)
    read = Scan.objects.filter(of_model, reviewed=True) | Scan.objects.filter(of_model).exclude(
        settled_label=""
    )
    for rows in _chunks(read):
        said = _reviews([row["pk"] for row in rows])
        for row in rows:
            found = settle(row, said[row["pk"]], rules)
            if found is None:
                continue
            if isinstance(found, str):
                gathered.left_out[found] += 1
            elif found.label not in labels and not rules.any_label:
                gathered.left_out[UNKNOWN_LABEL] += 1
                gathered.unknown[found.label] += 1
            elif len(gathered.scans) == MOST_SCANS:
                gathered.left_out[BEYOND] += 1
            else:
                gathered.scans.append(found)
    gathered.scans.sort(key=lambda scan: scan.name)
    return gathered


def settle(row: Mapping[str, Any], reviews: Sequence[Review], rules: Rules) -> Settled | str | None:
    """The scan as it is settled, or the reason why it is not; None where nobody names a label today.

    A verdict that its reader has replaced, be it by "unsure", counts no longer.
    """
    final = final_of(reviews, row["settled_label"])
    if final is None:
        return None
    if final.by == By.DISPUTED:
        return DISPUTED
    if final.by == By.READERS and not _enough(reviews, final.independent, rules):
        return UNSETTLED
    naming = {review.reader_id for review in reviews if review.current and review.label}
    return Settled(
        key=row["pk"],
        label=final.label,
        settled_by=final.by.value,
        readers=len(naming),
        agreement=pairs_of(independent_labels(reviews).values()).agreement,
        patient=patient_of(row),
        clinic=pseudonym("clinic", row["clinic"]) if row["clinic"] else "",
        volume=pseudonym("volume", row["volume_id"]) if row["volume_id"] else "",
        place=row["place"] or 0,
        image_name=row["image_name"],
        width=row["width"],
        height=row["height"],
        eye=row["eye"] or "",
        device=row["device"] or "",
        drawn_by=frozenset([*(row["readers"] or ()), *(row["volume_readers"] or ())]),
    )


def _enough(reviews: Sequence[Review], independent: int, rules: Rules) -> bool:
    """Whether the independent readings weigh enough; `independent` is 0 where they don't all agree."""
    if not rules.readers or not independent:
        return False
    naming = {review.reader_id for review in reviews if review.current and review.label}
    last: dict[ObjectId, Review] = {}
    for review in sorted(reviews, key=lambda each: each.created):
        if review.independent:
            last[review.reader_id] = review
    weights = [1.0 if review.blind else rules.seen_weight for key, review in last.items() if key in naming]
    return sum(weights) >= rules.readers - 1e-9


def patient_of(row: Mapping[str, Any]) -> str:
    """The pseudonym of the scan's patient, by which the side is decided for good.

    Without a reference a scan by itself is a patient's own. Exports have it, too, but tell more patients apart: those of
    accounts without a clinic, and of clinics with a slash in their name (`as_exported`).
    """
    if row["patient_ref"]:
        return _of_reference(row["clinic"], row["patient_ref"])
    return patient_pseudonym("", "", row["volume_id"]) or pseudonym("patient", f"scan {row['pk']}")


def _of_reference(clinic: str, reference: str) -> str:
    return pseudonym("patient", f"{clinic}/{reference}")


def as_exported(patients: Collection[str]) -> set[str]:
    """The pseudonyms in exports of those of these patients who have another one there, see `patient_of`."""
    scans = Scan.objects.filter(Q(clinic="") | Q(clinic__contains="/")).exclude(patient_ref="").order_by()
    rows = scans.values_list("clinic", "user_id", "patient_ref").distinct()
    return {
        patient_pseudonym(circle_of(clinic, user_id), reference, None)
        for clinic, user_id, reference in rows
        if _of_reference(clinic, reference) in patients
    }


def still_settled(scans: Sequence[Settled], rules: Rules) -> set[ObjectId]:
    """The keys of those scans that exist and are settled under the same label now."""
    found = set()
    by_key = {scan.key: scan for scan in scans}
    keys = iter(by_key)
    while part := list(islice(keys, AT_ONCE)):
        said = _reviews(part)
        for row in _rows(Scan.objects.filter(pk__in=part)):
            now = settle(row, said[row["pk"]], rules)
            if isinstance(now, Settled) and now.label == by_key[row["pk"]].label:
                found.add(row["pk"])
    return found


def sentences(left_out: Mapping[str, int], unknown: Mapping[str, int]) -> list[str]:
    """What was left out and why, a sentence for each reason, most first."""
    lines = []
    for why, count in sorted(left_out.items(), key=lambda entry: -entry[1]):
        named = (
            f" ({', '.join(f'{label} {n}' for label, n in sorted(unknown.items()))})"
            if why == UNKNOWN_LABEL
            else ""
        )
        lines.append(f"Left out: {counted(count, 'scan')} {REASONS[why]}{named}.")
    return lines


def counted(count: int, noun: str) -> str:
    """A number with its noun, such as "1 scan" or "2,000 scans"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _chunks(scans: ScanQuerySet) -> Iterator[list[dict[str, Any]]]:
    rows = _rows(scans.order_by("-timestamp", "-pk"))
    while part := list(islice(rows, AT_ONCE)):
        yield part


def _rows(scans: ScanQuerySet) -> Iterator[dict[str, Any]]:
    for values in scans.values_list(*FIELDS).iterator(chunk_size=AT_ONCE):
        yield dict(zip(FIELDS, values, strict=True))


def _reviews(keys: Sequence[ObjectId]) -> dict[ObjectId, list[Review]]:
    """All reviews of these scans, as documents that were not loaded, so that no look is recorded."""
    grouped: dict[ObjectId, list[Review]] = defaultdict(list)
    for values in Review.objects.filter(scan__in=list(keys)).order_by("created").values_list(*OF_REVIEWS):
        review = Review(**dict(zip(OF_REVIEWS, values, strict=True)))
        grouped[review.scan_id].append(review)
    return grouped
