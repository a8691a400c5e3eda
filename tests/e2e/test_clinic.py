"""A clinic on this machine: `./retinote clinic-sim` with a stack that it starts, and Orthanc beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.uid import generate_uid

from benchmarks.dicom import CLINIC, SENDER
from benchmarks.dicom_kills import survive
from benchmarks.report import Report
from benchmarks.stack import OwnStack
from operations.stack.folder import DataFolder, read_state
from tests.dicom_files import written
from tests.orthanc import Orthanc, needs_orthanc
from tests.services import free_ports
from tests.stacks import START_TIMEOUT_S, Stack, retinote
from tests.volume_files import bscans, tomography
from tests.waiting import wait_for

pytestmark = pytest.mark.xdist_group("clinic")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The data folder of the stack that the command left running, and what the command printed."""
    data = tmp_path_factory.mktemp("clinic") / "var"
    try:
        ran = retinote(
            "clinic-sim", "--data-dir", data, "--port", "0", "--bscans", "3", timeout_s=START_TIMEOUT_S
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        yield data, ran.stdout
    finally:
        retinote("down", "--data-dir", data)


def test_every_step_of_the_simulated_clinic_is_ok(played: tuple[Path, str]) -> None:
    _, printed = played
    assert "All steps are ok." in printed
    assert printed.count("are in the PACS") == 6
    assert "asks the worklist" in printed
    assert "stand on one line of time" in printed
    assert "skipped" not in printed


def test_nothing_is_lost_or_there_twice_while_services_are_killed(played: tuple[Path, str]) -> None:
    """The same as `bench dicom`, which does it with 1,000 instances and 50 kills."""
    data, _ = played
    state = read_state(DataFolder(data))
    allowed = f"call_command('allow_sender', '{SENDER}', '127.0.0.1', '{CLINIC}')"
    Stack(data, data, int(state["ports"]["web"])).django(
        f"from django.core.management import call_command; {allowed}", ""
    )
    assert survive(Report("Killed"), OwnStack(DataFolder(data), state, state["url"], ""), 60, 4) == 0


@needs_orthanc
def test_orthanc_sends_by_c_store_and_by_stow_rs(played: tuple[Path, str], orthanc: Orthanc) -> None:
    data, _ = played
    state = read_state(DataFolder(data))
    stack = Stack(data, data, int(state["ports"]["web"]))

    def call(*arguments: str) -> str:
        named = ", ".join(map(repr, arguments))
        return stack.django(f"from django.core.management import call_command; call_command({named})", "")

    call("allow_sender", "ORTHANC", "127.0.0.1", "Simulated clinic")
    (port,) = free_ports(1)  # no PACS listens there, so that results wait
    key = json.loads(call("clinic_sim", "prepare", str(port)))["key"]
    studies = {}
    for way in ("C-STORE", "STOW-RS"):
        volume = tomography(bscans(3), StudyInstanceUID=generate_uid(), SeriesInstanceUID=generate_uid())
        studies[way] = str(volume.StudyInstanceUID)
        instance = orthanc.store(written(volume))
        if way == "C-STORE":
            orthanc.send("retinote", "RETINOTE", state["ports"]["dicom"], instance)
        else:
            orthanc.send_by_web(
                "retinote", f"{state['url']}dicomweb/", {"Authorization": f"Bearer {key}"}, instance
            )

    def are_read() -> bool:
        found = json.loads(call("clinic_sim", "look", *studies.values()))
        return [each["answered"] for each in found.values()] == [True, True]

    wait_for(are_read, timeout_s=120, what="reading both volumes")
