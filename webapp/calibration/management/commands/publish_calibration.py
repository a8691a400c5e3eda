"""`python -m django publish_calibration`: run at each start of the stack."""

from typing import Any

from django.core.management.base import BaseCommand

from webapp.calibration.profiles import CalibrationFailed, publish


class Command(BaseCommand):
    """Bring the model server's folder into step with the calibrations that are stored."""

    help = "Hand the calibration in use to the model server, as after a restored backup."

    def handle(self, *args: Any, **options: Any) -> None:
        """Write or remove files, and print which. An error does not stop a start: answers then follow the card."""
        try:
            changed = publish()
        except CalibrationFailed as error:
            self.stderr.write(str(error))
            return
        for path in changed:
            self.stdout.write(f"{'wrote' if path.exists() else 'removed'} {path}")
