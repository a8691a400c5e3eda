"""The parts of a simulated clinic: a worklist, a device that asks it and sends volumes, a PACS that takes what comes back."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pydicom
import requests
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from pynetdicom import AE, AllStoragePresentationContexts, _config, build_context, evt

from imaging.dicom.associating import associate

DEVICE, PACS, WORKLIST = "CLINICSIM", "SIMPACS", "SIMRIS"
LOOPBACK = "127.0.0.1"
TIMEOUT_S = 60
SUCCESS = 0x0000
PENDING = 0xFF00
VERIFICATION = "1.2.840.10008.1.1"
WORKLIST_FIND = "1.2.840.10008.5.1.4.31"
BOUNDARY = "clinic-sim"

# What peers and instances say would be printed between the steps.
_config.LOG_HANDLER_LEVEL = "none"


@dataclass
class Visit:
    """A visit of a patient to the device: the instances of one study."""

    patient: str
    date: str
    eye: str
    """L or R."""
    instances: Sequence[Dataset]

    @property
    def study(self) -> str:
        """The study's UID."""
        return str(self.instances[0].StudyInstanceUID)


def drawn_in(file: Path) -> list[Dataset]:
    """The instances in a ZIP of the simulator."""
    with zipfile.ZipFile(file) as drawn:
        return [pydicom.dcmread(io.BytesIO(drawn.read(name))) for name in drawn.namelist()]


def eye_of(instances: Sequence[Dataset]) -> str:
    """The eye that they show, L or R."""
    return str(instances[0].ImageLaterality)


def scheduled(patient: str, date: str, eye: str) -> Dataset:
    """An entry of a worklist: a patient who is to come to the device on a day, and for which eye."""
    step = Dataset()
    step.ScheduledStationAETitle, step.Modality = DEVICE, "OPT"
    step.ScheduledProcedureStepStartDate, step.ScheduledProcedureStepStartTime = date, "101500"
    step.Laterality = eye
    entry = Dataset()
    entry.PatientID, entry.PatientName = patient, f"Simulated^{patient}"
    entry.StudyInstanceUID = generate_uid()
    entry.ScheduledProcedureStepSequence = [step]
    return entry


def visit_of(drawn: Sequence[Dataset], entry: Dataset) -> Visit:
    """What the device makes of a drawn volume: patient, study, day and eye are the worklist's; other UIDs are new each time."""
    step = entry.ScheduledProcedureStepSequence[0]
    patient, date = str(entry.PatientID), str(step.ScheduledProcedureStepStartDate)
    uids = {str(drawn[0].StudyInstanceUID): str(entry.StudyInstanceUID)}

    def fill(_: Dataset, element: Any) -> None:
        # UIDs of instances refer to each other; those of SOP classes and the like begin with the standard's root.
        if element.VR == "UI" and element.VM == 1 and not str(element.value).startswith("1.2.840.10008."):
            element.value = uids.setdefault(str(element.value), str(generate_uid()))
        elif element.keyword in ("ImageLaterality", "FrameLaterality", "Laterality"):
            element.value = step.Laterality

    for each in drawn:
        each.walk(fill)
        each.file_meta.MediaStorageSOPInstanceUID = each.SOPInstanceUID
        each.PatientID, each.PatientName, each.StudyDate = patient, entry.PatientName, date
        each.AcquisitionDateTime = f"{date}{step.ScheduledProcedureStepStartTime}"
    return Visit(patient, date, str(step.Laterality), drawn)


class Worklist:
    """A modality worklist (C-FIND): who is to come to which device."""

    def __init__(self, port: int, entries: Sequence[Dataset]) -> None:
        self.port = port
        self._entries = entries
        self._server: Any = None

    def start(self) -> None:
        """Begin to listen."""
        entity = AE(ae_title=WORKLIST)
        entity.add_supported_context(WORKLIST_FIND)
        self._server = entity.start_server(
            (LOOPBACK, self.port), block=False, evt_handlers=[(evt.EVT_C_FIND, self._find)]
        )

    def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.shutdown()

    def _find(self, event: Any) -> Iterator[tuple[int, Dataset | None]]:
        asked = event.identifier.ScheduledProcedureStepSequence[0]
        for entry in self._entries:
            step = entry.ScheduledProcedureStepSequence[0]
            if asked.get("ScheduledStationAETitle", "") in ("", step.ScheduledStationAETitle):
                yield PENDING, entry


