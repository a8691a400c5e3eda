"""A real PACS: what was sent in and what goes back stand under one patient and one study there."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pydicom
import pytest

from imaging.dicom.results.instance import Written
from tests.orthanc import Orthanc, needs_orthanc
from tests.volume_files import STUDY
from tests.webapp.conftest import Clients
from tests.webapp.pacs.conftest import (
    HEIGHT,
    PATIENT,
    WIDTH,
    Destinations,
    OnePicture,
    SeveralPictures,
    picture,
    send_all,
    states,
    tomography,
)
from tests.webapp.pacs.test_results import draw
from webapp.accounts.models import User
from webapp.pacs.models import Destination
from webapp.pacs.outgoing import Outgoing, deliver, echo
from webapp.pacs.results import What
from webapp.reviews import reading
from webapp.scans.models import Scan

pytestmark = needs_orthanc
EVERYTHING = What.values
Reach = Callable[[Orthanc], dict[str, Any]]
WAYS: dict[str, Reach] = {
    "C-STORE": lambda orthanc: {"host": "127.0.0.1", "port": orthanc.port, "ae_title": orthanc.aet},
    "STOW-RS": lambda orthanc: {"protocol": "stow", "url": orthanc.dicomweb_url},
}


def send_source(pacs: Destination, content: bytes) -> None:
    """Send the file itself, in the same way as the results."""
    data = pydicom.dcmread(io.BytesIO(content))
    file = Written(content, data.SOPClassUID, data.SOPInstanceUID, data.SeriesInstanceUID, STUDY)
    deliver(pacs, Outgoing("", file))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("source", ["picture", "volume"])
def test_results_stand_beside_their_source(
    way: str,
    source: str,
    orthanc: Orthanc,
    clinician: User,
    dicom_scan: OnePicture,
    dicom_volume: SeveralPictures,
    destination: Destinations,
    api: Clients,
) -> None:
    pacs = destination(sends=EVERYTHING, **WAYS[way](orthanc))
    send_source(pacs, picture() if source == "picture" else tomography())
    assert str(pacs) in echo(pacs)
    scans = [dicom_scan(clinician)] if source == "picture" else dicom_volume(clinician)
    drawn_on = scans[-1]
    draw(api, clinician, drawn_on)
    lead = next(scan for scan in scans if not scan.follows)
    if lead != drawn_on:  # drawings of B-scans that nobody has read are drafts
        reading.record(drawn_on, clinician, "agree")
    reading.record(Scan.objects.get(pk=lead.pk), clinician, "agree")
    send_all(pacs)
    assert states(pacs) == dict.fromkeys(EVERYTHING, "sent")

    (patient,) = orthanc.find("Patient")
    (study,) = orthanc.find("Study")
    assert patient["MainDicomTags"]["PatientID"] == PATIENT
    assert study["MainDicomTags"]["StudyInstanceUID"] == STUDY
    instances = [pydicom.dcmread(io.BytesIO(orthanc.file(one["ID"]))) for one in orthanc.find("Instance")]
    results = [data for data in instances if data.get("Modality") in ("SR", "SEG", "DOC")]
    assert sorted(data.Modality for data in results) == ["DOC", "SEG", "SEG", "SR"]
    assert len(instances) == 5
    (mask,) = [data for data in results if data.get("SegmentationType") == "BINARY"]
    expected = np.zeros((HEIGHT, WIDTH), bool)
    expected[5:13, 4:14] = True
    assert np.array_equal(mask.pixel_array.astype(bool), expected)
