"""`bench dicom`: instances received a second beside dcmtk's storescp, and whether any is lost while services are killed."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.report import Report
    from benchmarks.stack import OwnStack

AE_TITLE, SENDER, CLINIC = "RETINOTE", "BENCH", "bench"
OURS, THEIRS = "Retinote", "dcmtk's storescp"
SIDE = 64
"""Of a frame, in pixels: small ones show what each instance costs beside its bytes."""
IN_A_SERIES = 50
GOAL = 0.8
SEED = 1
KILLED = ("receiver", "MongoDB", "worker")
PAUSE_S = 0.5
PATIENCE_S = 600.0
WAIT_S = 0.25


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
    from benchmarks.errors import BenchmarkError
    from benchmarks.report import Report
    from benchmarks.stack import own_stack
    from operations.stack.up import manage

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
    from benchmarks.report import Goal

    measured = Measurements()
    with tempfile.TemporaryDirectory(prefix="retinote-bench-") as name:
        folder = Path(name)
        for number in range(rounds):
            for way in WAYS:
                for subject, port in ((THEIRS, None), (OURS, stack.state["ports"]["dicom"])):
                    files = folder / f"{number}-{WAYS.index(way)}-{subject[:3]}"
                    write_instances(files, count, SEED + number * 100 + WAYS.index(way) * 10)
                    with _storescp(folder / "received", way) if port is None else _given(port) as at:
                        took_s = _send(files, at, way)
                    measured.add(subject, way.name, "instances", "1/s", count / took_s)
                    shutil.rmtree(files)
    measured.fill(report)
    for way in WAYS:
        ours = report.find(OURS, way.name, "instances").median
        theirs = report.find(THEIRS, way.name, "instances").median
        report.goals.append(Goal(f"{way.name}: ours / {THEIRS}", ours / theirs, GOAL, at_least=True))
    report.notes.append(
        "storescp answers before anything is flushed to the disk; Retinote answers when file and document are. "
        "storescu is dcmtk's. Without TCP_NODELAY it waits for an acknowledgement between a command and its data set."
    )


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


@contextmanager
def _given(port: int) -> Iterator[int]:
    yield port


@contextmanager
def _storescp(folder: Path, way: Way) -> Iterator[int]:
    """dcmtk's receiver on a free port, which writes into the folder."""
    from operations.processes import GuardedProcess, wait_until
    from operations.stack.ports import free_ports
    from operations.stack.webapp import takes_connections

    (port,) = free_ports(1)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    several = ["--fork"] if way.senders > 1 else []
    process = GuardedProcess.start(
        ["storescp", "-q", *several, "-od", str(folder), str(port)],
        log=folder.with_suffix(".log"),
        environment=dict(os.environ) | way.variables,
    )
    try:
        wait_until(lambda: takes_connections("127.0.0.1", port), process=process, name=THEIRS, timeout_s=30)
        yield port
    finally:
        process.stop()


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


def survive(report: Report, stack: OwnStack, count: int, kills: int) -> int:
    """Send instances, kill services meanwhile, and count what is missing and what is there twice."""
    from benchmarks.report import Goal
    from operations.stack.folder import read_state

    before = _settled(stack, {}, time.monotonic() + PATIENCE_S)
    with tempfile.TemporaryDirectory(prefix="retinote-bench-") as name:
        files = Path(name) / "files"
        write_instances(files, count, SEED + 1_000_000)
        paths = sorted(files.iterdir())
        sender = PatientSender(paths, stack.state["ports"]["dicom"], AE_TITLE)
        began = time.monotonic()
        thread = threading.Thread(target=sender.send_all, daemon=True)
        thread.start()
        chance, done = random.Random(SEED), 0
        while done < kills:
            done += _kill(read_state(stack.data), chance.choice(KILLED))
            time.sleep(chance.uniform(PAUSE_S, 3 * PAUSE_S))
        thread.join(PATIENCE_S)
        mine = {"series_uid": {"$in": sorted(sender.series)}}
        found = _settled(stack, mine, time.monotonic() + PATIENCE_S)
    took_s = time.monotonic() - began
    report.notes.append(
        f"{count} instances with {done} kills of {', '.join(KILLED)}: {sender.again} sent again, "
        f"all stored and read after {took_s:.0f} s."
    )
    problems = {
        "instances not answered": count - len(sender.stored),
        "answered and lost": len(sender.stored - found.instances),
        "B-scans missing": count - found.places,
        # Those of no arrival are scans that a killed worker left and another made anew.
        "B-scans twice": found.scans - before.scans - found.places,
    }
    for what, number in problems.items():
        report.add(OURS, "killed", what, "", [number])
        report.goals.append(Goal(f"killed: {what}", number, 0))
    return sum(map(abs, problems.values()))


