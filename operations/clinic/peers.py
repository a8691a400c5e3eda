"""The two ends of a simulated clinic: a device that sends volumes, and a PACS that takes what comes back."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pydicom
import requests
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from pynetdicom import AE, AllStoragePresentationContexts, _config, build_context, evt

DEVICE, PACS = "CLINICSIM", "SIMPACS"
LOOPBACK = "127.0.0.1"
TIMEOUT_S = 60
SUCCESS = 0x0000
VERIFICATION = "1.2.840.10008.1.1"
BOUNDARY = "clinic-sim"

# What peers and instances say would be printed between the steps.
_config.LOG_HANDLER_LEVEL = "none"


@dataclass
class Visit:
    """A visit of a patient to the device: the instances of one study."""

    patient: str
    date: str
    instances: Sequence[Dataset]

    @property
    def study(self) -> str:
        """The study's UID."""
        return str(self.instances[0].StudyInstanceUID)


def visit_of(drawn: Path, patient: str, date: str) -> Visit:
    """A visit with the volume in a ZIP of the simulator, as that patient's of that day; UIDs are new each time."""
    with zipfile.ZipFile(drawn) as file:
        instances = [pydicom.dcmread(io.BytesIO(file.read(name))) for name in file.namelist()]
    uids: dict[str, str] = {}

    def renew(_: Dataset, element: Any) -> None:
        # UIDs of instances refer to each other; those of SOP classes and the like begin with the standard's root.
        if element.VR == "UI" and element.VM == 1 and not str(element.value).startswith("1.2.840.10008."):
            element.value = uids.setdefault(str(element.value), str(generate_uid()))

    for each in instances:
        each.walk(renew)
        each.file_meta.MediaStorageSOPInstanceUID = each.SOPInstanceUID
        each.PatientID, each.PatientName, each.StudyDate = patient, f"Simulated^{patient}", date
        each.AcquisitionDateTime = f"{date}101500"
    return Visit(patient, date, instances)


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

    def _associated(self, calling: str, contexts: list[Any]) -> Any:
        entity = AE(ae_title=calling)
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = TIMEOUT_S
        entity.requested_contexts = contexts
        return entity.associate(LOOPBACK, self._port, ae_title=self._called)


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