class Device:
    """Sends over the DICOM network protocol, and as a service by DICOMweb."""

    def __init__(self, port: int, called: str) -> None:
        self._port, self._called = port, called

    def echo(self, calling: str = DEVICE) -> bool:
        """Whether the receiver answers whoever calls itself so."""
        association = self._associated(calling, [build_context(VERIFICATION)])
        if not association.is_established:
            return False
        try:
            return bool(association.send_c_echo().get("Status", -1) == SUCCESS)
        finally:
            association.release()

    def worklist(self, port: int) -> list[Dataset]:
        """Who is to come to this device, by a worklist on that port; none where it can't be asked."""
        wanted, step = Dataset(), Dataset()
        step.ScheduledStationAETitle, step.Modality = DEVICE, "OPT"
        step.ScheduledProcedureStepStartDate = step.ScheduledProcedureStepStartTime = step.Laterality = ""
        wanted.PatientID = wanted.PatientName = wanted.StudyInstanceUID = ""
        wanted.ScheduledProcedureStepSequence = [step]
        entity = self._entity(DEVICE, [build_context(WORKLIST_FIND)])
        association = associate(entity, LOOPBACK, port, ae_title=WORKLIST)
        if not association.is_established:
            return []
        try:
            answers = list(association.send_c_find(wanted, WORKLIST_FIND))
        finally:
            association.release()
        return [entry for status, entry in answers if status.get("Status") == PENDING and entry is not None]

    def store(self, instances: Sequence[Dataset]) -> list[int]:
        """Send instances; the status of each."""
        kinds = dict.fromkeys(str(each.SOPClassUID) for each in instances)
        association = self._associated(
            DEVICE, [build_context(kind, ExplicitVRLittleEndian) for kind in kinds]
        )
        if not association.is_established:
            return [-1] * len(instances)
        try:
            return [int(association.send_c_store(each).get("Status", -1)) for each in instances]
        finally:
            association.release()

    @staticmethod
    def _entity(calling: str, contexts: list[Any]) -> Any:
        entity = AE(ae_title=calling)
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = TIMEOUT_S
        entity.requested_contexts = contexts
        return entity

    def _associated(self, calling: str, contexts: list[Any]) -> Any:
        return associate(self._entity(calling, contexts), LOOPBACK, self._port, ae_title=self._called)


def store_by_web(url: str, key: str, instances: Sequence[Dataset]) -> int:
    """Send instances by STOW-RS; the HTTP status."""
    body = b""
    for each in instances:
        written = io.BytesIO()
        each.save_as(written, enforce_file_format=True)
        body += f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        body += written.getvalue() + b"\r\n"
    answer = requests.post(
        f"{url}dicomweb/studies",
        data=body + f"--{BOUNDARY}--\r\n".encode(),
        headers={
            "Content-Type": f'multipart/related; type="application/dicom"; boundary={BOUNDARY}',
            "Accept": "application/dicom+json",
            "Authorization": f"Bearer {key}",
        },
        timeout=TIMEOUT_S,
    )
    return answer.status_code


@dataclass
class Pacs:
    """Takes all instances that come, and keeps what they say of patient and study."""

    port: int
    received: list[Dataset] = field(default_factory=list)
    """Without their pixels and documents."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _server: Any = None

    def start(self) -> None:
        """Begin to listen."""
        entity = AE(ae_title=PACS)
        entity.supported_contexts = [*AllStoragePresentationContexts, build_context(VERIFICATION)]
        self._server = entity.start_server(
            (LOOPBACK, self.port), block=False, evt_handlers=[(evt.EVT_C_STORE, self._take)]
        )

    def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.shutdown()

    def of(self, study: str) -> list[Dataset]:
        """What came for a study."""
        with self._lock:
            return [each for each in self.received if each.StudyInstanceUID == study]

    def _take(self, event: Any) -> int:
        data = event.dataset
        kept = Dataset()
        for name in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "PatientID", "Modality"):
            setattr(kept, name, data.get(name, ""))
        with self._lock:
            self.received.append(kept)
        return SUCCESS
