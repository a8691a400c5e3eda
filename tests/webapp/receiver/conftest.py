"""A receiver that listens on a free port, senders that it knows, and what they send."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import FileDataset
from pydicom.uid import SecondaryCaptureImageStorage, generate_uid
from pynetdicom import AE, DEFAULT_TRANSFER_SYNTAXES, build_context
from pynetdicom.association import Association

from imaging.dicom.associating import associate
from tests.dicom_files import dataset
from tests.volume_files import SERIES, STUDY, bscans
from tests.waiting import wait_for
from webapp.receiver import filing, journal, reading
from webapp.receiver.listening import Options, Receiver
from webapp.receiver.models import Sender
from webapp.receiver.storing import OWN_CLASSES

AE_TITLE, DEVICE, CLINIC = "RETINOTE", "OCT1", "east"
OPTIONS = Options("127.0.0.1", 0, AE_TITLE, associations=4, idle_s=20)
Listen = Callable[..., Receiver]


@pytest.fixture
def device(db: None) -> Sender:
    """A device of the clinic that may send from this machine."""
    return Sender.objects.create(ae_title=DEVICE, network="127.0.0.1", clinic=CLINIC)


@pytest.fixture
def listen(db: None, away: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listen]:
    """Starts a receiver: `listen(idle_s=1)`. No model server answers, and series are quiet and filed at once."""
    settings.DICOM_QUIET_SECONDS = 0
    monkeypatch.setattr(journal, "AGE_S", 0.01)
    running: list[tuple[Receiver, threading.Thread]] = []

    def start(**options: Any) -> Receiver:
        receiver = Receiver(replace(OPTIONS, **options))
        thread = threading.Thread(target=receiver.serve)
        thread.start()
        running.append((receiver, thread))
        return receiver

    yield start
    for receiver, thread in running:
        receiver.stop()
        thread.join()
    wait_for(lambda: not any(thread.name.startswith("from ") for thread in threading.enumerate()))


@pytest.fixture
def receiver(listen: Listen, device: Sender) -> Receiver:
    """A receiver that knows the device."""
    return listen()


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[str, str]:
    """A certificate for this machine that signs itself, and its key."""
    files = tmp_path / "certificate.pem", tmp_path / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    named = ["-subj", "/CN=localhost", "-days", "1", "-keyout", str(files[1]), "-out", str(files[0])]
    subprocess.run([*made, *named], check=True, capture_output=True)
    return str(files[0]), str(files[1])


def associated(
    receiver: Receiver,
    calling: str = DEVICE,
    called: str = AE_TITLE,
    classes: Sequence[str] = OWN_CLASSES,
    syntaxes: Sequence[str] = DEFAULT_TRANSFER_SYNTAXES,
) -> Association:
    """An association with the receiver, which may have been refused."""
    entity = AE(ae_title=calling)
    entity.requested_contexts = [build_context(each, list(syntaxes)) for each in classes]
    return associate(entity, "127.0.0.1", receiver.port, ae_title=called)


def send(receiver: Receiver, *instances: FileDataset, calling: str = DEVICE) -> list[int]:
    """Send instances over one association; the status of each."""
    association = associated(
        receiver,
        calling,
        classes=[*dict.fromkeys(str(each.SOPClassUID) for each in instances)],
        syntaxes=[*dict.fromkeys(str(each.file_meta.TransferSyntaxUID) for each in instances)],
    )
    assert association.is_established
    try:
        return [association.send_c_store(each).get("Status", -1) for each in instances]
    finally:
        association.release()


def series(count: int = 5, **elements: Any) -> list[FileDataset]:
    """Instances of one frame each, in their order: a device's Secondary Captures."""
    made = []
    for number, values in enumerate(bscans(count), 1):
        uid = generate_uid(entropy_srcs=[str(elements), str(number)])
        data = dataset(
            values,
            SOPInstanceUID=uid,
            StudyInstanceUID=STUDY,
            SeriesInstanceUID=SERIES,
            InstanceNumber=number,
        )
        data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
        data.file_meta.MediaStorageSOPInstanceUID = uid
        data.PatientID, data.Laterality = "P-17", "R"
        for name, value in elements.items():
            setattr(data, name, value)
        made.append(data)
    return made


def read_all() -> None:
    """Do what the worker does every two seconds, until nothing is left."""
    filing.file_all()
    while reading.read_arrived():
        pass
