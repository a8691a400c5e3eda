"""Does a learning run, step by step. What computes runs in processes of its own; this one watches them.

The state is written after each step and each epoch, so that a run that was killed anywhere is gone on with.
"""

from __future__ import annotations

import csv
import json
import logging
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from pymongo.errors import PyMongoError

from handlers.card import CARD_NAME, CardError, ModelCard
from operations.errors import OperationsError
from operations.learn import processes, tracking
from serving.next_version import next_version
from webapp.core import clock
from webapp.inference.model_server import ModelUnavailable, model_client
from webapp.learning import exporting, run_summary, runs, stages
from webapp.learning.at_work import at_work
from webapp.learning.models import DataSet
from webapp.learning.rules import EXPECTED_ERRORS, Rules
from webapp.learning.run_document import LearningRun, RunState

log = logging.getLogger(__name__)

POLL_S = 1.0
TUNING_NAME, LOG_NAME = "fine-tuning", "run.log"
LEAST_FREE_BYTES = 2**30
"""A run writes simulated scans, reduced scans, checkpoints and reports: some 500 MB for a small network."""
Say = Callable[[str], None]


class StepFailed(Exception):
    """A step can't be done; the message is for people."""


class Stopped(Exception):
    """Somebody stopped the run, or another process has taken it up."""


def drive(run: LearningRun, say: Say = lambda line: None) -> LearningRun:
    """Do what is left of a run that this process has taken up; returns it as it ended. `say` gets lines for people."""
    driver = Driver(run, say)
    try:
        with at_work(run):
            driver.all()
        runs.end(run, RunState.DONE, percent=100, weights_sha256=run.weights_sha256)
    except Stopped:
        runs.end(run, RunState.STOPPED)
    except KeyboardInterrupt:
        runs.end(run, RunState.STOPPED)
        raise
    except (StepFailed, OperationsError, OSError) as error:
        _end_failed(driver, run, str(error))
    driver.track(ended=True)
    return run


def _end_failed(driver: Driver, run: LearningRun, problem: str) -> None:
    """Note that a step has failed; a run that somebody has stopped meanwhile is stopped all the same."""
    try:
        driver.note_failure(problem)
    except Stopped:
        runs.end(run, RunState.STOPPED)
    else:
        runs.end(run, RunState.FAILED, problem=problem)


