"""`python -m django sweep_scans`: run at each start of the stack."""

from typing import Any

from django.core.management.base import BaseCommand

from webapp.api.errors import StorageAway
from webapp.scans.sweep import sweep


class Command(BaseCommand):
    """Repair what a crash left half done."""

    help = "Bring stored images and their documents back into step after a crash."

    def handle(self, *args: Any, **options: Any) -> None:
        """Sweep, and print what was repaired. Images in S3 that is away are no reason not to start."""
        try:
            self.stdout.write(str(sweep()))
        except StorageAway as error:
            self.stderr.write(f"Nothing was swept; tomorrow is tried again. {error.strerror}")
