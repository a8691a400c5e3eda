"""Learning runs: asked for, taken up by one process, heard of, stopped and gone on with. One at a time."""

from __future__ import annotations

import os
import socket
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import IntegrityError
from django.db.models import Q

from webapp.accounts.models import User
from webapp.audit.models import Action
from webapp.audit.recording import acting, record
from webapp.core import clock, modalities
from webapp.learning import stages
from webapp.learning.models import DataSet
from webapp.learning.run_document import RESUMABLE, SILENT_S, LearningRun, RunState
from webapp.mongodb.transactions import all_or_nothing
from webapp.scans.final import By
from webapp.scans.models import Scan

KIND = "learning_run"
MOST_SEED = 4000
BY_HAND = "by hand"


class RunRefused(Exception):
    """A run can't be begun, gone on with or stopped; the message says why, and what to do."""


def folder_of(run: LearningRun) -> Path:
    """The folder with a run's files."""
    return Path(settings.LEARNING_DIR) / "runs" / run.name


def open_run() -> LearningRun | None:
    """The run that holds the trainer, if any."""
    return LearningRun.objects.filter(is_open=True).first()


def newest() -> LearningRun | None:
    """The run that was asked for last, if any."""
    return LearningRun.objects.order_by("-asked_at", "-pk").first()


def ask(
    reason: str = BY_HAND,
    by: User | None = None,
    *,
    data_set: int | None = None,
    replay: list[str] | None = None,
    seed: int = 0,
    model: str = "",
) -> LearningRun:
    """Ask for a run, with a record. A trainer takes it up. Raises RunRefused, also while another one is open.

    `model` is the name of the one that learns; without it, that of the data set, or of the default modality.
    """
    if not 0 <= seed <= MOST_SEED:
        raise RunRefused(f"The seed must be from 0 to {MOST_SEED}, not {seed}.")
    chosen = _data_set(data_set, model)
    model = _checked(model or (chosen.model_name if chosen else ""))
    folders = [str(Path(folder).absolute()) for folder in (replay or _replayed_by(model))]
    for folder in folders:
        if not Path(folder).exists():
            raise RunRefused(f"There is no {folder} to replay: name a manifest, or a folder with one.")
    run = LearningRun(
        model_name=model,
        data_set=chosen,
        options={"seed": seed, "replay": folders, "verified": verified_scans(model)},
        reason=reason[:200],
        asked_by=by,
        steps=stages.waiting(),
    )
    return _begun(run, Action.LEARNING_START)


def resume(by: User | None = None) -> LearningRun:
    """Go on with the newest run that was interrupted, stopped or has failed. Raises RunRefused."""
    run = open_run()
    if run is not None and not end_abandoned(run):
        if run.state == RunState.WAITING or run.is_silent:
            return run
        raise RunRefused(_busy(run))
    run = newest()
    if run is None or run.state not in RESUMABLE:
        raise RunRefused("No learning run was stopped or has failed: there is none to go on with.")
    run.state, run.is_open, run.problem, run.ended_at = RunState.WAITING, True, "", None
    return _begun(run, Action.LEARNING_RESUME)


def stop(by: User | None = None, name: str = "") -> LearningRun:
    """Stop the open run, with a record; what it has done is kept.

    With a `name` it is stopped only if it is the one of that name: by the time that somebody asks, another one may be
    open. Raises RunRefused when none is open, or another one.
    """
    run = open_run()
    if run is None:
        raise RunRefused("No learning run is open: there is nothing to stop.")
    if name and run.name != name:
        raise RunRefused(f"The learning run {name} is not open, but {run.name} is. Nothing was stopped.")
    at_work = run.state in (RunState.RUNNING, RunState.STOPPING) and not run.is_silent

    def write() -> None:
        if at_work:
            LearningRun.objects.filter(pk=run.pk, state=RunState.RUNNING).update(state=RunState.STOPPING)
        else:
            LearningRun.objects.filter(pk=run.pk, is_open=True).update(
                state=RunState.STOPPED, is_open=False, ended_at=clock.now()
            )
        record(Action.LEARNING_STOP, acting(), KIND, object_id=run.pk)

    all_or_nothing(write)
    run.refresh_from_db()
    return run


def take_up(run: LearningRun) -> bool:
    """Take the run up in this process; False if another one was quicker, or it is no longer waiting."""
    long_ago = clock.now() - timedelta(seconds=SILENT_S)
    silent = Q(state=RunState.RUNNING) & (Q(heard_at__lt=long_ago) | Q(heard_at=None))
    taken = LearningRun.objects.filter(
        Q(pk=run.pk, is_open=True) & (Q(state=RunState.WAITING) | silent)
    ).update(state=RunState.RUNNING, worker=this_process(), heard_at=clock.now(), problem="")
    run.refresh_from_db()
    if taken and run.started_at is None:
        run.started_at = clock.now()
        run.save(update_fields=["started_at"])
    return bool(taken)


