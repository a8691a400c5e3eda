"""`./retinote models gate`: has a version compared with the one that answers, and its stored scans replayed."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from operations.errors import OperationsError
from operations.stack.folder import DataFolder, make_private, running_state
from operations.stack.stores import registry_of
from operations.unread import check, running
from serving import changes
from serving.gates import GATE_NAME, read_gate
from serving.registry import default_versions
from serving.shared.store import SharedStores
from serving.stores import ModelStores

ROOT = Path(__file__).resolve().parents[2]
PASSED, NOT_PASSED, FAILED = 0, 1, 2
NO_STACK = "No stack runs on the data folder, so that the scans stored there can't be replayed; start it and compare again."


def add_gate_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `models gate`."""
    parser.add_argument(
        "--against", metavar="VERSION", help="the version to compare with (default: the one that answers)"
    )
    parser.add_argument(
        "--data",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="labelled scans to compare on, too; may be given several times",
    )


def add_override_option(parser: argparse.ArgumentParser) -> None:
    """Declare the option by which `models promote` does without a gate."""
    parser.add_argument(
        "--override",
        default="",
        metavar="REASON",
        help="promote without a passed gate; the reason is kept in the audit and shown with the version",
    )


def make_gate(data: DataFolder, stores: ModelStores, arguments: argparse.Namespace) -> int:
    """Compare, and write the gate. Returns 0 if it is passed, 1 if not, 2 if a step has failed and said why.

    Raises OperationsError if there is no version to compare with.
    """
    if not (ROOT / "training").is_dir():
        raise OperationsError(
            "Versions can't be compared here, as the code that trains and measures models is left out, as in the model "
            "server's image. Compare them where it is, and promote with --override, naming that gate."
        )
    name, candidate = arguments.name, arguments.version
    champion = arguments.against or _champion(data, stores, name)
    if champion == candidate:
        raise OperationsError(
            f"{name} {candidate} answers by default already; there is nothing to compare it with. Name another version "
            "with --against."
        )
    ours, theirs = (_folder(stores, name, version) for version in (candidate, champion))
    make_private(data.torchserve)
    make_private(data.gates)
    with tempfile.TemporaryDirectory(prefix=".gate-", dir=data.gates) as work:
        out = data.gates / name / candidate
        status = _compare(data, Path(work), ours, theirs, [path.absolute() for path in arguments.data], out)
    if status not in (PASSED, NOT_PASSED):
        return status
    gate = read_gate(out / GATE_NAME)
    if isinstance(stores, SharedStores):
        stores.put_beside(name, candidate, out / GATE_NAME)  # for whoever promotes it elsewhere
    elif ours.is_relative_to(data.model_store):
        shutil.copyfile(out / GATE_NAME, ours / f".{GATE_NAME}.partial")
        (ours / f".{GATE_NAME}.partial").replace(ours / GATE_NAME)
    choice = registry_of(data, stores).choice(name)
    changes.note(
        data.changes,
        "gate",
        name,
        candidate,
        weights_sha256=gate.candidate["weights_sha256"],
        before=choice,
        after=choice,
        gate=gate.sha256,
    )
    if gate.passed:
        print(f"To have it answer by default: ./retinote models promote {name} {candidate}")
    return status


def _champion(data: DataFolder, stores: ModelStores, name: str) -> str:
    registry = registry_of(data, stores)
    # Only a folder of this installation has a version that would answer without having been promoted.
    shared = isinstance(stores, SharedStores)
    champion = registry.choice(name).default if shared else default_versions(stores, registry).get(name)
    champion = champion or registry.choice(name).retired
    if champion is None:
        raise OperationsError(
            f"No version of {name} answers by default, so that there is nothing to compare with; the first one is promoted "
            "without a gate. Name a version with --against to compare all the same."
        )
    return champion


def _folder(stores: ModelStores, name: str, version: str) -> Path:
    """The folder of a version that can be served. Raises OperationsError."""
    folder, problem = stores.holder(name, version), stores.problem(name, version)
    if folder is None or problem:
        raise OperationsError(str(problem))
    return folder.absolute()


def _compare(data: DataFolder, work: Path, ours: Path, theirs: Path, given: list[Path], out: Path) -> int:
    """Run the steps; returns the status of the gate, or FAILED."""
    stored, answers, replay = work / "stored.jsonl", work / "answers.jsonl", work / "replay.json"
    measured, why_not = work / "measured.json", NO_STACK
    try:
        state = running_state(data)
    except OperationsError:
        state = None
    listing = ["stored_scans", "--model", ours.parent.name, "--out", str(stored)]
    if state and not _web_app(data, state, listing):
        state, why_not = None, "The web app could not list its scans; its log says why."
    words = ["--candidate", str(ours), "--champion", str(theirs), "--measured", str(measured)]
    words += ["--learning", str(data.learning)]
    words += ["--data", *map(str, given)] if given else []
    words += ["--stored", str(stored), "--answers", str(answers)] if state else []
    if _step("measure", words) != PASSED:
        return FAILED
    if state:
        told = ["replay_answers", "--answers", str(answers), "--folder", str(ours), "--out", str(replay)]
        if not _web_app(data, state, told):
            state, why_not = (
                None,
                "The web app could not say what would follow for its scans; its log says why.",
            )
    # An earlier gate must not be taken for one that could not be written.
    (out / GATE_NAME).unlink(missing_ok=True)
    words = ["--measured", str(measured), "--out", str(out)]
    status = _step("conclude", [*words, *(["--replay", str(replay)] if state else ["--why-not", why_not])])
    return status if (out / GATE_NAME).is_file() else FAILED


def _step(step: str, words: list[str]) -> int:
    """Run a step of `training.gate`, which prints what is wrong; returns its status."""
    command = running("training.gate", step, *words)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return check(subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode)


def _web_app(data: DataFolder, state: dict[str, object], words: list[str]) -> bool:
    """Run a management command of the web app; returns whether it succeeded."""
    from operations.stack.managing import manage

    return manage(data, state, words) == 0
