"""Part of `bench dicom`: whether an instance is lost, or there twice, while services are killed."""

from __future__ import annotations

import math
import os
import random
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.dicom import AE_TITLE, CLINIC, OURS, PATIENCE_S, SEED, SENDER, WAIT_S, write_instances

if TYPE_CHECKING:
    from benchmarks.report import Report
    from benchmarks.stack import OwnStack

KILLED = ("receiver", "MongoDB", "worker")
PAUSE_S = 0.5
MOST_INTO_A_SHARE_S = 0.1
PACE_S = 0.005


def survive(report: Report, stack: OwnStack, count: int, kills: int) -> int:
    """Send instances, kill services meanwhile, and count what is missing and what is there twice."""
    from benchmarks.report import Goal
    from operations.stack.folder import read_state

    before = _settled(stack, {}, 0, time.monotonic() + PATIENCE_S)
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
            # Killed in the middle of sending the next share, not when all has long been sent.
            sender.allowed = count * (done + 1) // kills
            time.sleep(chance.uniform(0, MOST_INTO_A_SHARE_S))
            done += _kill(read_state(stack.data), chance.choice(KILLED))
            time.sleep(chance.uniform(PAUSE_S, 3 * PAUSE_S))
        sender.allowed = count
        sender.ends = time.monotonic() + PATIENCE_S
        thread.join(PATIENCE_S)
        mine = {"series_uid": {"$in": sorted(sender.series)}}
        found = _settled(stack, mine, len(sender.stored), time.monotonic() + PATIENCE_S)
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
        self.allowed = 0
        """How many of them may be sent so far."""
        self.ends = math.inf
        """When patience ends; while services are killed it does not."""

    def send_all(self) -> None:
        """Send until all are stored, or patience ends."""
        import pydicom
        from pydicom.uid import ExplicitVRLittleEndian
        from pynetdicom import AE, _config

        from imaging.dicom.associating import associate

        _config.LOG_HANDLER_LEVEL = "none"
        waiting = [pydicom.dcmread(path) for path in self._paths]
        self.series = {str(each.SeriesInstanceUID) for each in waiting}
        entity = AE(ae_title=SENDER)
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 30
        entity.add_requested_context(waiting[0].SOPClassUID, ExplicitVRLittleEndian)
        while waiting and time.monotonic() < self.ends:
            association = associate(entity, "127.0.0.1", self._port, ae_title=self._called)
            while association.is_established and waiting:
                if len(self.stored) >= self.allowed:
                    time.sleep(PACE_S)
                    continue
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


def _settled(stack: OwnStack, which: dict[str, Any], count: int, ends: float) -> _Found:
    """What is in the database once so many instances have their documents and all these arrivals are read."""
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError

    while True:
        try:
            client: MongoClient[dict[str, Any]] = MongoClient(stack.mongodb_uri)
            with client:
                database = client["retinote"]
                instances = list(database["receiver_instance"].find(which, {"sop_uid": 1, "is_read": 1}))
                arrivals = list(database["receiver_arrival"].find(which, {"scan_id": 1}))
                is_done = len(instances) >= count and all(each["is_read"] for each in instances)
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
