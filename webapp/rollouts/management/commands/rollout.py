"""`python -m django rollout`: behind `./retinote models shadow|canary|trials|repredict`."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from pymongo.errors import PyMongoError

from webapp.audit.model_changes import take_in_all
from webapp.audit.recording import by_operator
from webapp.rollouts import repredicting, steps, summary
from webapp.versions.models import Kind, Rollout, State, Withdrawal

SHOWN = 10
"""Earlier trials that are listed."""


class Command(BaseCommand):
    """Try a version in shadow or as canary, list trials, or predict a withdrawn version's scans again."""

    help = (
        "Try a model version in shadow or as canary; list trials; predict a withdrawn version's scans again."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """An action with its options."""
        actions = parser.add_subparsers(dest="what", required=True)
        for kind in Kind.values:
            one = actions.add_parser(kind)
            one.add_argument("name")
            one.add_argument("version")
            one.add_argument("--stop", action="store_true")
            one.add_argument("--percent", type=float)
            if kind == Kind.CANARY:
                one.add_argument("--stages", default="")
                one.add_argument("--every-s", type=int, default=0)
                one.add_argument("--web-app-only", action="store_true")
                one.add_argument("--lift-withdrawal", action="store_true")
        actions.add_parser("list")
        running = actions.add_parser("running", help="exit with 1 and a sentence if this version is tried")
        running.add_argument("name")
        running.add_argument("version")
        actions.add_parser("repredict").add_argument("name")

    def handle(self, *args: Any, what: str, **options: Any) -> None:
        """Do it, with an audit record of who did it."""
        try:
            with by_operator():
                getattr(self, f"_{what}")(options)
        except (steps.RolloutError, repredicting.NothingToPredict) as error:
            raise CommandError(str(error)) from error
        except (DatabaseError, PyMongoError) as error:
            raise CommandError(
                f"The database does not answer ({type(error).__name__}); nothing was changed. Try again once it does."
            ) from error

    def _shadow(self, options: dict[str, Any]) -> None:
        if options["stop"]:
            self._tell(steps.stop(Kind.SHADOW, options["name"], options["version"]))
            return
        take_in_all()  # a rollback of a moment ago would end it
        percent = 100.0 if options["percent"] is None else options["percent"]
        self._tell(steps.start_shadow(options["name"], options["version"], percent))

    def _canary(self, options: dict[str, Any]) -> None:
        if options["stop"]:
            self._tell(steps.stop(Kind.CANARY, options["name"], options["version"]))
            return
        percent, stages = options["percent"], _stages(options["stages"])
        if percent is None:
            if not stages:
                raise steps.RolloutError(
                    "Say which share of the patients: --percent 5, or --stages 5,25,50,100."
                )
            percent, *stages = stages
        elif stages and stages[0] == percent:
            stages = stages[1:]
        take_in_all()  # a rollback of a moment ago has withdrawn the version
        made = steps.start_canary(
            options["name"],
            options["version"],
            percent,
            stages,
            options["every_s"],
            web_app_only=options["web_app_only"],
            lift_withdrawal=options["lift_withdrawal"],
        )
        self._tell(made)

    def _list(self, options: dict[str, Any]) -> None:
        running = list(Rollout.objects.filter(active__isnull=False))
        for rollout in running:
            self._tell(rollout)
        if not running:
            self.stdout.write("No version is tried in shadow or as canary.")
        for rollout in Rollout.objects.exclude(state=State.RUNNING)[:SHOWN]:
            self.stdout.write(f"{rollout.started:%Y-%m-%d %H:%M} {summary.headline(rollout)}")
        for withdrawal in Withdrawal.objects.standing():
            self.stdout.write(summary.withdrawn_line(withdrawal))

    def _running(self, options: dict[str, Any]) -> None:
        if tried := Rollout.objects.trying(options["name"], options["version"]):
            raise steps.RolloutError(tried.end_first)

    def _repredict(self, options: dict[str, Any]) -> None:
        take_in_all()  # of a rollback a moment ago
        count = repredicting.ask(options["name"])
        self.stdout.write(
            f"{count} scans are predicted again by the worker; earlier answers are kept in each scan's history. "
            "./retinote models trials says how far it is."
        )

    def _tell(self, rollout: Rollout) -> None:
        for line in summary.lines(rollout):
            self.stdout.write(line)


def _stages(text: str) -> list[float]:
    try:
        return [float(stage) for stage in text.split(",") if stage.strip()]
    except ValueError as error:
        raise steps.RolloutError(
            f"--stages are percentages such as 5,25,50,100, and not {text!r}."
        ) from error