class Driver:
    """One process's work on a run."""

    def __init__(self, run: LearningRun, say: Say) -> None:
        self._run, self._say = run, say
        self._folder = runs.folder_of(run)
        self._tuning = self._folder / TUNING_NAME
        self._log = self._folder / LOG_NAME
        self._step = ""

    def all(self) -> None:
        """Every step that is left."""
        self._prepare()
        base = self._base()
        with self._doing("export") as due:
            if due:
                self._export()
        self._fine_tune(base)
        card = self._card()
        with self._doing("import") as due:
            if due:
                self._wait(processes.importing(self._tuning / processes.MODEL_NAME, settings.DATA_DIR))
                self._note(note=f"{card.name} {card.version} is in the model store")
        with self._doing("gate") as due:
            if due:
                self._judge(card)

    def note_failure(self, text: str) -> None:
        """Note that the present step has failed."""
        if self._step:
            self._go_on(steps=stages.noted(self._run.steps, self._step, state=stages.FAILED, note=text))

    def track(self, ended: bool = False) -> None:
        """Tell MLflow what is new, where it is set up; that it is away is noted, and stops nothing."""
        told = tracking.track(self._told(ended), self._run.tracking)
        if told != self._run.tracking:
            if problem := told.get("problem"):
                self._say(problem)
            LearningRun.objects.filter(pk=self._run.pk).update(tracking=told)
            self._run.tracking = told

    def _prepare(self) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            free = shutil.disk_usage(self._folder).free
        except OSError as error:
            raise StepFailed(
                f"The folder {self._folder} can't be written to ({error.strerror}). Let this account write there, "
                "then ./retinote learn run --resume."
            ) from error
        if free < LEAST_FREE_BYTES:
            raise StepFailed(
                f"The disk of {self._folder} has {free // 2**20} MB free, and a run needs {LEAST_FREE_BYTES // 2**20}. "
                "Free some, then ./retinote learn run --resume."
            )

    def _base(self) -> Path:
        """The folder of the version to start from: the one that answered when the run began."""
        run = self._run
        if not run.from_version:
            try:
                card = model_client(run.model_name).card()
            except ModelUnavailable as error:
                raise StepFailed(f"The version that answers is not known: {error}") from error
            taken = {*processes.versions(settings.DATA_DIR, card.name), card.version}
            self._go_on(
                from_version=card.version,
                from_weights_sha256=card.weights_sha256,
                version=next_version(card.version, taken),
            )
        folder = processes.holder(settings.DATA_DIR, run.model_name, run.from_version)
        try:
            weights = ModelCard.load(folder / CARD_NAME).weights_sha256
        except CardError as error:
            raise StepFailed(str(error)) from error
        if weights != run.from_weights_sha256:
            raise StepFailed(
                f"{folder} holds other weights than the {run.model_name} {run.from_version} that answers: "
                "bring the model store and the model server into step first."
            )
        return folder

    def _export(self) -> None:
        if self._run.data_set_id is None:
            try:
                made = exporting.export(Rules.given(self._run.model_name), self._run.asked_by)
            except EXPECTED_ERRORS as error:
                raise StepFailed(str(error)) from error
            self._run.data_set = made
            self._go_on(data_set=made)
        data_set = self._data_set()
        if not exporting.folder_of(data_set).is_dir():
            raise StepFailed(
                f"The files of data set {data_set.number} are not in {exporting.folder_of(data_set)} any more; begin a run "
                "without --data-set."
            )
        scans = data_set.counts.get("scans", 0)
        self._note(note=f"data set {data_set.number} with {scans} scans, sha256 {data_set.sha256[:12]}")

    def _fine_tune(self, base: Path) -> None:
        if all(stages.is_done(self._run.steps, name) for name in stages.FINE_TUNING):
            return
        options = self._run.options
        command = processes.fine_tuning(
            base=base,
            data_set=exporting.folder_of(self._data_set()),
            replay=[Path(folder) for folder in options.get("replay", [])],
            out=self._tuning,
            version=self._run.version,
            seed=options.get("seed", 0),
            threads=processes.threads(settings.LEARN_THREADS),
            processes=settings.LEARN_PROCESSES,
            run=self._run.name,
            more=options.get("more", []),
        )
        self._step = "simulate"
        self._wait(command, self._read_progress)
        self._read_progress()
        self._step = ""
        self._go_on(weights_sha256=self._card().weights_sha256)

    def _read_progress(self) -> None:
        """Bring the document into step with what the trainer wrote."""
        try:
            progress = json.loads((self._tuning / "progress.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return  # not there yet
        steps = stages.with_progress(self._run.steps, progress)
        self._step = next((s["name"] for s in steps if s["state"] == stages.RUNNING), self._step)
        epochs = read_epochs(self._tuning)
        if steps == self._run.steps and epochs == self._run.epochs:
            return
        steps_before, epochs_before = self._run.steps, len(self._run.epochs)
        self._go_on(steps=steps, epochs=epochs, percent=stages.percent(steps, progress.get("epochs")))
        for step, before in zip(steps, steps_before, strict=True):
            if step["state"] != before["state"]:
                self._say(f"{step['name']}: {step.get('left_out') or step.get('note') or step['state']}")
        for epoch in epochs[epochs_before:]:
            self._say(
                f"epoch {epoch['number']:.0f}: macro F1 {epoch['validation_macro_f1']:.3f} on validation scans"
            )
        self.track()

    def _judge(self, card: ModelCard) -> None:
        run = self._run
        folder = processes.gate_folder(settings.DATA_DIR, card.name, card.version)
        status = self._wait(
            processes.gate(card.name, card.version, run.from_version, settings.DATA_DIR),
            allowed=(processes.GATE_PASSED, processes.GATE_REFUSED),
        )
        found = processes.read_gate(folder)
        if not found:
            raise StepFailed(f"The gate ended without a result in {folder}; {self._log} may say why.")
        passed = status == processes.GATE_PASSED and bool(found.get("passed"))
        self._go_on(gate={**run_summary.gate_summary(found), "passed": passed, "folder": str(folder)})
        word = "passed" if passed else "not passed"
        self._note(note=f"{word}: {card.name} {card.version} against {run.from_version}")

    def _card(self) -> ModelCard:
        try:
            return ModelCard.load(self._tuning / processes.MODEL_NAME / CARD_NAME)
        except CardError as error:
            raise StepFailed(str(error)) from error

    def _data_set(self) -> DataSet:
        assert self._run.data_set is not None
        return self._run.data_set

    @contextmanager
    def _doing(self, name: str) -> Iterator[bool]:
        """Note a step as running and, at the end of the block, as done; yields False for one that is behind."""
        if stages.is_done(self._run.steps, name):
            yield False
            return
        self._step = name
        self._note(state=stages.RUNNING, started=time.time())
        yield True
        self._note(state=stages.DONE, ended=time.time())
        step = next(step for step in self._run.steps if step["name"] == name)
        self._say(f"{name}: {step.get('note') or 'done'}")
        self._step = ""
        self.track()

    def _note(self, **facts: Any) -> None:
        steps = stages.noted(self._run.steps, self._step, **facts)
        self._go_on(steps=steps, percent=stages.percent(steps))

    def _go_on(self, **facts: Any) -> None:
        if not runs.go_on(self._run, **facts):
            raise Stopped

    def _wait(
        self,
        command: list[str],
        meanwhile: Callable[[], None] = lambda: None,
        allowed: tuple[int, ...] = (0,),
    ) -> int:
        """Run a command to its end. Raises StepFailed with its last words, Stopped when the run is to stop."""
        process = processes.start(command, self._log, processes.threads(settings.LEARN_THREADS))
        try:
            while (status := process.exit_status()) is None:
                time.sleep(POLL_S)
                try:
                    self._go_on()
                    meanwhile()
                except (DatabaseError, PyMongoError) as error:
                    # What computes goes on: nobody else can take the run up while the database is away.
                    log.warning("the run %s can't be noted (%s)", self._run.name, type(error).__name__)
        finally:
            process.stop()
        if status not in allowed:
            meanwhile()
            raise StepFailed(processes.last_words(self._log))
        return status

    def _told(self, ended: bool) -> tracking.Tracked:
        run = self._run
        made = self._tuning / processes.MODEL_NAME
        return tracking.Tracked(
            name=run.name,
            model=run.model_name,
            version=run.version,
            champion=run.from_version,
            state=run.state,
            ended=ended,
            parameters={
                "model": run.model_name,
                "from_version": run.from_version,
                "from_weights_sha256": run.from_weights_sha256,
                "data_set": run.data_set.number if run.data_set else "",
                "data_set_sha256": run.data_set.sha256 if run.data_set else "",
                "reason": run.reason,
                **{key: str(value) for key, value in run.options.items()},
            },
            epochs=run.epochs,
            figures=run_summary.tracked_figures(run.steps),
            tags={"weights_sha256": run.weights_sha256, "gate": str(run.gate.get("passed", "not judged"))},
            files=[made, self._tuning / "report", self._tuning / "explanations"],
            gate=Path(run.gate["folder"]) if run.gate.get("folder") else None,
            moment=clock.now().timestamp(),
        )


def read_epochs(tuning: Path) -> list[dict[str, float]]:
    """The metrics of each epoch that the trainer has finished."""
    try:
        with (tuning / "training" / "epochs.csv").open(newline="", encoding="utf-8") as lines:
            return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(lines)]
    except (OSError, ValueError, TypeError):
        return []
