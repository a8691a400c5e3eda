"""`bench dicom`: instances received a second beside dcmtk and Orthanc, and whether any is lost while services are killed."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.report import Report
    from benchmarks.stack import OwnStack

AE_TITLE, SENDER, CLINIC = "RETINOTE", "BENCH", "bench"
OURS = "Retinote"
SIDE = 64
"""Of a frame, in pixels: small ones show what each instance costs beside its bytes."""
IN_A_SERIES = 50
GOAL = 0.8
SEED = 1
PATIENCE_S = 600.0
WAIT_S = 0.25


FLUSHES = 200
"""By which it is measured what the disk takes."""


@dataclass(frozen=True)
class Way:
    """How instances are sent: the name of the condition, how many senders, and variables for dcmtk."""

    name: str
    senders: int
    variables: dict[str, str]


WAYS = (
    Way("one sender", 1, {}),
    Way("one sender, TCP_NODELAY", 1, {"TCP_NODELAY": "1"}),
    Way("four senders, TCP_NODELAY", 4, {"TCP_NODELAY": "1"}),
)


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--instances", type=int, default=1000, help="of each run (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=2, help="runs of each kind (default: %(default)s)")
    parser.add_argument(
        "--kills", type=int, default=50, help="while the last run goes on (default: %(default)s)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Measure, print, and write dicom.json; returns 1 where an instance was lost or is there twice. Raises BenchmarkError."""
    from benchmarks.dicom_kills import survive
    from benchmarks.errors import BenchmarkError
    from benchmarks.report import Report
    from benchmarks.stack import own_stack
    from operations.stack.managing import manage

    if not (shutil.which("storescu") and shutil.which("storescp")):
        raise BenchmarkError("dcmtk is needed (Debian: dcmtk).")
    report = Report("Receiving DICOM")
    with own_stack(lambda _: _nothing(), "--dicom", "--dicom-port", "0", compiled=False) as stack:
        manage(stack.data, stack.state, ["allow_sender", SENDER, "127.0.0.1", CLINIC])
        if arguments.rounds:
            _speed(report, stack, arguments.instances, arguments.rounds)
        lost = survive(report, stack, arguments.instances, arguments.kills) if arguments.kills else 0
    print(report.text())
    report.save(arguments.out / "dicom.json")
    return 1 if lost else 0


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def _speed(report: Report, stack: OwnStack, count: int, rounds: int) -> None:
    from benchmarks.cells import Measurements
    from benchmarks.dicom_peers import STORESCP, peers, running
    from benchmarks.report import Goal

    measured = Measurements()
    with tempfile.TemporaryDirectory(prefix="retinote-bench-", dir=stack.data.path) as name:
        folder = Path(name)
        for number in range(rounds):
            for at, way in enumerate(WAYS):
                files = folder / f"{number}-{at}"
                write_instances(files, count, SEED + number * 100 + at * 10)
                measured.add("the disk", way.name, "flushes one after another", "1/s", _flushes(folder))
                for peer in peers():
                    with running(peer, folder / "received", way.senders, way.variables) as port:
                        measured.add(peer, way.name, "instances", "1/s", count / _send(files, port, way))
                began = time.perf_counter()
                took_s = _send(files, stack.state["ports"]["dicom"], way)
                measured.add(OURS, way.name, "instances", "1/s", count / took_s)
                _await_documents(stack, files, count)
                whole_s = time.perf_counter() - began
                measured.add(OURS, way.name, "instances with their documents", "1/s", count / whole_s)
                shutil.rmtree(files)
    measured.fill(report)
    for way in WAYS:
        ours = report.find(OURS, way.name, "instances").median
        for peer in peers():
            theirs = report.find(peer, way.name, "instances").median
            report.goals.append(Goal(f"{way.name}: ours / {peer}", ours / theirs, GOAL, at_least=True))
    report.notes.append(
        f"{STORESCP} answers before anything is flushed to the disk, Orthanc once the file is flushed, Retinote once what is "
        "filed from is flushed; documents follow within seconds. storescu is dcmtk's. Without TCP_NODELAY it waits for an "
        "acknowledgement between a command and its data set."
    )


