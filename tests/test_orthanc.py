"""The PACS that tests send to and receive from."""

import numpy as np

from tests.dicom_files import dataset, written
from tests.orthanc import Orthanc, needs_orthanc

pytestmark = needs_orthanc


def test_keeps_what_it_is_given_to_the_byte(orthanc: Orthanc) -> None:
    content = written(
        dataset(
            np.arange(64, dtype=np.uint8).reshape(8, 8),
            PatientID="P-1",
            StudyInstanceUID="1.2.3",
            SeriesInstanceUID="1.2.3.4",
        )
    )
    assert orthanc.file(orthanc.store(content)) == content
    assert [
        study["MainDicomTags"]["StudyInstanceUID"] for study in orthanc.find("Study", PatientID="P-1")
    ] == ["1.2.3"]
    orthanc.empty()
    assert orthanc.get("patients") == []
