"""What a structured report says of a scan or a volume, as far as its reader may know it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from imaging.dicom.results.instance import Coded
from imaging.dicom.results.report import (
    AREA,
    PROBABILITY,
    SQUARE_MILLIMETRES,
    Algorithm,
    Group,
    Measured,
)
from modalities.profile import Profile
from webapp.accounts.deidentified import shown
from webapp.accounts.models import User
from webapp.accounts.pseudonyms import shown_name
from webapp.core import modalities
from webapp.fhir.bundle import RESEARCH
from webapp.fhir.terms import DICOM, SNOMED, label_concept, modality_coding
from webapp.recommendations.answers import State
from webapp.reviews.models import Review, Verdict
from webapp.reviews.reading import independence_of
from webapp.scans.final import FinalReading
from webapp.scans.findings import kinds_found
from webapp.scans.models import Scan
from webapp.scans.told import remarks_on
from webapp.versions.withdrawals import WITHDRAWN

SCHEMES = {SNOMED: "SCT", DICOM: "DCM"}
"""What DICOM calls terminologies, by their URIs."""
STATE = Coded.own("state", "How far the model has answered")
UNKNOWN_STATE = Coded.own("unknown", "The model does not say how far it goes")
POSSIBLE = Coded.own("possible", "Label that the model can't rule out")
FAMILIARITY = Coded.own("familiarity", "Share of the scans it learnt from that are stranger")
SHARE = Coded.own("share", "Share of the picture")
VERDICT = Coded.own("verdict", "What the reader says of the model's answer")
KNOWN_BEFORE = Coded.own("known_before", "What the reader knew before")
FINAL = Coded.own("final", "Where the final reading comes from")


def coded_label(model_name: str, label: str) -> Coded:
    """A label by the code that the guideline for its model has, or by one of this program's own."""
    for coding in label_concept(model_name, label).get("coding", []):
        if coding["system"] in SCHEMES:
            return Coded(coding["code"], SCHEMES[coding["system"]], coding["display"])
    return Coded.own(label)


def coded_modality(found: Profile, code: str = "") -> Coded:
    """A modality; `code` is what its file says of itself, where that is known."""
    coding = modality_coding(found, code)
    return Coded(coding["code"], SCHEMES[DICOM], coding["display"])


def coded_region(found: Profile) -> Coded | None:
    """The part of the body that a modality shows; None where its profile does not say it."""
    if found.anatomy is None:
        return None
    region = found.anatomy.region or found.anatomy.site
    return Coded(region.code, SCHEMES[SNOMED], region.display)


def groups_of(
    lead: Scan, bscans: Sequence[Scan], reviews: Sequence[Review], final: FinalReading | None, user: User
) -> list[Group]:
    """The groups of a report on what `lead` stands for: itself, or all `bscans` of its volume.

    All are given as the user may know them; the place of each is that among the B-scans.
    """
    places = {scan.pk: place for place, scan in enumerate(bscans)}
    groups = list(_of_model(lead, places.get(lead.pk, 0)))
    if len(bscans) > 1:
        groups += [_of_bscan(scan, place) for place, scan in enumerate(bscans) if scan.label]
    if final is not None:
        groups.append(_of_all_readers(lead, final))
    named = sorted(reviews, key=lambda review: (review.created, str(review.pk)))
    return groups + [_of_reader(review, number, user) for number, review in enumerate(named, 1)]


def algorithm_of(scan: Scan) -> Algorithm:
    """The model that answered a scan."""
    return Algorithm(
        scan.model_name, scan.model_version, f"SHA-256 of the weights: {scan.weights_sha256 or 'not known'}"
    )


def _of_model(scan: Scan, place: int) -> Iterator[Group]:
    """The model's answer, the probability of each label, and its findings."""
    if not scan.label:
        return
    algorithm = algorithm_of(scan)
    answer = scan.answer
    recommended = scan.recommendation or {}
    action = " ".join(filter(None, (recommended.get("urgency", ""), recommended.get("action", ""))))
    yield Group(
        "Answer of the model",
        finding=coded_label(scan.model_name, scan.label) if answer.names_label else None,
        evaluations=[(STATE, _state(scan)), *_possible(scan)],
        measured=[] if scan.familiarity is None else [Measured(FAMILIARITY, scan.familiarity)],
        comments=[
            RESEARCH,
            *([WITHDRAWN] if scan.is_withdrawn else []),
            answer.why,
            action,
            *scan.doubts,
            *remarks_on(scan),
        ],
        algorithm=algorithm,
        places=[place],
    )
    for label, probability in sorted(scan.probabilities.items(), key=lambda one: (-one[1], one[0])):
        yield Group(
            f"Probability of {label}",
            finding=coded_label(scan.model_name, label),
            measured=[Measured(PROBABILITY, round(probability, 6))],
            algorithm=algorithm,
            places=[place],
        )
    for found in kinds_found(scan):
        area = found.square_mm(scan.width, scan.height, scan.micrometres_x, scan.micrometres_y)
        measured = [Measured(SHARE, round(found.share, 6))]
        if area is not None:
            measured.append(Measured(AREA, round(area, 6), SQUARE_MILLIMETRES))
        yield Group(
            f"Finding of the model: {found.name}",
            finding=Coded.own(found.kind, found.name),
            measured=measured,
            algorithm=algorithm,
            places=[place],
        )


def _of_bscan(scan: Scan, place: int) -> Group:
    """The answer to one picture of a volume in short, beside that of the volume."""
    return Group(
        f"{modalities.of_scan(scan.modality).picture} {scan.place + 1}",
        finding=coded_label(scan.model_name, scan.label) if scan.answer.names_label else None,
        evaluations=[(STATE, _state(scan)), *_possible(scan)],
        measured=[Measured(PROBABILITY, round(scan.confidence, 6))]
        if scan.confidence is not None and scan.answer.names_label
        else [],
        algorithm=algorithm_of(scan),
        places=[place],
    )


def _state(scan: Scan) -> Coded:
    state = scan.state or ""
    return Coded.own(state, str(State(state).label)) if state in State.values else UNKNOWN_STATE


def _possible(scan: Scan) -> list[tuple[Coded, Coded]]:
    return [(POSSIBLE, coded_label(scan.model_name, label)) for label in scan.prediction_set or []]


def _of_all_readers(scan: Scan, final: FinalReading) -> Group:
    recommended = final.recommend(scan.model_name, scan.doubts).to_dict()
    action = " ".join(filter(None, (recommended.get("urgency", ""), recommended.get("action", ""))))
    return Group(
        "Final reading",
        finding=coded_label(scan.model_name, final.label) if final.label else None,
        evaluations=[
            (FINAL, Coded.own(final.by.value, str(final.by.label))),
            *((POSSIBLE, coded_label(scan.model_name, label)) for label in final.labels if not final.label),
        ],
        comments=[final.source, action],
    )


def _of_reader(review: Review, number: int, user: User) -> Group:
    knew = independence_of(review)
    said = str(Verdict(review.verdict).label)
    return Group(
        f"Reader {number}",
        finding=coded_label(review.model_name, review.label) if review.label else None,
        evaluations=[
            (VERDICT, Coded.own(review.verdict, said)),
            *([(KNOWN_BEFORE, Coded.own(knew))] if knew else []),
        ],
        comments=[shown("comment", review.comment, user)],
        observer=shown_name(review.reader, user),
    )
