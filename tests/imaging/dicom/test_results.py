"""What goes back to a PACS: filed in the study of its source, faithful to the pixel, and as the standard has it."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from imaging.decoding import examine, examine_files, examine_volume
from imaging.dicom.origin import Origin, origin_of
from imaging.dicom.results.document import document
from imaging.dicom.results.instance import Coded, Result, Written
from imaging.dicom.results.report import (
    PROBABILITY,
    Algorithm,
    Group,
    Measured,
    Predecessor,
    Reading,
    report,
)
from imaging.dicom.results.segmentation import Segment, binary, fractional
from tests.dciodvfy import errors, needs_dciodvfy
from tests.dicom_files import dataset, written
from tests.images import bscan
from tests.volume_files import SERIES, STUDY, bscans, opt, secondary_capture

WIDTH, HEIGHT = 67, 51
"""So that a frame's bits end within a byte."""
TOMOGRAPHY = Coded("OPT", "DCM", "Ophthalmic Tomography")
RETINA = Coded("5665001", "SCT", "Retina")
WHOSE = {
    "PatientID": "P-17",
    "PatientName": "Åström^Zoë",
    "SpecificCharacterSet": "ISO_IR 192",
    "PatientBirthDate": "19500102",
    "PatientSex": "F",
    "StudyInstanceUID": STUDY,
    "SeriesInstanceUID": SERIES,
    "StudyDate": "20240301",
    "StudyTime": "101112",
    "StudyID": "S-1",
    "AccessionNumber": "A-1",
}
CNV = Coded("75971007", "SCT", "Choroidal neovascularization")
STATE = Coded.own("state", "How far the model has answered")


def one_picture() -> Origin | None:
    content = written(dataset(bscan(WIDTH, HEIGHT), **WHOSE))
    return origin_of(examine(content).dicom_header)


def several_frames(kind: Callable[..., bytes]) -> Origin | None:
    with examine_volume(kind(bscans(5, WIDTH, HEIGHT), **WHOSE)) as found:
        return found.origin


def series() -> Origin | None:
    files = [
        (
            f"{number}.dcm",
            written(dataset(bscan(WIDTH, HEIGHT, number), InstanceNumber=number, Modality="OPT", **WHOSE)),
        )
        for number in (1, 2, 4)
    ]
    for at, (name, content) in enumerate(files):
        changed = pydicom.dcmread(io.BytesIO(content))
        changed.SOPClassUID = changed.file_meta.MediaStorageSOPClassUID = (
            pydicom.uid.SecondaryCaptureImageStorage
        )
        files[at] = (name, written(changed))
    with examine_files(files) as found:
        return found.origin


SOURCES: dict[str, Callable[[], Origin | None]] = {
    "a photograph": one_picture,
    "a tomography": lambda: several_frames(opt),
    "a secondary capture": lambda: several_frames(
        lambda *given, **more: written(secondary_capture(*given, **more))
    ),
    "a series": series,
}


def result(origin: Origin, key: str = "k", eye: str = "OS") -> Result:
    when = datetime(2024, 3, 2, 12, 0, tzinfo=UTC)
    return Result(origin, "an eye", key, when, "0.2.0", eye, TOMOGRAPHY, RETINA)


@pytest.fixture(params=SOURCES, scope="module")
def origin(request: pytest.FixtureRequest) -> Origin:
    found = SOURCES[request.param]()
    assert found is not None
    return found


def masks(origin: Origin) -> dict[int, Any]:
    random = np.random.default_rng(1)
    return {
        place: random.random((HEIGHT, WIDTH)) > 0.7
        for place, source in enumerate(origin.sources)
        if source is not None
    }


def reading(origin: Origin) -> Reading:
    first = min(masks(origin))
    model = Algorithm("retina-oct", "2.1.0", "SHA-256 of the weights: " + "ab" * 32)
    return Reading(
        [
            Group(
                "Answer",
                CNV,
                [(STATE, Coded.own("answered"))],
                [],
                ["Research software."],
                model,
                places=[first],
            ),
            Group("Probability", CNV, measured=[Measured(PROBABILITY, 0.8125)], algorithm=model),
            Group("Reader 1", Coded.own("a label of more than sixteen letters"), observer="Zoë Åström (zoe)"),
        ]
    )


def objects(origin: Origin) -> dict[str, Written]:
    """One of each kind."""
    made = result(origin)
    drawn = masks(origin)
    return {
        "report": report(made, reading(origin)),
        "regions": binary(made, [Segment("CNV", CNV, drawn), Segment("other", Coded.own("other"), drawn)]),
        "heat map": fractional(
            made,
            [
                Segment(
                    "CNV",
                    CNV,
                    {place: mask * np.uint8(200) for place, mask in drawn.items()},
                    "no probability",
                    "retina-oct",
                )
            ],
        ),
        "document": document(made, b"%PDF-1.4 odd", "Scan of P-17"),
    }


