"""`python -m django calibrate`: behind `./retinote calibrate`."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from webapp.audit.recording import by_operator
from webapp.calibration import profiles, summary
from webapp.calibration.models import CalibrationProfile


class Command(BaseCommand):
    """Fit the model's answers to this installation's verified scans, or take that back."""

    help = "Fit temperature, sets and familiarity to this installation's verified scans, without touching the weights."
    requires_system_checks = ()  # they load all of the web app, which takes longer than the work

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The model, and options for what to do instead of calibrating."""
        parser.add_argument("--model", default="", help="its name (default: the first modality's model)")
        others = parser.add_mutually_exclusive_group()
        others.add_argument("--dry-run", action="store_true", help="show before and after; store nothing")
        others.add_argument("--undo", action="store_true", help="take the calibration in use back")
        others.add_argument("--list", action="store_true", help="list all calibrations, newest first")

    def handle(
        self,
        *args: Any,
        dry_run: bool = False,
        undo: bool = False,
        list: bool = False,
        model: str = "",
        **options: Any,
    ) -> None:
        """Calibrate, take back, or show, with an audit record of who did it."""
        try:
            if list:
                self._list()
            elif undo:
                self._undo(model)
            elif dry_run:
                self._print(profiles.propose(model).document(None))
                self.stdout.write("Nothing was stored.")
            else:
                self._calibrate(model)
        except profiles.EXPECTED_ERRORS as error:
            raise CommandError(str(error)) from error

    def _calibrate(self, model: str) -> None:
        with by_operator():
            made = profiles.calibrate(model=model)
        self._print(made)
        self.stdout.write(
            f"The calibration {made.name} is in use: answers name it from the next second on. Scans keep what they were "
            "answered until they are predicted again. ./retinote calibrate --undo takes it back."
        )

    def _undo(self, model: str) -> None:
        with by_operator():
            undone, used = profiles.undo(model=model)
        self.stdout.write(summary.undone(undone, used))

    def _list(self) -> None:
        found = CalibrationProfile.objects.all()
        for profile in found:
            self.stdout.write(
                f"{profile.name}  {profile.model_name} {profile.model_version}  {profile.scans} scans  "
                f"temperature {profile.temperature:.4g}  {_state(profile)}"
            )
        if not found:
            self.stdout.write("There is no local calibration: answers follow the model's card.")

    def _print(self, profile: CalibrationProfile) -> None:
        for line in summary.lines(profile):
            self.stdout.write(line)


def _state(profile: CalibrationProfile) -> str:
    return summary.state(profile, CalibrationProfile.objects.in_use(profile.model_name))
