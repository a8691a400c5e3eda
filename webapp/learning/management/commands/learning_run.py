"""`python -m django learning_run`: behind `./retinote learn run`, `learn status` and `learn stop`."""

from __future__ import annotations

import signal
from argparse import ArgumentParser
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError

from webapp.audit.recording import by_operator
from webapp.learning import driving, run_summary, runs
from webapp.learning.models import LearningRun
from webapp.learning.run_document import RunState

FAILED, NOT_PASSED = 2, 1


class Command(BaseCommand):
    """Make a candidate from what readers verified, in this process; show a run; or stop it."""

    help = "Make the next version from verified scans and let the gate judge it; show or stop a run."
    requires_system_checks = ()  # they load all of the web app, which takes longer than the work

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to do, and the options of a run."""
        parser.add_argument("action", choices=("run", "status", "stop"))
        parser.add_argument("--model", default="", help="the one that learns (default: the first modality's)")
        parser.add_argument("--data-set", type=int, help="number of a data set (default: export one now)")
        parser.add_argument(
            "--replay", nargs="+", default=None, help="data that the version was trained with"
        )
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--resume", action="store_true")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        """Do it, with an audit record of who did."""
        try:
            with by_operator():
                if action == "run":
                    self._run(options)
                elif action == "stop":
                    run = runs.stop()
                    self.stdout.write(run_summary.stopped(run))
                else:
                    self._status()
        except runs.RunRefused as error:
            raise CommandError(str(error)) from error

    def _run(self, options: dict[str, Any]) -> None:
        if options["resume"]:
            run = runs.resume()
        else:
            run = runs.ask(
                data_set=options["data_set"],
                replay=options["replay"],
                seed=options["seed"],
                model=options["model"],
            )
        if not runs.take_up(run):
            raise CommandError(f"The learning run {run.name} was taken up by {run.worker}.")
        signal.signal(signal.SIGTERM, _interrupt)
        self.stdout.write(f"learning run {run.name} in {runs.folder_of(run)}")
        try:
            driving.drive(run, self.stdout.write)
        except KeyboardInterrupt:
            self.stdout.write(run_summary.stopped(run))
            raise SystemExit(130) from None
        for line in run_summary.lines(run):
            self.stdout.write(line)
        if run.state != RunState.DONE:
            raise SystemExit(FAILED)
        if not run.gate.get("passed"):
            raise SystemExit(NOT_PASSED)

    def _status(self) -> None:
        newest = LearningRun.objects.order_by("-asked_at").first()
        if newest is None:
            self.stdout.write("There was no learning run yet: ./retinote learn run begins one.")
            return
        for line in run_summary.lines(newest):
            self.stdout.write(line)


def _interrupt(*_: Any) -> NoReturn:
    raise KeyboardInterrupt
