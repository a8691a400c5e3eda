"""A real PACS for tests: Orthanc with its DICOMweb, on free ports of this machine, one for each process of a run.

What uses the fixture `orthanc` is marked `needs_orthanc`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from operations.processes import GuardedProcess, wait_until
from tests.services import free_ports

PLUGINS = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
PROGRAM = shutil.which("Orthanc") or ""
START_TIMEOUT_S = 60
ANSWER_TIMEOUT_S = 30
needs_orthanc = pytest.mark.skipif(
    not (PROGRAM and PLUGINS.exists()), reason="needs Orthanc (Debian: orthanc, orthanc-dicomweb)"
)


@dataclass(frozen=True)
class Orthanc:
    """A running Orthanc, which takes whatever comes and calls by its own title `aet`."""

    port: int
    """Of DICOM, on 127.0.0.1."""
    url: str
    """Of its own REST API."""
    aet: str = "ORTHANC"

    @property
    def dicomweb_url(self) -> str:
        """Where STOW-RS, WADO-RS and QIDO-RS are."""
        return f"{self.url}/dicom-web"

    def get(self, path: str) -> Any:
        """The JSON at a path of its REST API."""
        return self._answer("GET", path).json()

    def file(self, instance: str) -> bytes:
        """An instance's file, by Orthanc's own id."""
        return self._answer("GET", f"instances/{instance}/file").content

    def store(self, content: bytes) -> str:
        """Give it a file; Orthanc's id of the instance."""
        return str(self._answer("POST", "instances", data=content).json()["ID"])

    def find(self, level: str, **query: str) -> list[dict[str, Any]]:
        """What it has of a level ("Patient", "Study", "Series", "Instance") with these attributes."""
        wanted = {"Level": level, "Query": query, "Expand": True}
        return list(self._answer("POST", "tools/find", json=wanted).json())

    def send(self, name: str, aet: str, port: int, *resources: str) -> Any:
        """Send patients, studies, series or instances by C-STORE to a receiver on this machine, known to it as `name`."""
        self._answer("PUT", f"modalities/{name}", json={"AET": aet, "Host": "127.0.0.1", "Port": port})
        return self._answer("POST", f"modalities/{name}/store", json=list(resources)).json()

    def send_by_web(self, name: str, url: str, headers: Mapping[str, str], *resources: str) -> Any:
        """Send the same by STOW-RS to a server at `url`, known to it as `name`."""
        self._answer("PUT", f"dicom-web/servers/{name}", json={"Url": url, "HttpHeaders": dict(headers)})
        wanted = {"Resources": list(resources), "Synchronous": True}
        return self._answer("POST", f"dicom-web/servers/{name}/stow", json=wanted).json()

    def empty(self) -> None:
        """Remove all that it keeps."""
        for patient in self.get("patients"):
            self._answer("DELETE", f"patients/{patient}")

    def _answer(self, method: str, path: str, **sent: Any) -> requests.Response:
        answer = requests.request(method, f"{self.url}/{path}", timeout=ANSWER_TIMEOUT_S, **sent)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer


def _is_ready(orthanc: Orthanc) -> bool:
    try:
        return requests.get(f"{orthanc.url}/system", timeout=ANSWER_TIMEOUT_S).ok
    except requests.ConnectionError:
        return False


@pytest.fixture(scope="session")
def running_orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    """An Orthanc for all tests of this process."""
    folder = tmp_path_factory.mktemp("orthanc")
    port, web = free_ports(2)
    made = Orthanc(port, f"http://127.0.0.1:{web}")
    settings = folder / "orthanc.json"
    settings.write_text(
        json.dumps(
            {
                "Name": "Retinote's tests",
                "StorageDirectory": str(folder),
                "IndexDirectory": str(folder),
                "Plugins": [str(PLUGINS)],
                "DicomAet": made.aet,
                "DicomPort": port,
                "HttpPort": web,
                "RemoteAccessAllowed": False,
                "AuthenticationEnabled": False,
                "OverwriteInstances": False,
                "DicomAlwaysAllowStore": True,
                "DicomAlwaysAllowEcho": True,
                "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
            }
        )
    )
    process = GuardedProcess.start([PROGRAM, str(settings)], log=folder / "orthanc.log", folder=folder)
    try:
        wait_until(lambda: _is_ready(made), process=process, name="Orthanc", timeout_s=START_TIMEOUT_S)
        yield made
    finally:
        process.stop()


@pytest.fixture
def orthanc(running_orthanc: Orthanc) -> Iterator[Orthanc]:
    """An Orthanc that keeps nothing yet."""
    running_orthanc.empty()
    yield running_orthanc