def parsed(made: Written) -> Any:
    return pydicom.dcmread(io.BytesIO(made.content))


@needs_dciodvfy
def test_dciodvfy_finds_no_error(origin: Origin, tmp_path: Path) -> None:
    for name, made in objects(origin).items():
        assert errors(made.content, tmp_path) == [], name


def test_patient_and_study_are_those_of_the_source(origin: Origin) -> None:
    series = set()
    for made in objects(origin).values():
        data = parsed(made)
        for name in WHOSE.keys() - {"SpecificCharacterSet", "SeriesInstanceUID"}:
            assert str(data[name].value) == WHOSE[name]
        assert data.SeriesInstanceUID != SERIES
        assert (data.SOPInstanceUID, data.StudyInstanceUID) == (made.instance, made.study)
        series.add(data.SeriesInstanceUID)
    assert len(series) == 4


def referred(data: Any) -> set[tuple[str, int]]:
    """All instances, and frames of them, that a file refers to, wherever."""
    found: set[tuple[str, int]] = set()

    def look(dataset: Any, element: Any) -> None:
        if element.keyword == "ReferencedSOPInstanceUID":
            found.add((str(element.value), int(dataset.get("ReferencedFrameNumber", 0) or 0)))

    data.walk(look)
    return found


def test_each_refers_to_the_instances_it_came_from(origin: Origin) -> None:
    sources = [source for source in origin.sources if source is not None]
    instances = {source.instance for source in sources}
    frames = {(source.instance, source.frame) for source in sources}
    for name, made in objects(origin).items():
        found = referred(parsed(made))
        assert {instance for instance, _ in found} == instances, name
        if name in ("report", "regions", "heat map"):
            assert frames <= found, name


def test_a_mask_read_back_is_the_same(origin: Origin) -> None:
    drawn = masks(origin)
    data = parsed(objects(origin)["regions"])
    pixels = data.pixel_array.reshape(-1, HEIGHT, WIDTH)
    assert len(pixels) == 2 * len(drawn)
    for pixel, frame in zip(pixels, data.PerFrameFunctionalGroupsSequence, strict=True):
        place = frame.FrameContentSequence[0].InStackPositionNumber - 1
        assert np.array_equal(pixel.astype(bool), drawn[place])


def test_a_heat_map_read_back_is_the_same(origin: Origin) -> None:
    heat = {place: mask * np.uint8(200) for place, mask in masks(origin).items()}
    data = parsed(fractional(result(origin), [Segment("CNV", CNV, heat, algorithm="A")]))
    assert np.array_equal(data.pixel_array.reshape(-1, HEIGHT, WIDTH), np.stack(list(heat.values())))
    assert (data.SegmentationType, data.MaximumFractionalValue) == ("FRACTIONAL", 255)


def test_a_mask_of_another_size_is_refused(origin: Origin) -> None:
    with pytest.raises(ValueError, match=f"{WIDTH} × {HEIGHT}"):
        binary(result(origin), [Segment("CNV", CNV, {0: np.ones((4, 4), bool)})])


def test_the_same_content_is_the_same_instance_and_other_content_another(origin: Origin) -> None:
    first, again = (report(result(origin), reading(origin)) for _ in range(2))
    other = report(result(origin, "other"), reading(origin))
    assert first == again
    assert other.instance != first.instance and other.series == first.series


def test_a_report_names_what_it_replaces(origin: Origin) -> None:
    before = report(result(origin), reading(origin))
    after = replace(
        reading(origin),
        complete=True,
        predecessors=[Predecessor(before.study, before.series, before.instance)],
    )
    data = parsed(report(result(origin, "other"), after))
    (study,) = data.PredecessorDocumentsSequence
    assert study.StudyInstanceUID == STUDY
    assert (
        study.ReferencedSeriesSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID == before.instance
    )
    assert data.CompletionFlag == "COMPLETE"


def test_the_pdf_comes_back_whole(origin: Origin) -> None:
    data = parsed(objects(origin)["document"])
    assert data.EncapsulatedDocument[: data.EncapsulatedDocumentLength] == b"%PDF-1.4 odd"


@pytest.mark.parametrize("name", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"])
@pytest.mark.parametrize("value", ["", "1.2.x", "1." + "2" * 80])
def test_a_file_without_identifiers_has_no_origin(name: str, value: str) -> None:
    assert origin_of(dataset(bscan(WIDTH, HEIGHT), **WHOSE | {name: value})) is None


def test_a_missing_instance_of_a_series_has_no_source() -> None:
    found = series()
    assert found is not None
    assert [source is None for source in found.sources] == [False, False, True, False]
