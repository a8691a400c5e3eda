"""Structured reports: Enhanced SR by TID 1500, "Measurement Report" (PS3.16)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import EnhancedSRStorage

from imaging.dicom.origin import Source
from imaging.dicom.results.instance import (
    MANUFACTURER,
    MODEL,
    SIDES,
    Coded,
    Result,
    Written,
    begun,
    finished,
    instance_item,
    shortened,
    sources_by_series,
    study_item,
)

SERIES_NUMBER = 9101
DCM, SCT = "DCM", "SCT"
ENGLISH = Coded("en", "RFC5646", "English")
RIGHT, LEFT = Coded("24028007", SCT, "Right"), Coded("7771000", SCT, "Left")
SIDE = {"OD": RIGHT, "OS": LEFT}
NO_UNITS = Coded("1", "UCUM", "no units")
SQUARE_MILLIMETRES = Coded("mm2", "UCUM", "square millimeter")
PROBABILITY = Coded("122157", DCM, "Probability")
AREA = Coded("42798000", SCT, "Area")
CONTAINS, CONTEXT, MODIFIER = "CONTAINS", "HAS OBS CONTEXT", "HAS CONCEPT MOD"
MAX_TEXT = 1024
MAX_NAME = 64


@dataclass(frozen=True)
class Algorithm:
    """The model that said something."""

    name: str
    version: str
    parameters: str
    """What tells it from others of the same name and version, such as the hash of its weights."""


@dataclass(frozen=True)
class Measured:
    """A number with its unit."""

    concept: Coded
    value: float
    unit: Coded = NO_UNITS


@dataclass(frozen=True)
class Group:
    """What one of them, the model or a reader, says of one thing (TID 1501)."""

    name: str
    finding: Coded | None = None
    evaluations: Sequence[tuple[Coded, Coded]] = ()
    """A question, and what is said to it."""
    measured: Sequence[Measured] = ()
    comments: Sequence[str] = ()
    algorithm: Algorithm | None = None
    observer: str = ""
    """The reader, as the report may name them."""
    places: Sequence[int] | None = None
    """Of the B-scans that it is about; None for all."""


@dataclass(frozen=True)
class Predecessor:
    """An earlier report that this one replaces."""

    study: str
    series: str
    instance: str
    kind: str = str(EnhancedSRStorage)


@dataclass(frozen=True)
class Reading:
    """All that a report says. `complete` where nothing of it is expected to change."""

    groups: Sequence[Group]
    complete: bool = False
    predecessors: Sequence[Predecessor] = field(default=())


def report(result: Result, reading: Reading) -> Written:
    """A structured report of what is said of its source."""
    data = begun(result, EnhancedSRStorage, "SR", SERIES_NUMBER, "report")
    data.SeriesDescription = "Retinote: what is said of the scan (research software)"
    data.ReferencedPerformedProcedureStepSequence = []
    data.PerformedProcedureCodeSequence = []
    data.CompletionFlag = "COMPLETE" if reading.complete else "PARTIAL"
    data.VerificationFlag = "UNVERIFIED"
    if not reading.complete:
        data.CompletionFlagDescription = "Readers may add to it"
    data.CurrentRequestedProcedureEvidenceSequence = [
        study_item(result.origin.study, sources_by_series(result.origin.sources))
    ]
    if reading.predecessors:
        data.PredecessorDocumentsSequence = [
            study_item(before.study, {before.series: {before.instance: before.kind}})
            for before in reading.predecessors
        ]
    root = _container("126000", "Imaging Measurement Report", _content(result, reading))
    root.ContentTemplateSequence = [_template("1500")]
    for element in root:
        data.add(element)
    return finished(data)


def _content(result: Result, reading: Reading) -> list[Dataset]:
    return [
        _code(MODIFIER, _dcm("121049", "Language of Content Item and Descendants"), ENGLISH),
        _code(CONTEXT, _dcm("121005", "Observer Type"), Coded("121007", DCM, "Device")),
        _uid(CONTEXT, _dcm("121012", "Device Observer UID"), result.uid("device")),
        _text(CONTEXT, _dcm("121013", "Device Observer Name"), MODEL),
        _text(CONTEXT, _dcm("121014", "Device Observer Manufacturer"), MANUFACTURER),
        _text(CONTEXT, _dcm("121015", "Device Observer Model Name"), f"{MODEL} {result.software}"),
        *(
            [_code(MODIFIER, _dcm("121058", "Procedure reported"), result.modality)]
            if result.modality
            else []
        ),
        _image_library(result),
        _under(
            CONTAINS,
            _container("126010", "Imaging Measurements", [_group(result, group) for group in reading.groups]),
        ),
    ]


def _image_library(result: Result) -> Dataset:
    pictures = [_image(source) for source in result.origin.sources if source is not None]
    group = _under(CONTAINS, _container("126200", "Image Library Group", pictures))
    return _under(CONTAINS, _container("111028", "Image Library", [group]))


def _group(result: Result, group: Group) -> Dataset:
    """A measurement group, of the part of the body that is seen."""
    content = [
        _text(CONTEXT, _dcm("112039", "Tracking Identifier"), group.name),
        _uid(CONTEXT, _dcm("112040", "Tracking Unique Identifier"), result.uid("group", group.name)),
    ]
    if group.observer:
        content.append(_code(CONTEXT, _dcm("121005", "Observer Type"), Coded("121006", DCM, "Person")))
        name = shortened(group.observer, MAX_NAME).replace("^", " ").replace("=", " ")
        content.append(_item(CONTEXT, "PNAME", _dcm("121008", "Person Observer Name"), PersonName=name))
    if group.finding is not None:
        content.append(_code(CONTAINS, _dcm("121071", "Finding"), group.finding))
    if group.algorithm is not None:
        content.append(_text(MODIFIER, _dcm("111001", "Algorithm Name"), group.algorithm.name))
        content.append(_text(MODIFIER, _dcm("111003", "Algorithm Version"), group.algorithm.version))
        content.append(_text(MODIFIER, _dcm("111002", "Algorithm Parameters"), group.algorithm.parameters))
    if result.region is not None:
        site = _code(MODIFIER, Coded("363698007", SCT, "Finding Site"), result.region)
        if result.eye in SIDES:
            site.ContentSequence = [_code(MODIFIER, Coded("272741003", SCT, "Laterality"), SIDE[result.eye])]
        content.append(site)
    content += [_image(source, Coded("260753009", SCT, "Source")) for source in _sources(result, group)]
    content += [_number(measured) for measured in group.measured]
    content += [_code(CONTAINS, asked, said) for asked, said in group.evaluations]
    content += [_text(CONTAINS, _dcm("121106", "Comment"), comment) for comment in group.comments if comment]
    made = _under(CONTAINS, _container("125007", "Measurement Group", content))
    made.ContentTemplateSequence = [_template("1501")]
    return made


def _sources(result: Result, group: Group) -> list[Source]:
    """The frames that a group is about; of all of them those of the image library stand for it."""
    if group.places is None:
        return []
    return [source for place in group.places if (source := result.origin.sources[place]) is not None]


def _dcm(value: str, meaning: str) -> Coded:
    return Coded(value, DCM, meaning)


def _template(number: str) -> Dataset:
    made = Dataset()
    made.MappingResource, made.TemplateIdentifier = "DCMR", number
    return made


def _container(value: str, meaning: str, content: Sequence[Dataset]) -> Dataset:
    made = Dataset()
    made.ValueType = "CONTAINER"
    made.ConceptNameCodeSequence = [_dcm(value, meaning).item()]
    made.ContinuityOfContent = "SEPARATE"
    if content:
        made.ContentSequence = list(content)
    return made


def _under(relationship: str, made: Dataset) -> Dataset:
    made.RelationshipType = relationship
    return made


def _item(relationship: str, kind: str, concept: Coded | None, **elements: Any) -> Dataset:
    made = Dataset()
    made.RelationshipType, made.ValueType = relationship, kind
    if concept is not None:
        made.ConceptNameCodeSequence = [concept.item()]
    for name, value in elements.items():
        setattr(made, name, value)
    return made


def _code(relationship: str, concept: Coded, said: Coded) -> Dataset:
    return _item(relationship, "CODE", concept, ConceptCodeSequence=[said.item()])


def _text(relationship: str, concept: Coded, text: str) -> Dataset:
    return _item(relationship, "TEXT", concept, TextValue=shortened(text, MAX_TEXT) or "-")


def _uid(relationship: str, concept: Coded, uid: str) -> Dataset:
    return _item(relationship, "UIDREF", concept, UID=uid)


def _number(measured: Measured) -> Dataset:
    value = Dataset()
    value.NumericValue = f"{measured.value:.10g}"
    value.MeasurementUnitsCodeSequence = [measured.unit.item()]
    return _item(CONTAINS, "NUM", measured.concept, MeasuredValueSequence=[value])


def _image(source: Source, concept: Coded | None = None) -> Dataset:
    reference = instance_item(source.kind, source.instance, source.frame)
    return _item(CONTAINS, "IMAGE", concept, ReferencedSOPSequence=[reference])