def _flushes(folder: Path) -> float:
    """How often a second 5 kB can be appended to a file and flushed: what one sender's answers can't exceed."""
    content = os.urandom(5000)
    with (folder / "flushed").open("wb", buffering=0) as file:
        began = time.perf_counter()
        for _ in range(FLUSHES):
            file.write(content)
            os.fdatasync(file.fileno())
        took_s = time.perf_counter() - began
    return FLUSHES / took_s


def _await_documents(stack: OwnStack, files: Path, count: int) -> None:
    """Return once each of the instances has its document. Raises BenchmarkError."""
    import pydicom
    from pymongo import MongoClient

    from benchmarks.errors import BenchmarkError

    uids = [
        str(pydicom.dcmread(path, specific_tags=["SOPInstanceUID"]).SOPInstanceUID)
        for path in sorted(files.iterdir())
    ]
    ends = time.monotonic() + PATIENCE_S
    client: MongoClient[dict[str, Any]] = MongoClient(stack.mongodb_uri)
    with client:
        instances = client["retinote"]["receiver_instance"]
        while instances.count_documents({"sop_uid": {"$in": uids}}) < count:
            if time.monotonic() > ends:
                raise BenchmarkError("Instances that were answered have no documents.")
            time.sleep(WAIT_S)


def write_instances(folder: Path, count: int, seed: int) -> None:
    """Write small Secondary Captures, in series of `IN_A_SERIES`; the same seed gives the same instances."""
    import numpy as np
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

    folder.mkdir(parents=True)
    chance = np.random.default_rng(seed)

    def uid(*parts: object) -> str:
        return str(generate_uid(entropy_srcs=[str(seed), *map(str, parts)]))

    for number in range(count):
        data, meta = Dataset(), FileMetaDataset()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.SOPClassUID = meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
        data.SOPInstanceUID = meta.MediaStorageSOPInstanceUID = UID(uid("instance", number))
        data.StudyInstanceUID = uid("study", number // IN_A_SERIES)
        data.SeriesInstanceUID = uid("series", number // IN_A_SERIES)
        data.PatientID, data.Modality = f"BENCH-{number // IN_A_SERIES}", "OPT"
        data.InstanceNumber = number % IN_A_SERIES + 1
        data.Rows = data.Columns = SIDE
        data.BitsAllocated = data.BitsStored = 8
        data.HighBit, data.PixelRepresentation, data.SamplesPerPixel = 7, 0, 1
        data.PhotometricInterpretation = "MONOCHROME2"
        data.PixelData = chance.integers(0, 255, SIDE * SIDE, dtype=np.uint8).tobytes()
        data.file_meta = meta
        data.save_as(folder / f"{number:05}.dcm", enforce_file_format=True)


def _send(files: Path, port: int, way: Way) -> float:
    """Send all files by dcmtk's storescu; the seconds that it took. Raises BenchmarkError."""
    from benchmarks.errors import BenchmarkError

    shares = [sorted(files.iterdir())[number :: way.senders] for number in range(way.senders)]
    began = time.perf_counter()
    sending = [
        # Found by PATH, as its place differs between systems.
        subprocess.Popen(  # nosec B607
            ["storescu", "-q", "-aet", SENDER, "-aec", AE_TITLE, "127.0.0.1", str(port), *map(str, share)],
            env=dict(os.environ) | way.variables,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for share in shares
    ]
    said = [each.communicate()[1] for each in sending]
    took_s = time.perf_counter() - began
    if any(each.returncode for each in sending):
        raise BenchmarkError(f"storescu failed: {b' '.join(said).decode(errors='replace')[:300]}")
    return took_s
