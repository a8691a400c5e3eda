"""Other receivers of DICOM that `bench dicom` measures beside Retinote: dcmtk's storescp, and Orthanc."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from operations.processes import GuardedProcess, wait_until
from operations.stack.ports import free_ports
from operations.stack.webapp import takes_connections

STORESCP, ORTHANC = "dcmtk's storescp", "Orthanc"
START_TIMEOUT_S = 60.0


def peers() -> list[str]:
    """Those that are installed."""
    return [STORESCP, *([ORTHANC] if shutil.which("Orthanc") else [])]


@contextmanager
def running(peer: str, folder: Path, senders: int, variables: Mapping[str, str]) -> Iterator[int]:
    """A peer that keeps what comes in the folder; the port on which it listens."""
    port, web = free_ports(2)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    if peer == STORESCP:
        several = ["--fork"] if senders > 1 else []
        command = ["storescp", "-q", *several, "-od", str(folder), str(port)]
    else:
        settings = folder / "orthanc.json"
        settings.write_text(json.dumps(_orthanc(folder, port, web)), encoding="utf-8")
        command = ["Orthanc", str(settings)]
    process = GuardedProcess.start(
        command, log=folder.with_suffix(".log"), environment={**os.environ, **variables}
    )
    try:
        wait_until(
            lambda: takes_connections("127.0.0.1", port),
            process=process,
            name=peer,
            timeout_s=START_TIMEOUT_S,
        )
        yield port
    finally:
        process.stop()


def _orthanc(folder: Path, port: int, web: int) -> dict[str, object]:
    return {
        "StorageDirectory": str(folder),
        "IndexDirectory": str(folder),
        "DicomAet": "ORTHANC",
        "DicomPort": port,
        "HttpPort": web,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomAlwaysAllowStore": True,
        "DicomCheckCalledAet": False,
        "SyncStorageArea": True,  # its default: each file is flushed
    }
