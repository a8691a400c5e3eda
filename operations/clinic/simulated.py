"""The command `clinic-sim`: a clinic on loopback, which shows whether what devices send is read and what comes back."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from operations.errors import OperationsError
from operations.stack import ports
from operations.stack.folder import DataFolder, read_state
from operations.stack.options import ROOT, add_data_option
from operations.stack.ports import free_ports

if TYPE_CHECKING:
    from operations.clinic.peers import Device, Pacs, Visit

PATIENTS = ("SIM-1", "SIM-2", "SIM-3")
DATES = ("20240312", "20250318")
BSCANS = 15
TIMEOUT_S = 300.0
POLL_S = 1.0
FAILED = 1
EYES = {"L": "OS", "R": "OD"}
MODALITIES = {"SR", "SEG", "DOC"}
COMMAND = "clinic_sim"


def add_clinic_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = (
        "Without a running stack one is started, with its receiver, and stays. It enters a sender, a service key and a "
        "destination of results, all named clinic-sim, for the clinic 'Simulated clinic'; nothing leaves this machine."
    )
    add_data_option(parser)
    parser.add_argument(
        "--port",
        type=int,
        default=ports.WEB_PORT,
        help="of the web app of a stack that is started (default: %(default)s; 0: any free one)",
    )
    parser.add_argument(
        "--bscans", type=int, default=BSCANS, help="of each volume (default: %(default)s)", metavar="N"
    )


class _Steps:
    """Prints each step with what came of it."""

    def __init__(self) -> None:
        self.failed = 0

    def __call__(self, what: str, done: bool | None, why: str = "") -> None:
        word = "skipped" if done is None else "ok" if done else "failed"
        self.failed += done is False
        print(f"  {word:8}{what}{f': {why}' if why else ''}", flush=True)


def clinic_sim(arguments: argparse.Namespace) -> int:
    """Play a clinic; 0 if each step was ok, 1 if one failed. Raises OperationsError."""
    from operations.clinic.peers import Device, Pacs, store_by_web

    data = DataFolder(arguments.data_dir)
    state = _stack(data, arguments.port)
    step = _Steps()
    print(f"A clinic on this machine sends to {state['url']}")
    port, worklist_port = free_ports(2)
    pacs = Pacs(port)
    pacs.start()
    try:
        prepared = json.loads(_manage(data, state, "prepare", str(port)))
        device = Device(state["ports"]["dicom"], prepared["ae_title"])
        visits = _visits(step, device, worklist_port, arguments.bscans)
        step("a device asks whether somebody is there (C-ECHO)", device.echo())
        step("a stranger is refused", not device.echo("STRANGER"))
        by_web = visits[-1]
        for visit in visits[:-1]:
            _tell_statuses(step, visit, device.store(visit.instances))
        status = store_by_web(state["url"], prepared["key"], by_web.instances)
        step(f"{_name(by_web)} is sent by DICOMweb", status == 200, "" if status == 200 else f"HTTP {status}")
        again = device.store(visits[0].instances)
        step("the same again is taken, and is one", not any(again))
        found = _read(data, state, visits)
        for visit in visits:
            _tell_reading(step, visit, found.get(visit.study, {}))
        step("no volume is there twice", all(each["volumes"] == 1 for each in found.values()))
        _tell_patients(step, visits, found)
        _results(step, pacs, visits, all(each["origin"] for each in found.values()))
    finally:
        pacs.stop()
    print(f"{step.failed} step(s) failed." if step.failed else "All steps are ok.")
    print(f"The page shows the clinic 'Simulated clinic': {state['url']}; ./retinote down stops the stack.")
    return FAILED if step.failed else 0


def _stack(data: DataFolder, port: int) -> dict[str, Any]:
    """The state of the running stack, or of one that is started. Raises OperationsError for one without a receiver."""
    if not data.is_held():
        print("Starting a stack with its receiver", flush=True)
        options = ["--detach", "--dicom", "--data-dir", str(data.path), "--port", str(port)]
        started = subprocess.run(
            [sys.executable, str(ROOT / "cli.py"), "up", *options],
            cwd=ROOT,
            env={**os.environ, "RETINOTE_DICOM_ORIGIN": "keep"},
            check=False,
        )
        if started.returncode:
            raise OperationsError("The stack did not start.")
    state = read_state(data)
    if "dicom" not in state.get("ports", {}):
        raise OperationsError(
            f"The stack on {data.path} has no receiver. Stop it, and start it with ./retinote up --dicom."
        )
    return state


def _manage(data: DataFolder, state: dict[str, Any], *arguments: str) -> str:
    """The output of the web app's management command. Raises OperationsError."""
    from operations.stack import webapp
    from operations.stack.managing import running_environment

    ran = subprocess.run(
        webapp.django(COMMAND, *arguments),
        env=running_environment(data, state),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise OperationsError((ran.stderr.strip().splitlines() or ["The web app's command failed."])[-1])
    return ran.stdout


def _visits(step: _Steps, device: Device, port: int, bscans: int) -> list[Visit]:
    """Two visits of each of three patients, as the worklist has them, with volumes that the simulator draws.

    Raises OperationsError.
    """
    from operations.clinic.peers import Worklist, drawn_in, eye_of, scheduled, visit_of

    print("Drawing volumes (a minute)", flush=True)
    with tempfile.TemporaryDirectory(prefix="retinote-clinic-") as folder:
        options = ["--volumes", "--out", folder, "--per-class", "1", "--bscans", str(bscans)]
        ran = subprocess.run(
            [sys.executable, str(ROOT / "cli.py"), "data", "simulate", *options],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        files = sorted(Path(folder).rglob("*.zip"))
        if ran.returncode or len(files) < len(PATIENTS) * len(DATES):
            said = (ran.stderr.strip().splitlines() or ["too few volumes"])[-1]
            raise OperationsError(f"The volumes can't be drawn: {said}")
        whose = [(patient, date) for patient in PATIENTS for date in DATES]
        drawn = [drawn_in(file) for file, _ in zip(files, whose, strict=False)]
    worklist = Worklist(port, [scheduled(*each, eye_of(eye)) for each, eye in zip(whose, drawn, strict=True)])
    worklist.start()
    try:
        entries = device.worklist(port)
    finally:
        worklist.stop()
    step("the device asks the worklist who is to come (C-FIND)", len(entries) == len(whose))
    if len(entries) != len(whose):
        raise OperationsError("The simulated worklist did not answer.")
    return [visit_of(each, entry) for each, entry in zip(drawn, entries, strict=True)]


def _name(visit: Visit) -> str:
    return f"the volume of {visit.patient} of {visit.date}"


def _tell_statuses(step: _Steps, visit: Visit, statuses: Sequence[int]) -> None:
    wrong = [f"status {status:04X}" if status >= 0 else "no answer" for status in statuses if status]
    step(f"{_name(visit)} is sent by C-STORE", not wrong, ", ".join(wrong))


def _read(data: DataFolder, state: dict[str, Any], visits: Sequence[Visit]) -> dict[str, dict[str, Any]]:
    """What became of each study, once all are read and answered, or time is up."""
    studies = [visit.study for visit in visits]
    found: dict[str, dict[str, Any]] = {}

    def is_done() -> bool:
        found.update(json.loads(_manage(data, state, "look", *studies)))
        return all(each["reason"] or each["answered"] for each in found.values()) and len(found) == len(
            studies
        )

    _wait_for(is_done)
    return found


def _tell_reading(step: _Steps, visit: Visit, found: dict[str, Any]) -> None:
    if not found:
        step(f"{_name(visit)} is read", False, "nothing of it is there")
        return
    why = found["reason"] or (
        "" if found["answered"] else f"{found['waiting']} B-scan(s) wait for the model server"
    )
    step(f"{_name(visit)} is read, with its en-face image", bool(found["answered"] and found["enface"]), why)


def _tell_patients(step: _Steps, visits: Sequence[Visit], found: dict[str, dict[str, Any]]) -> None:
    """Whether patient and eye are those of the worklist. A reference may be a pseudonym, one for each patient."""
    told = {visit.study: found.get(visit.study, {}) for visit in visits}
    wrong = [visit for visit in visits if told[visit.study].get("eye") != EYES[visit.eye]]
    step("all have the eye that the worklist names", not wrong, ", ".join(map(_name, wrong)))
    references = {(visit.patient, told[visit.study].get("patient")) for visit in visits}
    if not any(reference for _, reference in references):
        step("each patient has a reference", None, "the stack runs with RETINOTE_FILE_IDENTITY=drop")
        return
    is_one_each = len(references) == len({reference for _, reference in references}) == len(PATIENTS)
    step("each patient has one reference, and no two the same", is_one_each)
    visits_of = {each.get("on_line", 0) for each in told.values()}
    step("the visits of each patient stand on one line of time", min(visits_of) >= len(DATES))


def _results(step: _Steps, pacs: Pacs, visits: Sequence[Visit], has_origin: bool) -> None:
    """Whether the PACS has got the results of each study, under the patient who was there."""
    if not has_origin:
        step("results are in the PACS", None, "the stack runs without RETINOTE_DICOM_ORIGIN=keep")
        return
    _wait_for(lambda: all({each.Modality for each in pacs.of(visit.study)} >= MODALITIES for visit in visits))
    for visit in visits:
        came = pacs.of(visit.study)
        kinds = {str(each.Modality) for each in came}
        others = {str(each.PatientID) for each in came} - {visit.patient}
        why = "of another patient" if others else ", ".join(sorted(MODALITIES - kinds)) + " missing"
        good = kinds >= MODALITIES and not others
        step(f"report, heat map and PDF of {_name(visit)} are in the PACS", good, "" if good else why)


def _wait_for(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + TIMEOUT_S
    while not condition() and time.monotonic() < ends:
        time.sleep(POLL_S)
