"""Values of FHIR R4 that several resources share: codes, references, quantities."""

from __future__ import annotations

from typing import Any

from modalities.guideline import GuidelineError
from modalities.profile import Profile
from webapp.recommendations.guideline import guideline

Json = dict[str, Any]

SNOMED = "http://snomed.info/sct"
DICOM = "http://dicom.nema.org/resources/ontology/DCM"
UNITS = "http://unitsofmeasure.org"
CATEGORIES = "http://terminology.hl7.org/CodeSystem/observation-category"
ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
MODALITIES = {
    "CR": "Computed Radiography",
    "CT": "Computed Tomography",
    "DX": "Digital Radiography",
    "MG": "Mammography",
    "MR": "Magnetic Resonance",
    "OP": "Ophthalmic Photography",
    "OPT": "Ophthalmic Tomography",
    "US": "Ultrasound",
}
"""Modalities as DICOM names them (PS3.16, CID 29)."""
OTHER = "OT"
"""DICOM's modality of what has none of its own."""
SIDES: dict[str, Json] = {
    "OD": {"system": SNOMED, "code": "24028007", "display": "Right"},
    "OS": {"system": SNOMED, "code": "7771000", "display": "Left"},
}
"""Which eye (DICOM PS3.16, CID 244)."""


def concept(text: str, *codings: Json) -> Json:
    """A CodeableConcept: a text, and its codes in terminologies."""
    return {"coding": list(codings), "text": text} if codings else {"text": text}


def modality_coding(found: Profile, code: str = "") -> Json:
    """A modality as DICOM codes it; `code` is what a file says of itself, where that is known."""
    code = code or next(iter(found.dicom), OTHER)
    return {"system": DICOM, "code": code, "display": MODALITIES.get(code, found.title)}


def site_coding(found: Profile) -> Json | None:
    """The part of the body that a modality shows; None where its profile does not say it."""
    if found.anatomy is None:
        return None
    return {"system": SNOMED, "code": found.anatomy.site.code, "display": found.anatomy.site.display}


def label_concept(model_name: str, label: str) -> Json:
    """A label, with the codes that the guideline for its model has; without any where that can't be used."""
    try:
        found = guideline(model_name)
    except GuidelineError:  # it was changed since the start, and the recommendation's reason says so
        found = None
    step = found.steps.get(label) if found else None
    codes = step.codes if step else ()
    return concept(
        label, *({"system": code.system, "code": code.code, "display": code.display} for code in codes)
    )


def share(value: float) -> Json:
    """A Quantity without a unit: a probability, or a share of the picture, 0 to 1."""
    return {"value": round(value, 6), "unit": "1", "system": UNITS, "code": "1"}


def square_millimetres(value: float) -> Json:
    """A Quantity of an area."""
    return {"value": round(value, 6), "unit": "mm²", "system": UNITS, "code": "mm2"}


def without_empty(resource: Json) -> Json:
    """The resource without empty fields, which FHIR does not allow."""
    return {name: value for name, value in resource.items() if value not in (None, "", [], {})}