def _kill(state: dict[str, Any], name: str) -> bool:
    """Kill a service that is ready; whether it was."""
    for service in state.get("services", []):
        if service["name"] == name and service["pid"] and service["state"] == "ready":
            try:
                os.kill(service["pid"], signal.SIGKILL)
            except ProcessLookupError:
                return False
            return True
    return False


class PatientSender:
    """Sends each file until it is answered with success, over as many associations as that takes."""

    def __init__(self, paths: Sequence[Path], port: int, called: str) -> None:
        self._paths, self._port, self._called = paths, port, called
        self.stored: set[str] = set()
        """The UIDs of instances that were answered with success."""
        self.series: set[str] = set()
        self.again = 0

    def send_all(self) -> None:
        """Send until all are stored, or patience ends."""
        import pydicom
        from pydicom.uid import ExplicitVRLittleEndian
        from pynetdicom import AE, _config

        _config.LOG_HANDLER_LEVEL = "none"
        waiting = [pydicom.dcmread(path) for path in self._paths]
        self.series = {str(each.SeriesInstanceUID) for each in waiting}
        entity = AE(ae_title=SENDER)
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 30
        entity.add_requested_context(waiting[0].SOPClassUID, ExplicitVRLittleEndian)
        ends = time.monotonic() + PATIENCE_S
        while waiting and time.monotonic() < ends:
            association = entity.associate("127.0.0.1", self._port, ae_title=self._called)
            while association.is_established and waiting:
                if not self._is_stored(association.send_c_store, waiting[0]):
                    self.again += 1
                    break
                self.stored.add(str(waiting.pop(0).SOPInstanceUID))
            if association.is_established:
                association.release()
            if waiting:
                time.sleep(WAIT_S)

    @staticmethod
    def _is_stored(send: Callable[[Any], Any], instance: Any) -> bool:
        try:
            return bool(send(instance).get("Status", -1) == 0)
        except (RuntimeError, ValueError, OSError):
            return False


@dataclass(frozen=True)
class _Found:
    instances: set[str]
    places: int
    """B-scans of the volumes that arrivals name, each place once."""
    scans: int
    """All that were received."""


def _settled(stack: OwnStack, which: dict[str, Any], ends: float) -> _Found:
    """What is in the database once all these arrivals are read."""
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError

    while True:
        try:
            client: MongoClient[dict[str, Any]] = MongoClient(stack.mongodb_uri)
            with client:
                database = client["retinote"]
                instances = list(database["receiver_instance"].find(which, {"sop_uid": 1, "is_read": 1}))
                arrivals = list(database["receiver_arrival"].find(which, {"scan_id": 1}))
                is_done = all(each["is_read"] for each in instances)
                if (is_done and all(each["scan_id"] for each in arrivals)) or time.monotonic() > ends:
                    scans = database["scans_scan"]
                    stands = {"_id": {"$in": [each["scan_id"] for each in arrivals]}}
                    volumes = [each["volume_id"] for each in scans.find(stands, {"volume_id": 1})]
                    places = scans.find({"volume_id": {"$in": volumes}}, {"volume_id": 1, "place": 1})
                    return _Found(
                        {str(each["sop_uid"]) for each in instances},
                        len({(each["volume_id"], each["place"]) for each in places}),
                        scans.count_documents({"clinic": CLINIC}),
                    )
        except PyMongoError:
            if time.monotonic() > ends:
                raise
        time.sleep(1.0)
