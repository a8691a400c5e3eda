"""`python -m django publish_test_set`: run at each start of the stack."""

from typing import Any

from django.core.management.base import BaseCommand

from webapp.learning.exporting import publish_test_set
from webapp.learning.rules import ExportFailed


class Command(BaseCommand):
    """Bring the file by which trainings refuse the test set into step with what is stored."""

    help = "Write which scans no training may learn from, as after a restored backup."

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the file, where there is a test set. An error does not stop a start."""
        try:
            publish_test_set()
        except ExportFailed as error:
            self.stderr.write(str(error))