def end_abandoned(run: LearningRun) -> bool:
    """End a run that was to stop, with a record, if its process has ended without a word; returns whether it has."""
    if run.state != RunState.STOPPING or not run.is_silent:
        return False
    _end(run, Q(state=RunState.STOPPING, heard_at=run.heard_at), RunState.STOPPED)
    return not run.is_open


def go_on(run: LearningRun, **facts: Any) -> bool:
    """Say that this process is at work on the run, with new facts; False when it is to stop, or another has it."""
    for name, value in facts.items():
        setattr(run, name, value)
    kept = LearningRun.objects.filter(pk=run.pk, worker=this_process(), state=RunState.RUNNING).update(
        heard_at=clock.now(), **facts
    )
    return bool(kept)


def end(run: LearningRun, state: RunState, **facts: Any) -> None:
    """Note how the run ended, with a record; nothing if another process has it."""
    _end(run, Q(worker=this_process(), is_open=True), state, **facts)


def _end(run: LearningRun, still: Q, state: RunState, **facts: Any) -> None:
    """Note, if the run is `still` as it was, that it has ended in this state, with a record."""

    def write() -> None:
        ended = LearningRun.objects.filter(still, pk=run.pk).update(
            state=state, is_open=False, ended_at=clock.now(), **facts
        )
        if ended:
            record(
                Action.LEARNING_END,
                acting(),
                KIND,
                object_id=run.pk,
                asked=f"{state}"[:500],
                weights_sha256=facts.get("weights_sha256", run.weights_sha256),
            )

    all_or_nothing(write)
    run.refresh_from_db()


def verified_scans(model: str) -> int:
    """How many scans have a label that a model may learn from, as it leads now."""
    enough = Q(final_reading__by=By.ADJUDICATOR.value)
    if settings.VERIFYING_READERS:
        enough |= Q(
            final_reading__by=By.READERS.value, final_reading__independent__gte=settings.VERIFYING_READERS
        )
    return Scan.objects.filter(enough, model_name=model).count()


def this_process() -> str:
    """A name of this process, on this machine."""
    return f"{socket.gethostname()}:{os.getpid()}"


def _checked(model: str) -> str:
    """The name of a model that answers here, the default modality's without one. Raises RunRefused."""
    answering = modalities.models()
    if model and model not in answering:
        raise RunRefused(f"{model} is the model of no modality here; these are: {', '.join(answering)}.")
    return model or answering[0]


def _replayed_by(model: str) -> list[str]:
    """The data that the settings name for replay: those of the default modality's model, and of no other."""
    return list(settings.LEARN_REPLAY) if model == modalities.models()[0] else []


def _data_set(number: int | None, model: str) -> DataSet | None:
    if number is None:
        return None
    found = DataSet.objects.filter(number=number).first()
    if found is None:
        raise RunRefused(f"There is no data set {number}; ./retinote learn export --list lists them.")
    if found.model_name not in ([model] if model else modalities.models()):
        answering = model or " and ".join(modalities.models())
        raise RunRefused(
            f"The data set {number} was made for {found.model_name}, and {answering} {'was asked for' if model else 'answers here'}."
        )
    return found


def _begun(run: LearningRun, action: Action) -> LearningRun:
    def write() -> None:
        if run.pk is None:
            run.name = _next_name()
        run.save()
        record(action, acting(), KIND, object_id=run.pk, asked=f"{run.name}: {run.reason}"[:500])

    if (other := open_run()) is not None:
        raise RunRefused(_busy(other))
    try:
        all_or_nothing(write)
    except IntegrityError as error:
        other = open_run()
        raise RunRefused(
            _busy(other) if other else "Another run was begun at the same moment. Look at that one first."
        ) from error
    return run


def _busy(run: LearningRun) -> str:
    if run.is_silent:
        return (
            f"The learning run {run.name} was interrupted. Go on with it: ./retinote learn run --resume, or give it up: "
            "./retinote learn stop."
        )
    return (
        f"The learning run {run.name} is {RunState(run.state).label.lower()} ({run.percent} %), and only one runs at a "
        "time. ./retinote learn status shows it, ./retinote learn stop ends it. If its process has died, it can be gone on "
        "with after a minute."
    )


def _next_name() -> str:
    day = f"{clock.now():%Y-%m-%d}"
    names = LearningRun.objects.filter(name__startswith=f"{day}-").values_list("name", flat=True)
    return f"{day}-{max((int(name.rpartition('-')[2]) for name in names), default=0) + 1}"
