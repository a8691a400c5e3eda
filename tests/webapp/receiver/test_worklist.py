"""A modality worklist fills what instances leave open, and overrules nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import ModalityWorklistInformationFind

from imaging.dicom_identity import Identity
from tests.dicom_files import item
from tests.services import free_ports
from tests.volume_files import STUDY
from tests.webapp.receiver.conftest import read_all, send, series
from webapp.receiver.listening import Receiver
from webapp.receiver.worklist import with_worklist, worklist_at
from webapp.scans.models import Scan

Entries = list[Dataset]


def entry(study: str = STUDY, patient: str = "W-4", eye: str = "L") -> Dataset:
    """An entry of a worklist."""
    return item(
        StudyInstanceUID=study, PatientID=patient, ScheduledProcedureStepSequence=[item(Laterality=eye)]
    )


@pytest.fixture
def worklist(settings: Any) -> Iterator[Callable[[Entries], None]]:
    """Serves these entries, whatever is asked for."""
    settings.FILE_IDENTITY = "keep"
    running: list[Any] = []

    def serve(entries: Entries) -> None:
        (port,) = free_ports(1)
        entity = AE(ae_title="RIS")
        entity.add_supported_context(ModalityWorklistInformationFind)

        def found(_: Any) -> Iterator[tuple[int, Dataset | None]]:
            yield from ((0xFF00, each) for each in entries)

        running.append(
            entity.start_server(("127.0.0.1", port), block=False, evt_handlers=[(evt.EVT_C_FIND, found)])
        )
        settings.DICOM_WORKLIST = f"RIS@127.0.0.1:{port}"

    yield serve
    for each in running:
        each.shutdown()


def received(receiver: Receiver, **elements: str) -> Scan:
    """The scan of an instance with these elements."""
    send(receiver, *series(1, **elements))
    read_all()
    return Scan.objects.get()


def test_what_is_open_is_filled(receiver: Receiver, worklist: Callable[[Entries], None]) -> None:
    worklist([entry(), entry("1.2.3", "W-5", "R")])
    scan = received(receiver, PatientID="", Laterality="")
    assert (scan.patient_ref, scan.eye) == ("W-4", "OS")


def test_what_is_said_once_more_of_a_series_has_come_is_said_of_all_of_it(
    receiver: Receiver, worklist: Callable[[Entries], None]
) -> None:
    worklist([])
    *early, late = series(3, PatientID="", Laterality="")
    send(receiver, *early)
    read_all()
    worklist([entry()])
    send(receiver, late)
    read_all()
    assert list(Scan.objects.values_list("patient_ref", "eye")) == [("W-4", "OS")] * 3


def test_the_modality_that_the_file_says_stays(worklist: Callable[[Entries], None]) -> None:
    worklist([entry()])
    filled = with_worklist(Identity(modality="OPT"), STUDY)
    assert (filled.patient, filled.eye, filled.modality) == ("W-4", "OS", "OPT")


def test_nobody_is_asked_for_the_eye_of_what_has_none(worklist: Callable[[Entries], None]) -> None:
    worklist([entry()])
    said = Identity(patient="W-4", modality="CR")
    assert with_worklist(said, STUDY).eye == "OS"
    assert with_worklist(said, STUDY, has_eye=False) is said


def test_what_is_said_counts(receiver: Receiver, worklist: Callable[[Entries], None]) -> None:
    worklist([entry(patient="P-17")])
    scan = received(receiver, Laterality="R")
    assert (scan.patient_ref, scan.eye) == ("P-17", "OD")


@pytest.mark.parametrize(
    "entries", [[], [entry(), entry(patient="W-5")], [entry("1.2.3")]], ids=["none", "two", "another study"]
)
def test_no_answer_or_several_fill_nothing(
    receiver: Receiver, worklist: Callable[[Entries], None], entries: Entries
) -> None:
    worklist(entries)
    assert received(receiver, PatientID="", Laterality="").patient_ref == ""


def test_a_worklist_of_another_patient_says_nothing_of_the_eye(
    receiver: Receiver, worklist: Callable[[Entries], None]
) -> None:
    worklist([entry()])
    assert received(receiver, Laterality="").eye == ""


def test_a_worklist_that_is_away_holds_up_nothing(receiver: Receiver, settings: Any) -> None:
    (port,) = free_ports(1)
    settings.DICOM_WORKLIST = f"RIS@127.0.0.1:{port}"
    assert received(receiver, PatientID="").patient_ref == ""


@pytest.mark.parametrize("address", ["RIS", "RIS@host", "@host:1", "RIS@host:0", "RIS@host:99999"])
def test_other_addresses_are_none(address: str) -> None:
    with pytest.raises(ValueError, match="AE@HOST:PORT"):
        worklist_at(address)
